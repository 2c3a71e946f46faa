/**
 * Loads the binary of this platform: from the package that npm chose by `os`, `cpu` and `libc`, or, in the
 * repository, from `build/`. Throws where there is none, or where it cannot be loaded; `datagram-tls` goes on without.
 */
'use strict';

const { platform, arch } = process;

/** Where both of Linux are installed: glibc refuses the binary for musl, but musl would take that for glibc. */
const NAMES = platform === 'linux' ? [`linux-${arch}-musl`, `linux-${arch}-gnu`] : [`${platform}-${arch}`];

module.exports = load();

function load() {
  const failures = [];
  for (const name of NAMES) {
    for (const place of [`./build/${name}.node`, `datagram-tls-native-${name}`]) {
      try {
        return require(place);
      } catch (error) {
        if (error.code !== 'MODULE_NOT_FOUND') failures.push(error);
      }
    }
  }
  if (failures.length > 0) throw failures[0];
  const error = new Error(`datagram-tls-native has no binary for ${NAMES.join(' or ')}`);
  error.code = 'ERR_DTLS_NO_BINARY';
  throw error;
}
