#!/usr/bin/env bash
# Builds the foreign peers that come without a command of their own, into .cache/interop: interop/peers.sh [PEER...]
# A peer that cannot be built is named with the reason, and its cases are skipped; that is no failure of this script.
# Network: Debian's packages, and the registries of Rust, Go and Maven. What is there already is not built again.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$here/../.cache/interop
bin=$cache/bin
logs=$cache/logs
readonly LIMIT=480

main() {
  mkdir -p "$bin" "$logs"
  [ $# -gt 0 ] || set -- pion3 pion scandium nss dimpl mbedtls mbedtls3 wolfssl boringssl
  local peer
  for peer in "$@"; do
    build "$peer"
  done
}

# build PEER: runs build_PEER, leaving PEER-peer or PEER-peer.missing behind.
build() {
  local peer=$1 program=$bin/$1-peer log=$logs/$1.log started=$SECONDS reason
  rm -f "$program" "$program.missing"
  if reason=$("build_$peer" "$program" 2>"$log") && [ -x "$program" ]; then
    printf '%-10s %3d s  built\n' "$peer" $((SECONDS - started))
    return
  fi
  reason=${reason:-$(grep -m1 -iE '^(error|E:)|: error|fatal' "$log" || tail -n 1 "$log")}
  printf '%s\n' "$reason" >"$program.missing"
  printf '%-10s %3d s  skipped: %s\n' "$peer" $((SECONDS - started)) "$reason"
}

# Firefox has a newer NSS than Debian's libnss3, whose DTLS 1.3 is a draft's. Only its libraries are unpacked.
build_nss() {
  need cc gcc && need /usr/include/nss/ssl.h libnss3-dev || return
  local firefox=$cache/firefox source=$here/native/nss-peer
  [ -e "$firefox/libssl3.so" ] || fetch_firefox_libraries "$firefox" || { echo 'no libraries of firefox-esr'; return 1; }
  # Its libraries find each other only by the old kind of path.
  cc -std=c11 -O1 -Wall -Wextra -I/usr/include/nss -I/usr/include/nspr "$source"/*.c -o "$1" \
    -L"$firefox" -Wl,-rpath,'$ORIGIN/../firefox',--disable-new-dtags -lssl3 -lnss3 -lnssutil3 -lplds4 -lplc4 -lnspr4 >&2
}

fetch_firefox_libraries() {
  local scratch library
  scratch=$(mktemp -d) || return
  mkdir -p "$1"
  (
    cd "$scratch" || exit
    refresh_package_lists
    # apt's own user cannot write here, and apt says so.
    timeout 180 apt-get -q download firefox-esr || exit
    for library in nss3 ssl3 nssutil3 smime3 softokn3 freeblpriv3 mozsqlite3; do
      printf './usr/lib/firefox-esr/lib%s.so\n' "$library"
    done >wanted
    dpkg --fsys-tarfile firefox-esr*.deb | tar -x --strip-components=4 -C "$1" -T wanted
  ) >&2
  local status=$?
  rm -rf "$scratch"
  return "$status"
}

build_dimpl() {
  rust_peer dimpl-peer "$1"
}

build_mbedtls() {
  need cmake cmake && need_libclang || return
  rust_peer mbedtls-peer "$1"
}

# Version 3.6 comes in a crate whose build is for other purposes: only its sources are used.
build_mbedtls3() {
  local crate=mbedtls-rs-sys@0.3.1 source
  need cc gcc || return
  timeout 120 cargo info --quiet "$crate" >&2 || { echo "the registry does not give the crate $crate"; return 1; }
  source=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"${crate/@/-}"/mbedtls | head -n 1)
  MBEDTLS3=$source rust_peer mbedtls3-peer "$1"
}

# The crate leaves these out of the library: key logs, exporters, raw public keys, suites with a pre-shared key but no key
# exchange, tickets, sessions in files, and early data, with a server that then asks for no cookie.
build_wolfssl() {
  need autoreconf autoconf && need aclocal automake && need libtoolize libtool && need patch patch && need_libclang || return
  local built=$cache/native/wolfssl-defines defines='-DHAVE_SECRET_CALLBACK -DHAVE_KEYING_MATERIAL -DWOLFSSL_STATIC_PSK'
  defines+=' -DHAVE_RPK -DHAVE_SESSION_TICKET -DHAVE_EXT_CACHE -DWOLFSSL_DTLS_CID -DDTLS_CID_MAX_SIZE=32'
  defines+=' -DWOLFSSL_EARLY_DATA -DWOLFSSL_DTLS13_NO_HRR_ON_RESUME'
  # Cargo does not notice when they change.
  [ "$(cat "$built" 2>/dev/null)" = "$defines" ] ||
    CARGO_TARGET_DIR=$cache/native cargo clean --quiet --release --manifest-path "$here/native/Cargo.toml" -p wolfssl-sys >&2
  CFLAGS=$defines rust_peer wolfssl-peer "$1" && printf '%s' "$defines" >"$built"
}

build_boringssl() {
  need cmake cmake && need c++ g++ && need_libclang || return
  rust_peer boring-peer "$1"
}

# pion/dtls 3 has DTLS 1.2 only.
build_pion3() {
  need_go || return
  (cd "$here/go/pion-peer" && go build -o "$1" .) >&2
}

# pion/dtls 4 has DTLS 1.3 too. With PION_DTLS=FOLDER a checkout of it is taken instead.
build_pion() {
  need_go || return
  local source=$cache/pion-peer checkout=${PION_DTLS:-} module=github.com/pion/dtls/v4
  rm -rf "$source"
  cp -r "$here/go/pion-peer" "$source"
  (
    cd "$source" || exit
    sed -i "s#github.com/pion/dtls/v3#$module#" ./*.go
    go mod edit -droprequire github.com/pion/dtls/v3 -require "$module@v4.0.1"
    [ -n "$checkout" ] && go mod edit -replace "$module=$(realpath "$checkout")"
    go mod tidy && go build -tags dtls13 -o "$1" .
  ) >&2 && return
  grep -qE '40[34]|410' "$logs/pion.log" && echo "the Go registry does not give $module, and PION_DTLS names no checkout"
  return 1
}

need_go() {
  command -v go >/dev/null || { echo 'go is not installed'; return 1; }
}

build_scandium() {
  need mvn maven && need javac default-jdk-headless || return
  local source=$here/java/scandium-peer classes=$cache/scandium version
  rm -rf "$classes"
  version=$(sed -n '/<artifactId>scandium</,/<version>/s/.*<version>\(.*\)<.*/\1/p' "$source/pom.xml")
  timeout "$LIMIT" mvn -q -B -f "$source/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$classes" >&2 || { echo 'the Maven registry does not give org.eclipse.californium:scandium'; return 1; }
  javac -d "$classes" -cp "$classes/*" "$source"/src/*.java >&2 || return
  # The second compiler costs such short lives more than it gives.
  printf '#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dscandium.version=%s -cp "%s:%s/*" ScandiumPeer "$@"\n' \
    "$version" "$classes" "$classes" >"$1"
  chmod +x "$1"
}

# rust_peer PACKAGE PROGRAM
rust_peer() {
  need cc gcc && need make make || return
  command -v cargo >/dev/null || { echo 'cargo is not installed'; return 1; }
  # libclang comes without the compiler's own headers.
  BINDGEN_EXTRA_CLANG_ARGS="-I$(cc -print-file-name=include)" CARGO_TARGET_DIR=$cache/native \
    timeout "$LIMIT" cargo build --release --quiet --manifest-path "$here/native/Cargo.toml" -p "$1" >&2 || return
  cp "$cache/native/release/$1" "$2"
}

need_libclang() {
  ldconfig -p | grep -q 'libclang-[0-9]*\.so' && return
  install libclang1-14
  ldconfig -p | grep -q 'libclang-[0-9]*\.so' || { echo 'libclang is not installed'; return 1; }
}

# need COMMAND|FILE PACKAGE
need() {
  [ -e "$1" ] || command -v "$1" >/dev/null && return
  install "$2"
  [ -e "$1" ] || command -v "$1" >/dev/null || { echo "$2 is not installed"; return 1; }
}

install() {
  command -v apt-get >/dev/null || return
  refresh_package_lists
  DEBIAN_FRONTEND=noninteractive timeout 180 apt-get -q -y install --no-install-recommends "$@" >&2
}

# Once a day at most.
refresh_package_lists() {
  local stamp=$cache/package-lists
  [ -n "$(find "$stamp" -mtime -1 2>/dev/null)" ] || { timeout 120 apt-get -q update >&2 && touch "$stamp"; }
}

main "$@"
