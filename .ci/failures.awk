# The failures that logs list at their ends (scripts/report.mjs), by stage: every name, and the reasons as far as there is room.
BEGIN { REASON_LINES = 20; STAGE_LINES = 60; STAGE_NAMES = 200; WIDTH = 400 }
FNR == 1 { end_stage(); listing = 0; names = 0; lines = 0 }
/^Failed:$/ { listing = 1; next }
!/^  / { listing = 0 }
!listing { next }
/^      / { if (names <= STAGE_NAMES && ++reason <= REASON_LINES && lines < STAGE_LINES) tell($0); next }
{
  reason = 0
  if (++names == 1) { stage = FILENAME; sub(/.*\//, "", stage); print "Failed in " stage ":" }
  if (names <= STAGE_NAMES) tell($0)
}
END { end_stage() }

function tell(line) { lines++; print substr(line, 1, WIDTH) }
function end_stage() { if (names > STAGE_NAMES) print "  and " names - STAGE_NAMES " more" }
