import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  Agent,
  createServer,
  globalAgent,
  globalAgentIPv6,
  type IncomingMessage,
  type OutgoingMessage,
  request,
} from 'coap';
import { createSocket, type DgramDtlsOptions, type Socket } from 'datagram-tls/dgram';
import { Failure } from '../exchange.js';
import { freePortPair } from '../net/ports.js';
import { COAP_PSK, type Credentials, type Libcoap, libcoap } from '../peers/libcoap.js';
import type { Program } from '../peers/peer.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { reasonOf } from '../text.js';
import type { Version } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 30_000;
const STEP_MS = 10_000;
const TIME = 'half past ten';
/** Several blocks (RFC 7959) of 1024 bytes, each with its own letter. */
const BIG = [...['a', 'b', 'c', 'd'].map((letter) => letter.repeat(1024)), 'the end'].join('');
/** A block option that asks for blocks of 512 bytes: number 0, no more, and the exponent. */
const BLOCKS_OF_512 = Buffer.of(0x05);
const TICK_MS = 100;
const CREDENTIALS = ['PSK', 'PKI'] as const;

// Two sockets that node-coap opens when it is imported, and that are not used here.
for (const agent of [globalAgent, globalAgentIPv6]) agent.close();

/** node-coap as npm has it, on sockets of `datagram-tls/dgram`. */
const nodeCoap: Program = {
  name: 'node-coap over our sockets',
  probe: () => {
    const { version } = createRequire(import.meta.url)('coap/package.json') as { version: string };
    return Promise.resolve({ version });
  },
};

/** CoAP (RFC 7252): GET, error replies, observe (RFC 7641), and blocks both ways (RFC 7959). */
export function nodeCoapCases(): Case[] {
  const foreign = (['openssl', 'gnutls'] as const)
    .map(libcoap)
    .flatMap((peer) =>
      CREDENTIALS.flatMap((credentials) => [
        coapCase({ client: peer, server: nodeCoap }, credentials, 'DTLSv1.2', (pki) =>
          answer(peer, credentials, pki),
        ),
        coapCase({ client: nodeCoap, server: peer }, credentials, 'DTLSv1.2', (pki) =>
          ask(peer, credentials, pki),
        ),
      ]),
    );
  const own = (['DTLSv1.2', 'DTLSv1.3'] as const).flatMap((version) =>
    CREDENTIALS.map((credentials) =>
      coapCase({ client: nodeCoap, server: nodeCoap }, credentials, version, (pki) =>
        askEachOther(credentials, version, pki),
      ),
    ),
  );
  return [...foreign, ...own];
}

function coapCase(
  pair: Pick<Case, 'client' | 'server'>,
  credentials: Credentials,
  version: Version,
  run: Case['run'],
): Case {
  const name = `${pairName(pair)}, CoAP exchanges, ${credentials}, ${version}`;
  return { name, kind: 'session', ...pair, slow: false, timeout: TIMEOUT_MS, run };
}

/** Their client, our server. */
async function answer(peer: Libcoap, credentials: Credentials, pki: Pki): Promise<string> {
  const { socket, port, failures, end } = await serve(credentials, 'DTLSv1.2', pki);
  const ask = async (path: string, ...options: string[]): Promise<string> => {
    const child = peer.ask(options, path, port, credentials, pki);
    if ((await child.ended) === 0) return child.output.trim();
    throw new Failure(`GET ${path}: ${failures.join(', ')}`, [`$ ${child.command}\n${child.output}`]);
  };
  try {
    expect('GET', await ask('time'), TIME);
    expect('blocks of the answer', await ask('big'), BIG);
    expect('an error reply', (await ask('nothing')).slice(0, 4), '4.04');
    const ticks = await ask('ticks', '-s', '1');
    expect('notifications', ticks.slice(0, 12), 'tick 1tick 2');
    return `${socket.endpoint?.stats.serverSessions ?? 0} sessions`;
  } finally {
    await end();
  }
}

/** Our client, their server. */
async function ask(peer: Libcoap, credentials: Credentials, pki: Pki): Promise<string> {
  const plainPort = await freePortPair();
  const child = peer.serve(plainPort, credentials, pki, ['-d', '4']);
  await child.printed(/created DTLS endpoint/, STEP_MS);
  const socket = createSocket({
    type: 'udp4',
    dtls: { client: clientOptions(credentials, 'DTLSv1.2', pki) },
  });
  const to = asker(socket, plainPort + 1);
  try {
    const time = await to({ pathname: '/time' });
    if (time.code !== '2.05' || time.payload.length < 10) throw new Error(`GET: ${time.code}`);
    expect('an error reply', (await to({ pathname: '/nothing' })).code, '4.04');
    const put = { pathname: '/big', method: 'PUT' as const, options: { Block1: BLOCKS_OF_512 } };
    expect('blocks of a request', (await to(put, BIG)).code, '2.01');
    expect('blocks of the answer', (await to({ pathname: '/big' })).payload.toString(), BIG);
    const seen = await observed(await to({ pathname: '/time', observe: true }), 2);
    expect('notifications', String(seen.every((text) => text.length > 10)), 'true');
    return `${socket.endpoint?.stats.clientSessions ?? 0} session`;
  } catch (error) {
    throw new Failure(reasonOf(error), [`$ ${child.command}\n${child.output}`]);
  } finally {
    await socket[Symbol.asyncDispose]();
    await child.stop();
  }
}

