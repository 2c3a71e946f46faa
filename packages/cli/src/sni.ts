import { InvalidArgumentError } from 'commander';
import type { SniIdentity } from 'datagram-tls';
import { readOptionFile } from './files.js';

/** The command line's certificates by name. */
export type Names = ReadonlyMap<string, SniIdentity>;

/** `NAME:CERT:KEY`, added to the names before it. */
export function parseSni(text: string, previous: unknown): Names {
  const [, name, cert, key] = /^([^:]+):([^:]+):([^:]+)$/.exec(text) ?? [];
  if (name === undefined || cert === undefined || key === undefined)
    throw new InvalidArgumentError('NAME:CERT:KEY is expected, such as a.example:a.pem:a.key.');
  const names = new Map(previous instanceof Map ? (previous as Names) : []);
  if (names.has(name)) throw new InvalidArgumentError(`${name} is there twice.`);
  return names.set(name, { cert: readOptionFile('--sni', cert), key: readOptionFile('--sni', key) });
}

/** The server's own certificate or keys, if any, are for clients that ask for none of these names. */
export function withFallback(names: Names): Names {
  return names.has('*') ? names : new Map([...names, ['*', {}]]);
}
