import { connect, type DTLSSession, type TraceEvent } from 'datagram-tls';
import { formatHostPort, type HostPort } from './args.js';
import { CommandFailure, codeOf, explain } from './errors.js';
import { Flow } from './flow.js';
import { splitLines } from './lines.js';
import { refusedCertificate } from './pin.js';
import { showProgress } from './progress.js';
import { keepSession } from './session-file.js';
import { attachKeylog, type Settings } from './settings.js';
import { closeOnSignal } from './signals.js';

/** Sends standard input line by line and prints the answers. Resolves with the exit status. */
export async function runClient(target: HostPort, settings: Settings): Promise<number> {
  const { options, report, terminal } = settings;
  if (options.rejectUnauthorized === false) {
    report.say(
      'WARNING: --insecure: the server is NOT verified; anyone on the way can read and change everything',
    );
  }
  const flow = new Flow();
  if (options.earlyData !== undefined) flow.onSent();
  const interrupted = closeOnSignal(terminal, () => leave(session, flow));
  const peer = { saidGoodbye: false };
  const trace = (event: TraceEvent, traced: DTLSSession): void => {
    if (isGoodbye(event)) peer.saidGoodbye = true;
    report.trace(event, traced);
  };
  const session = connect(target.host, target.port, { ...options, trace });
  attachKeylog(session, settings);
  attachSessionFile(session, settings);
  const name = formatHostPort(target.host, target.port);
  const endProgress = showProgress(session, name, settings);
  // Set at once, so that no message is missed.
  const messages = session[Symbol.asyncIterator]();
  try {
    await session.opened;
  } catch (error) {
    const status = interrupted();
    if (status !== undefined) return status;
    const details = refusedCertificate(error)?.lines ?? [];
    throw new CommandFailure(`handshake with ${name} failed`, error, details);
  } finally {
    endProgress();
  }
  report.opened(session);
  const complete = await converse(session, messages, flow, settings);
  report.closed(session);
  const { missing } = flow;
  if (missing === 0 || peer.saidGoodbye || interrupted() !== undefined) return complete ? 0 : 1;
  report.say(`${name} is gone: it did not answer ${missing} of the messages, nor close_notify`);
  return 1;
}

function isGoodbye(event: TraceEvent): boolean {
  return event.kind === 'alert' && event.direction === 'received' && event.description === 'close_notify';
}

/**
 * The saved session in the file is being used now, and a DTLS 1.3 session only once. Failing to save a new one ends
 * nothing.
 */
function attachSessionFile(session: DTLSSession, { sessionFile, report }: Settings): void {
  if (sessionFile === undefined) return;
  const keep = (kept: Uint8Array | undefined): void => {
    try {
      keepSession('--session', sessionFile, kept);
    } catch (error) {
      report.say(explain(error).line);
    }
  };
  keep(undefined);
  session.onsession = keep;
}

/** `false` when a line could not be sent; throws the error that ended the session, unless it was close_notify. */
async function converse(
  session: DTLSSession,
  messages: AsyncIterable<Uint8Array>,
  flow: Flow,
  settings: Settings,
): Promise<boolean> {
  let failure: Error | undefined;
  session.onerror = (error) => {
    failure = error;
  };
  const ended = session.closed
    .catch(() => undefined)
    .then(() => {
      flow.stop();
      settings.terminal.stdin.destroy();
    });
  const printing = print(session, messages, flow, settings).then(
    () => undefined,
    (error: unknown) => error,
  );
  let complete: boolean;
  let printed: unknown;
  try {
    complete = await sendLines(session, flow, settings);
    await flow.drained(settings.linger);
  } finally {
    // Unlike `close` it waits a moment for the server's close_notify.
    await session.writable.close().catch(() => undefined);
    await session.close();
    await ended;
    printed = await printing;
  }
  // The loop over the messages throws the error of the session, too.
  if (printed instanceof Error && printed !== failure) throw printed;
  if (failure !== undefined) throw new CommandFailure('session failed', failure);
  return complete;
}

/** `false` when a line was too long for one datagram: it is reported and skipped, the others are sent. */
async function sendLines(session: DTLSSession, flow: Flow, { terminal, report }: Settings): Promise<boolean> {
  const limit = session.maxMessageSize ?? 0;
  let complete = true;
  try {
    for await (const { number, length, bytes } of splitLines(terminal.stdin, limit)) {
      if (bytes !== undefined) await flow.room();
      if (flow.stopped || session.destroyed) break;
      // It falls when the system refuses a datagram.
      const most = session.maxMessageSize ?? limit;
      if (bytes === undefined || length > most) {
        report.say(
          `line ${number} not sent: ${length} bytes, and one datagram holds at most ${most} (see --mtu)`,
        );
        complete = false;
        continue;
      }
      session.send(bytes);
      flow.onSent();
    }
  } catch (error) {
    // Standard input was closed because the session is over.
    if (!flow.stopped && !session.destroyed) throw new CommandFailure('input not sent', error);
  }
  return complete;
}

async function print(
  session: DTLSSession,
  messages: AsyncIterable<Uint8Array>,
  flow: Flow,
  { terminal }: Settings,
): Promise<void> {
  let failure: Error | undefined;
  terminal.stdout.on('error', (error: Error) => {
    failure = error;
    leave(session, flow);
  });
  for await (const message of messages) {
    flow.onReceived();
    terminal.stdout.write(message);
  }
  // A reader that stops early is not a failure.
  if (failure !== undefined && codeOf(failure) !== 'EPIPE') {
    throw new CommandFailure('cannot write to standard output', failure);
  }
}

/** Before the end of input: unsent lines stay unsent. */
function leave(session: DTLSSession, flow: Flow): void {
  flow.stop();
  void session.close();
}
