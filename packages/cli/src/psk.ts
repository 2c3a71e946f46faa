import { InvalidArgumentError } from 'commander';
import type { PskCredentialOption } from 'datagram-tls';
import { FileError, readOptionFile } from './files.js';

/** `ID:HEX`, where only the last colon counts. */
export function parsePsk(text: string): PskCredentialOption {
  const credential = readPsk(text);
  if (credential === undefined)
    throw new InvalidArgumentError('ID:HEX is expected, such as sensor-1:00a1b2c3.');
  return credential;
}

/** A file of such lines, which keeps keys out of the list of processes. Empty lines and those that begin with # are left out. */
export function readPskFile(option: string, file: string): PskCredentialOption[] {
  const lines = readOptionFile(option, file).toString('utf8').split(/\r?\n/);
  const credentials = lines.flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    const credential = readPsk(line);
    if (credential === undefined)
      throw new FileError(option, 'use', file, new Error(`line ${index + 1} is not ID:HEX`));
    return [credential];
  });
  if (credentials.length === 0) throw new FileError(option, 'use', file, new Error('it holds no key'));
  return credentials;
}

/** What a server looks identities up in. */
export function keysByIdentity(credentials: readonly PskCredentialOption[]) {
  return new Map(credentials.map(({ identity, key }) => [identity, key]));
}

function readPsk(text: string): PskCredentialOption | undefined {
  const [, identity, hex] = /^(.+):((?:[0-9a-fA-F]{2})+)$/.exec(text) ?? [];
  return identity === undefined || hex === undefined ? undefined : { identity, key: Buffer.from(hex, 'hex') };
}
