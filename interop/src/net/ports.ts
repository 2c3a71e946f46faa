import * as ports from '../../../scripts/ports.mjs';

/** Of all addresses of both families, as gnutls-serv binds it. */
const address = '::';

/** A UDP port that was free a moment ago, and that this process uses only once. */
export async function freePort(): Promise<number> {
  return await ports.freePort({ address });
}

/** The first of two such ports in a row. */
export async function freePortPair(): Promise<number> {
  return await ports.freePort({ address, inARow: 2 });
}
