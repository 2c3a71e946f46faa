/**
 * A client and a server over `datagram-tls/core`: no socket, no timer, no clock, and no module of Node. Cryptography is an argument.
 * `npm run check:bundles` bundles this program without Node's modules and runs it with a provider that stands outside the bundle.
 */
import {
  type CryptoProvider,
  dtls12,
  dtls13,
  Endpoint,
  type EndpointEvent,
  type PeerAddress,
  type Platform,
  type ProtocolVersion,
  performJob,
  resolveBehaviour,
  resolveLimits,
  resolveSecurity,
} from 'datagram-tls/core';

const MAX_ROUNDS = 100;

/** PEM. The certificate is of `localhost`. */
export interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Side {
  readonly endpoint: Endpoint;
  readonly address: PeerAddress;
  readonly messages: string[];
}

/** Sends `text` to a server that echoes it, and returns the version that was negotiated and what came back. */
export function echo(provider: CryptoProvider, { ca, cert, key }: Identity, text: string): string[] {
  const platform: Platform<ProtocolVersion> = {
    provider,
    versions: [dtls13, dtls12],
  };
  const behaviour = resolveBehaviour({}, false);
  const server = makeSide(1);
  const client = makeSide(2);
  server.endpoint.serve({ security: resolveSecurity({ cert, key }, 'server', platform), behaviour });
  const security = resolveSecurity({ ca }, 'client', platform);
  const destination = { serverName: 'localhost', verifyName: 'localhost', session: undefined, earlyData: [] };
  client.endpoint.connect(server.address, security, behaviour, destination, 0);
  for (let round = 0; round < MAX_ROUNDS && client.messages.length < 2; round++) {
    transmit(client, server);
    transmit(server, client);
    tell(client, (version) => [version, text]);
    tell(server, () => []);
  }
  return client.messages;
}

function makeSide(port: number): Side {
  const address: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port };
  return { endpoint: new Endpoint(resolveLimits({})), address, messages: [] };
}

function transmit(from: Side, to: Side): void {
  const { address, family, port } = from.address;
  for (let out = from.endpoint.pollTransmit(); out !== undefined; out = from.endpoint.pollTransmit())
    to.endpoint.receive(out.data, address, port, family, 0);
}

/** `onConnected` returns what to note, and then what to send. */
function tell(side: Side, onConnected: (version: string) => string[]): void {
  for (let event = side.endpoint.pollEvent(); event !== undefined; event = side.endpoint.pollEvent())
    if (event.type === 'connection') onEvent(side, event, onConnected);
}

function onEvent(
  { endpoint, messages }: Side,
  { entry, event }: Extract<EndpointEvent, { type: 'connection' }>,
  onConnected: (version: string) => string[],
): void {
  if (event.type === 'job') {
    const answer = performJob(event.job, entry.connection.security, Date.now());
    if (answer instanceof Promise) throw new Error('nothing here takes time');
    endpoint.answer(entry, event.id, answer, 0);
  } else if (event.type === 'connected') {
    const [version, message] = onConnected(event.session.version);
    if (version !== undefined) messages.push(version);
    if (message !== undefined) endpoint.send(entry, new TextEncoder().encode(message));
  } else if (event.type === 'message') {
    if (entry.role === 'server') endpoint.send(entry, event.data);
    else messages.push(new TextDecoder().decode(event.data));
  } else if (event.type === 'closed' && event.error !== undefined) throw event.error;
}
