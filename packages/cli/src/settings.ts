import type { ConnectOptions, DTLSSession, ListenOptions } from 'datagram-tls';
import type { Role } from './flags/flag.js';
import { libraryOptions } from './flags.js';
import { openKeylog, type WriteKeylog } from './keylog.js';
import { Report } from './report.js';
import type { Terminal } from './terminal.js';

/** A parsed command line, ready to act on. */
export interface Settings {
  /** For `listen` or `connect`, without those that the command itself decides. */
  readonly options: Partial<ListenOptions & ConnectOptions>;
  readonly terminal: Terminal;
  readonly report: Report;
  readonly keylog: WriteKeylog | undefined;
  /** Client: where the next session is kept. */
  readonly sessionFile: string | undefined;
  /** Client: milliseconds of quiet after the end of input. */
  readonly linger: number;
}

/** `values` are commander's; `keylogOption` names where the key log's file came from, for errors. */
export function readSettings(
  role: Role,
  values: Record<string, unknown>,
  keylogOption: string,
  terminal: Terminal,
): Settings {
  const { keylog: file, session } = values;
  return {
    options: libraryOptions(role, values),
    terminal,
    report: new Report(terminal, values['verbose'] === true),
    keylog: typeof file === 'string' && file !== '' ? openKeylog(keylogOption, file) : undefined,
    sessionFile: typeof session === 'string' ? session : undefined,
    linger: typeof values['linger'] === 'number' ? values['linger'] : 0,
  };
}

/** Must come before the handshake, in the turn that made the session. */
export function attachKeylog(session: DTLSSession, { keylog }: Settings): void {
  if (keylog !== undefined) session.onkeylog = keylog;
}
