# For .ci/run: what is free where it builds and where temporary files go, and whether a stage failed for want of it.
# A disk that is full shows itself as ENOENT, or as a tool that fails without a reason.

# MB that a whole run takes on a clean checkout: 3,600 in .cache (Nodes of other platforms, other runtimes, foreign peers, zig), 500 in
# the two node_modules, and what is built and written to temporary files.
SPACE_NEEDED=4500
# A stage that failed with less than this left, MB, is taken to have failed for that.
SPACE_LOW=300

# The folders whose space counts.
space_of() { printf '%s\n' "$PWD" "${TMPDIR:-/tmp}"; }

# MB; nothing where it cannot be told.
free_mb() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }'; }

least_free() { space_of | while read -r folder; do free_mb "$folder"; done | sort -n | head -n 1; }

space_free() {
  space_of | while read -r folder; do printf '%s MB free in %s, ' "$(free_mb "$folder")" "$folder"; done | sed 's/, $//'
}

# MB of SPACE_NEEDED that runs before this one have left here.
space_taken() { du -sm .cache node_modules site/node_modules 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }'; }

# A line for the summary where a whole run does not fit; nothing otherwise.
space_lacks() {
  local free needed
  free=$(least_free) needed=$((SPACE_NEEDED - $(space_taken)))
  [ -n "$free" ] && [ "$free" -lt "$needed" ] && echo "space            $free MB free at the start, where this run takes about $needed"
}

# space_watched PID FILE: notes what is free while a stage runs, as its temporary files may be gone when it has failed.
space_watched() {
  while kill -0 "$1" 2>/dev/null; do
    least_free
    sleep 2
  done >"$2"
}

# space_blamed NAME LOG FILE: a line for the summary where the stage NAME has failed for want of space; nothing otherwise.
space_blamed() {
  local least
  least=$({ cat "$3"; least_free; } 2>/dev/null | sort -n | head -n 1)
  if grep -qE 'ENOSPC|[Nn]o space left on device|[Dd]isk quota exceeded' "$2" || [ "${least:-$SPACE_LOW}" -lt "$SPACE_LOW" ]; then
    echo "space            $1 failed on a full disk: ${least:-?} MB were free at the least"
  fi
}
