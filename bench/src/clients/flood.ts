/**
 * Clients that begin handshakes and leave them: `--suite NAME`. Each has an address of its own, sends a whole ClientHello, answers
 * the request for a cookie with it, and takes the server's flight. Answers each line on standard input, `PORT RATE MS`, by what
 * was sent and what came in that time.
 */
import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
// Internal: the ClientHellos are made of one of the library's.
import { resolveBehaviour } from '../../../packages/datagram-tls/build/src/config/behaviour.js';
import { resolveLimits } from '../../../packages/datagram-tls/build/src/config/limits.js';
import { resolveSecurity } from '../../../packages/datagram-tls/build/src/config/resolve.js';
import { dtls12 } from '../../../packages/datagram-tls/build/src/connection/dtls12.js';
import { dtls13 } from '../../../packages/datagram-tls/build/src/connection/dtls13.js';
import { nodeProvider } from '../../../packages/datagram-tls/build/src/crypto/node.js';
import { Endpoint } from '../../../packages/datagram-tls/build/src/endpoint/endpoint.js';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
} from '../../../packages/datagram-tls/build/src/wire/messages/client-hello.js';
import { decodeHelloVerifyRequest } from '../../../packages/datagram-tls/build/src/wire/messages/hello-verify-request.js';
import {
  decodeServerHello,
  isHelloRetryRequest,
} from '../../../packages/datagram-tls/build/src/wire/messages/server-hello.js';

const SOCKETS = 2000;
/** Datagrams that are sent before the socket's answers are read. */
const AT_ONCE = 64;
const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;
const COOKIE = 44;

const { values } = parseArgs({ options: { suite: { type: 'string', default: '' } } });

const template = makeHello();
const counts = { begun: 0, returned: 0, flights: 0 };
let target = 0;

class Client {
  readonly socket: Socket = createSocket('udp4');
  #hello = template;

  constructor() {
    this.socket.on('message', (data) => this.#onDatagram(data));
  }

  begin(): void {
    counts.begun++;
    this.#hello = { ...template, random: randomFillSync(new Uint8Array(32)) };
    this.#send(this.#hello, 0);
  }

  #onDatagram(data: Buffer): void {
    const cookie = cookieOf(data);
    if (cookie === undefined) {
      counts.flights++;
      return;
    }
    counts.returned++;
    this.#send(cookie(this.#hello), 1);
  }

  #send(hello: ClientHello, number: number): void {
    this.socket.send(wrap(encodeClientHello(hello), number), target, '127.0.0.1');
  }
}

function makeHello(): ClientHello {
  const endpoint = new Endpoint(resolveLimits({}));
  const platform = { provider: nodeProvider, versions: [dtls13, dtls12] as const };
  const security = resolveSecurity(
    { ciphers: values.suite, groups: ['x25519', 'secp256r1'], rejectUnauthorized: false },
    'client',
    platform,
  );
  const nowhere = { serverName: undefined, verifyName: undefined };
  const peer = { address: '127.0.0.1', port: 1, family: 'IPv4' } as const;
  endpoint.connect(peer, security, resolveBehaviour({}, false), nowhere, 0);
  const datagram = endpoint.pollTransmit()?.data;
  const hello = datagram && decodeClientHello(datagram.subarray(RECORD_HEADER + MESSAGE_HEADER));
  if (hello === undefined) throw new Error('no ClientHello in one datagram');
  return hello;
}

/** What a request for a cookie changes in a ClientHello; `undefined` for anything else. */
function cookieOf(data: Uint8Array): ((hello: ClientHello) => ClientHello) | undefined {
  const body = data.subarray(RECORD_HEADER + MESSAGE_HEADER);
  if (data[0] !== 22) return undefined;
  if (data[RECORD_HEADER] === 3) {
    const cookie = decodeHelloVerifyRequest(body)?.cookie;
    return cookie && ((hello) => ({ ...hello, cookie }));
  }
  const answer = data[RECORD_HEADER] === 2 ? decodeServerHello(body) : undefined;
  if (answer === undefined || !isHelloRetryRequest(answer)) return undefined;
  const cookie = answer.extensions.get(COOKIE);
  return cookie && ((hello) => ({ ...hello, extensions: new Map([[COOKIE, cookie], ...hello.extensions]) }));
}

/** One message in one plaintext record; both have this number. */
function wrap(body: Uint8Array, number: number): Buffer {
  const datagram = Buffer.alloc(RECORD_HEADER + MESSAGE_HEADER + body.length);
  datagram.set([22, 254, 253]);
  datagram.writeUIntBE(number, 5, 6);
  datagram.writeUInt16BE(MESSAGE_HEADER + body.length, 11);
  datagram[RECORD_HEADER] = 1;
  datagram.writeUIntBE(body.length, RECORD_HEADER + 1, 3);
  datagram.writeUInt16BE(number, RECORD_HEADER + 4);
  datagram.writeUIntBE(body.length, RECORD_HEADER + 9, 3);
  datagram.set(body, RECORD_HEADER + MESSAGE_HEADER);
  return datagram;
}

/** So many ClientHellos a second, or as many as this process can make. */
async function flood(clients: readonly Client[], rate: number, ms: number): Promise<void> {
  const start = performance.now();
  for (let sent = 0; performance.now() - start < ms; ) {
    const due = Math.floor(((performance.now() - start) * rate) / 1000);
    for (let i = 0; i < AT_ONCE && sent < due; i++) clients[sent++ % SOCKETS]?.begin();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const clients = Array.from({ length: SOCKETS }, () => new Client());
await Promise.all(
  clients.map(({ socket }) => {
    socket.bind(0, '127.0.0.1');
    return once(socket, 'listening');
  }),
);
console.log(JSON.stringify({ ready: true }));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void answer(line));
lines.on('close', () => process.exit());

async function answer(line: string): Promise<void> {
  const [port = 0, rate = 0, ms = 0] = line.split(' ').map(Number);
  target = port;
  const before = { ...counts };
  await flood(clients, rate, ms);
  console.log(
    JSON.stringify({
      begun: counts.begun - before.begun,
      returned: counts.returned - before.returned,
      flights: counts.flights - before.flights,
    }),
  );
}
