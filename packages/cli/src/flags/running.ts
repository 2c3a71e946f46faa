import { parseCount } from '../args.js';
import { BOTH, CLIENT, type Flag, SERVER } from './flag.js';

/** Timeouts, and diagnostics. */
export const RUNNING_FLAGS: readonly Flag[] = [
  {
    flags: '--handshake-timeout <ms>',
    help: 'give up a handshake after this long; 0: never (default: 60000)',
    roles: BOTH,
    option: 'handshakeTimeout',
    parse: parseCount,
  },
  {
    flags: '--idle-timeout <ms>',
    help: 'end a session whose peer is silent for this long; 0: never (default: 1800000 on a server, 0 on a client)',
    roles: BOTH,
    option: 'idleTimeout',
    parse: parseCount,
  },
  {
    flags: '--max-sessions <n>',
    help: 'hold no more sessions than this; 0: no limit (default: 10000)',
    roles: SERVER,
    option: 'maxSessions',
    parse: parseCount,
  },
  {
    flags: '--cookies <when>',
    help: 'ask clients for a cookie always, or under-load: a handshake then takes one round trip less (default: always)',
    roles: SERVER,
    option: 'cookies',
  },
  {
    flags: '--state <file>',
    help: 'hand the open sessions to the next server: SIGTERM and SIGINT keep them in this file, a start goes on with them',
    roles: SERVER,
  },
  {
    flags: '--state-key <file>',
    help: 'file with the key of --state, 32 bytes or 64 hex digits (default: the name of that file with .key, made when missing)',
    roles: SERVER,
    needs: ['state'],
  },
  {
    flags: '--linger <ms>',
    help: 'at the end of input, wait for outstanding answers until none has come for this long',
    roles: CLIENT,
    parse: parseCount,
    standard: 1000,
  },
  {
    flags: '--keylog <file>',
    help: 'append the secrets of every session to this file, for Wireshark',
    roles: BOTH,
    env: 'SSLKEYLOGFILE',
  },
  {
    flags: '-v, --verbose',
    help: 'tell on standard error what was negotiated, and every flight, acknowledgement, key update and alert',
    roles: BOTH,
  },
];