/** Both ours. libcoap's client changes the token with each block of a request, which node-coap's server refuses. */
async function askEachOther(credentials: Credentials, version: Version, pki: Pki): Promise<string> {
  const served = await serve(credentials, version, pki);
  const socket = createSocket({ type: 'udp4', dtls: { client: clientOptions(credentials, version, pki) } });
  const to = asker(socket, served.port);
  try {
    expect('GET', (await to({ pathname: '/time' })).payload.toString(), TIME);
    expect('an error reply', (await to({ pathname: '/nothing' })).code, '4.04');
    const put = { pathname: '/big', method: 'PUT' as const, options: { Block1: BLOCKS_OF_512 } };
    expect('blocks of a request', (await to(put, BIG)).payload.toString(), String(BIG.length));
    expect('blocks of the answer', (await to({ pathname: '/big' })).payload.toString(), BIG);
    const seen = await observed(await to({ pathname: '/ticks', observe: true }), 3);
    expect('notifications', seen.join(), 'tick 1,tick 2,tick 3');
    const session = socket.sessionWith({ address: HOST, port: served.port });
    expect('the version', session?.protocol ?? 'none', version);
    return session?.cipher?.standardName ?? '';
  } catch (error) {
    throw new Error([reasonOf(error), ...served.failures].join(', '), { cause: error });
  } finally {
    await socket[Symbol.asyncDispose]();
    await served.end();
  }
}

interface Served {
  readonly socket: Socket;
  readonly port: number;
  readonly failures: string[];
  readonly end: () => Promise<void>;
}

async function serve(credentials: Credentials, version: Version, pki: Pki): Promise<Served> {
  const socket = createSocket({ type: 'udp4', dtls: { server: serverOptions(credentials, version, pki) } });
  const failures: string[] = [];
  socket.on('sessionError', (error) => void failures.push(error.message));
  socket.bind(0, HOST);
  await once(socket, 'listening');
  const server = createServer({ type: 'udp4' });
  const timers: NodeJS.Timeout[] = [];
  server.on('request', (asked: IncomingMessage, reply: OutgoingMessage) => onRequest(asked, reply, timers));
  server.listen(socket);
  const end = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer);
    server.close();
    await socket[Symbol.asyncDispose]();
  };
  return { socket, port: socket.address().port, failures, end };
}

function onRequest(asked: IncomingMessage, reply: OutgoingMessage, timers: NodeJS.Timeout[]): void {
  if (asked.url === '/time') reply.end(TIME);
  else if (asked.url === '/big') reply.end(asked.method === 'PUT' ? String(asked.payload.length) : BIG);
  else if (asked.url === '/ticks' && asked.headers['Observe'] === 0) timers.push(tick(reply));
  else if (asked.url === '/ticks') reply.end('tick');
  else {
    reply.code = '4.04';
    reply.end();
  }
}

/** Notifies until the end: node-coap does not say that a client has gone. */
function tick(reply: OutgoingMessage): NodeJS.Timeout {
  let count = 0;
  const next = (): void => void reply.write(`tick ${++count}`);
  next();
  return setInterval(next, TICK_MS);
}

type Ask = Exclude<Parameters<typeof request>[0], string>;

/** Asks and waits for the answer, or the beginning of one that is observed. */
function asker(socket: Socket, port: number): (ask: Ask, payload?: string) => Promise<IncomingMessage> {
  const agent = new Agent({ socket });
  return async (ask, payload) => {
    const sent = request({ host: HOST, port, agent, ...ask });
    const answered = once(sent, 'response', { signal: AbortSignal.timeout(STEP_MS) });
    sent.end(payload === undefined ? undefined : Buffer.from(payload));
    const [answer] = (await answered) as [IncomingMessage];
    return answer;
  };
}

async function observed(answer: IncomingMessage, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const notification of answer as AsyncIterable<Buffer>) {
    seen.push(notification.toString());
    if (seen.length === count) break;
  }
  return seen;
}

function expect(what: string, got: string, wanted: string): void {
  if (got !== wanted) throw new Error(`${what}: ${got.slice(0, 60)} instead of ${wanted.slice(0, 60)}`);
}

const KEY = Buffer.from(COAP_PSK.key, 'hex');

function serverOptions(
  credentials: Credentials,
  version: Version,
  { servers, ca }: Pki,
): DgramDtlsOptions['server'] {
  const versions = { minVersion: version, maxVersion: version };
  if (credentials === 'PSK')
    return { ...versions, psk: { [COAP_PSK.identity]: KEY }, pskIdentityHint: 'CoAP' };
  return { ...versions, ...pem(servers.ECDSA), ca: readFileSync(ca), requestCert: true };
}

function clientOptions(
  credentials: Credentials,
  version: Version,
  { clients, ca }: Pki,
): DgramDtlsOptions['client'] {
  const versions = { minVersion: version, maxVersion: version };
  if (credentials === 'PSK') return { ...versions, psk: { identity: COAP_PSK.identity, key: KEY } };
  return { ...versions, ...pem(clients.ECDSA), ca: readFileSync(ca), servername: SERVER_NAME };
}

function pem({ cert, key }: Pki['servers']['ECDSA']) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}
