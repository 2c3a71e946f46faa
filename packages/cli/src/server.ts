import { type DTLSEndpoint, type DTLSSession, listen } from 'datagram-tls';
import { formatHostPort, type HostPort } from './args.js';
import { CommandFailure, isSystemError, reason } from './errors.js';
import { goOn, keepSessions, openStateStore } from './hand-over.js';
import { refusedCertificate } from './pin.js';
import { reportRefusals } from './refusals.js';
import type { Report } from './report.js';
import { attachKeylog, type Settings } from './settings.js';
import { closeOnSignal } from './signals.js';
import { type Names, withFallback } from './sni.js';

const PREFIX = Buffer.from('Echo: ');

type Options = Settings['options'];

/** Advice that the operator passes on to clients. */
interface Ephemeral {
  readonly what: string;
  readonly pin: string;
  /** The session of the client. */
  readonly flags: string;
}

/**
 * Answers every message with `Echo: ` before it, until a signal comes; with a state file, the next server goes on with the
 * sessions. Resolves with the exit status.
 */
export async function runServer(at: HostPort, settings: Settings): Promise<number> {
  const { report } = settings;
  const store = openStateStore(settings);
  const { identity, ephemeral } = await identityFor(at.host, settings.options);
  const options = {
    ...settings.options,
    ...identity,
    ...report.traceOption(),
    ...earlyReceiver(settings),
    ...(await connectionIds(settings)),
  };
  const endpoint = await bind(at, options, (session) => serve(session, settings));
  // In the turn of the event loop in which the socket is bound: no datagram of a session comes before it.
  if (store !== undefined) goOn(endpoint, store, report, (session) => serve(session, settings));
  let status = 0;
  closeOnSignal(settings.terminal, () => {
    endpoint.busy = true;
    if (store !== undefined && !keepSessions(endpoint, store, report)) status = 1;
    return closeAll(endpoint);
  });
  announce(settings, at, endpoint, ephemeral);
  reportRefusals(endpoint, report);
  await endpoint.closed;
  return status;
}

/** Unlike `endpoint.close` alone it waits a moment for the close_notify of each client. */
async function closeAll(endpoint: DTLSEndpoint): Promise<void> {
  const open = [...endpoint.sessions].filter(({ protocol }) => protocol !== undefined);
  await Promise.allSettled(open.map(({ writable }) => writable.close()));
  await endpoint.close();
}

/**
 * The options of the command line, names included; otherwise an ephemeral certificate or key, whose pin clients need.
 * Certificates beside names are for all other names.
 */
async function identityFor(
  host: string,
  { cert, key, pfx, psk, sni, certificateTypes }: Options,
): Promise<{ identity?: Options; ephemeral?: Ephemeral }> {
  if ([cert, key, pfx, psk].some((given) => given !== undefined))
    return sni === undefined ? {} : { identity: { sni: withFallback(sni as Names) } };
  if (sni !== undefined) return {};
  const { makeEphemeralIdentity } = await import('./certificate.js');
  const { pin, keyPin, ...identity } = await makeEphemeralIdentity(host);
  const ephemeral =
    certificateTypes?.[0] === 'RawPublicKey'
      ? { what: 'public key', pin: keyPin, flags: `--rpk --pin ${keyPin}` }
      : { what: 'certificate', pin, flags: `--pin ${pin}` };
  return { identity, ephemeral };
}

/** Early data is echoed early. */
function earlyReceiver({ options, report }: Settings): Pick<Options, 'onearlydata'> {
  if ((options.maxEarlyData ?? 0) === 0) return {};
  return { onearlydata: (data, session) => echo(session, report, data) };
}

/** Those of `--cid-server-id` replace those of `--cid`. */
async function connectionIds({ serverId }: Settings): Promise<Pick<Options, 'connectionId'>> {
  if (serverId === undefined) return {};
  const { loadBalancedConnectionIds } = await import('datagram-tls/load-balancing');
  return { connectionId: loadBalancedConnectionIds(serverId) };
}

async function bind(
  { host, port }: HostPort,
  options: Options,
  onsession: (session: DTLSSession) => void,
): Promise<DTLSEndpoint> {
  try {
    const endpoint = listen(onsession, { ...options, host, port });
    await endpoint.opened;
    return endpoint;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new CommandFailure(`cannot listen on ${formatHostPort(host, port)}`, error);
  }
}

function announce(
  { report }: Settings,
  { host }: HostPort,
  endpoint: DTLSEndpoint,
  ephemeral: Ephemeral | undefined,
): void {
  const { address, port } = endpoint.address ?? { address: host, port: 0 };
  report.say(`listening on ${formatHostPort(address, port)}`);
  if (ephemeral === undefined) return;
  report.say(`ephemeral ${ephemeral.what} with pin ${ephemeral.pin}; connect with:`);
  report.say(`  dtls client ${formatHostPort(reachable(host), port)} ${ephemeral.flags}`);
}

/** On this machine, a server on every address is reached by the loopback address. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function serve(session: DTLSSession, settings: Settings): void {
  const { report } = settings;
  const name = report.nameOf(session);
  attachKeylog(session, settings);
  session.onmessage = (message) => echo(session, report, message);
  session.opened.then(
    () => {
      report.opened(session);
      session.onerror = (error) => report.say(`${name} session failed: ${reason(error)}`);
    },
    (error: unknown) => report.say(`${name} handshake failed: ${reason(error)}${pinIfRefused(error)}`),
  );
  const onClosed = (): void => report.closed(session);
  session.closed.then(onClosed, onClosed);
}

/** The options that would let the client in. */
function pinIfRefused(error: unknown): string {
  const refused = refusedCertificate(error);
  return refused === undefined ? '' : `; its pin is ${refused.pin}`;
}

/** A message may be too long with the prefix, or its session may be closing. */
function echo(session: DTLSSession, report: Report, message: Uint8Array): void {
  try {
    session.send(Buffer.concat([PREFIX, message]));
  } catch (error) {
    report.say(`${report.nameOf(session)} echo not sent: ${reason(error)}`);
  }
}
