import type { ConnectOptions, DTLSSession, ListenOptions } from 'datagram-tls';
import type { LoadBalancedOptions } from 'datagram-tls/load-balancing';
import type { Role } from './flags/flag.js';
import { libraryOptions } from './flags.js';
import { openKeylog, type WriteKeylog } from './keylog.js';
import { Report } from './report.js';
import { readServerId } from './server-id.js';
import type { Terminal } from './terminal.js';

/** A parsed and checked command line. */
export interface Settings {
  /** For `listen` or `connect`, without the options that the command itself sets. */
  readonly options: Partial<ListenOptions & ConnectOptions>;
  readonly terminal: Terminal;
  readonly report: Report;
  readonly keylog: WriteKeylog | undefined;
  /** Client: the file for the next session. */
  readonly sessionFile: string | undefined;
  /** Server: the file for open sessions. */
  readonly stateFile: string | undefined;
  /** Server: the file with the key of `stateFile`, unless it is beside that. */
  readonly stateKeyFile: string | undefined;
  /** Server: the form of connection IDs for a load balancer. */
  readonly serverId: LoadBalancedOptions | undefined;
  /** Client: milliseconds of quiet after the end of input. */
  readonly linger: number;
}

/** `values` are commander's; `keylogOption` is the name to use in errors about the key log. */
export function readSettings(
  role: Role,
  values: Record<string, unknown>,
  keylogOption: string,
  terminal: Terminal,
): Settings {
  const { keylog: file, session, state, stateKey } = values;
  return {
    options: libraryOptions(role, values),
    terminal,
    report: new Report(terminal, values['verbose'] === true),
    keylog: typeof file === 'string' && file !== '' ? openKeylog(keylogOption, file) : undefined,
    sessionFile: typeof session === 'string' ? session : undefined,
    stateFile: typeof state === 'string' ? state : undefined,
    stateKeyFile: typeof stateKey === 'string' ? stateKey : undefined,
    serverId: readServerId(values),
    linger: typeof values['linger'] === 'number' ? values['linger'] : 0,
  };
}

/** Must be set before the handshake, in the turn that made the session. */
export function attachKeylog(session: DTLSSession, { keylog }: Settings): void {
  if (keylog !== undefined) session.onkeylog = keylog;
}
