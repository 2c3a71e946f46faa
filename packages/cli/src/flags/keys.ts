import type { PskCredentialOption } from 'datagram-tls';
import { parseCount } from '../args.js';
import { appendPsk, keysByIdentity, parsePsk, readPskFile } from '../psk.js';
import { readSession } from '../session-file.js';
import { parseSni } from '../sni.js';
import { BOTH, CLIENT, type Flag, type Role, SERVER } from './flag.js';

/** Pre-shared keys and saved sessions, and a server's identities by name. */
export const KEY_FLAGS: readonly Flag[] = [
  {
    flags: '--psk <id:hex>',
    help: 'identity and pre-shared key instead of certificates (repeatable); other users may see it, unlike a file',
    roles: BOTH,
    option: 'psk',
    parse: (text, previous) => appendPsk(parsePsk(text), previous),
    finish: pskOption,
  },
  {
    flags: '--psk-file <file>',
    help: 'the same from a file in UTF-8, one ID:HEX a line; each identity once',
    roles: BOTH,
    option: 'psk',
    parse: (file) => readPskFile('--psk-file', file),
    finish: pskOption,
    conflicts: ['psk'],
  },
  {
    flags: '--psk-hide-unknown',
    help: 'answer identities without a key like those with a wrong key, so that they cannot be found out',
    roles: SERVER,
    option: 'pskHideUnknown',
    value: true,
    needs: ['psk', 'pskFile'],
  },
  {
    flags: '--session <file>',
    help: 'resume the session in this file, if it is there, and put the next one there: secrets, for its owner alone',
    roles: CLIENT,
    option: 'session',
    finish: (file) => readSession('--session', file as string),
  },
  {
    flags: '--early-data <text>',
    help: 'send this line before the handshake if the session allows it (DTLS 1.3), else as the first; it can be replayed',
    roles: CLIENT,
    option: 'earlyData',
    parse: (text) => `${text}\n`,
    needs: ['session'],
  },
  {
    flags: '--max-early-data <bytes>',
    help: 'DTLS 1.3: accept this much early data, up to 65536 bytes, and answer it; it can be replayed',
    roles: SERVER,
    option: 'maxEarlyData',
    parse: parseCount,
  },
  {
    flags: '--sni <name:cert:key>',
    help: 'certificate chain and key in PEM for clients that ask for this name (repeatable); * is any other',
    roles: SERVER,
    option: 'sni',
    parse: parseSni,
  },
  {
    flags: '--psk-modes <list>',
    help: 'DTLS 1.3: how keys are used, psk_dhe_ke or, without forward secrecy, psk_ke; with colons between',
    roles: BOTH,
    option: 'pskModes',
  },
];

/** A server looks identities up, a client names its own. */
function pskOption(value: unknown, role: Role): unknown {
  const credentials = value as PskCredentialOption[];
  return role === 'server' ? keysByIdentity(credentials) : credentials;
}
