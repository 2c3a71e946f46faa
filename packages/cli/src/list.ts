import { type Acceleration, DTLSEndpoint, getSupported } from 'datagram-tls';
import type { Terminal } from './terminal.js';

/** `dtls --list`: names as the options take them, one a line, each after its kind. */
export function list(terminal: Terminal): void {
  const { versions, ciphers, groups, sigalgs } = getSupported();
  const { acceleration } = new DTLSEndpoint();
  const rows = {
    version: versions,
    cipher: ciphers,
    group: groups,
    sigalg: sigalgs,
    native: nativeNames(acceleration),
  };
  for (const [kind, names] of Object.entries(rows))
    for (const name of names) terminal.stdout.write(`${kind.padEnd(8)}${name}\n`);
}

function nativeNames({
  ciphers,
  hashes,
  groups,
  sigalgs,
  datagrams,
  reason,
}: Acceleration): readonly string[] {
  const computed =
    reason === undefined ? [...ciphers, ...hashes, ...groups, ...sigalgs] : [`none: ${reason}`];
  return [...computed, ...datagrams];
}
