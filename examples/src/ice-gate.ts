/**
 * DTLS over paths that something like ICE chooses. Each side has one UDP socket and learns addresses at which its peer may be. It
 * checks them with a token that both know, and lets DTLS pass only between addresses that are validated: the first flight waits for
 * that, and datagrams from any other address are dropped before DTLS sees them.
 *
 * Checks and DTLS share the port. The first byte tells them apart, as in RFC 7983: DTLS has 20 to 63.
 */
import { timingSafeEqual } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, listen, type Transport } from 'datagram-tls';

interface Candidate {
  readonly address: string;
  readonly port: number;
}

const REQUEST = 0;
const RESPONSE = 1;
const DTLS_FIRST = 20;
const DTLS_LAST = 63;

class IceGate implements Transport {
  onmessage: Transport['onmessage'];
  /** `connect` begins when this resolves: when a path is validated. */
  readonly opened: Promise<void>;
  sent = 0;
  dropped = 0;
  readonly #socket: Socket;
  readonly #token: Uint8Array;
  readonly #validated = new Set<string>();
  #selected: Candidate | undefined;
  #open: () => void = () => undefined;

  private constructor(socket: Socket, token: Uint8Array) {
    this.#socket = socket;
    this.#token = token;
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    socket.on('message', (data, from) => this.#receive(data, from));
  }

  static async bind(token: Uint8Array): Promise<IceGate> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new IceGate(socket, token);
  }

  /** Where this side can be reached: for the peer, by way of a server for signalling. */
  get candidate(): Candidate {
    return this.#socket.address();
  }

  check(candidates: readonly Candidate[]): void {
    for (const candidate of candidates) this.#send(REQUEST, candidate);
  }

  /** There is one peer, wherever it is: `to` says nothing. */
  send(data: Uint8Array): void {
    if (this.#selected === undefined) throw new Error('no path is validated');
    this.sent++;
    this.#socket.send(data, this.#selected.port, this.#selected.address);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }

  #receive(data: Uint8Array, from: RemoteInfo): void {
    const [first = -1] = data;
    const isDtls = first >= DTLS_FIRST && first <= DTLS_LAST;
    if (isDtls && this.#validated.has(keyOf(from))) this.onmessage?.(data);
    else if (!isDtls && this.#knowsToken(data.subarray(1))) this.#onCheck(first, from);
    else this.dropped++;
  }

  #onCheck(kind: number, from: RemoteInfo): void {
    if (kind === REQUEST) this.#send(RESPONSE, from);
    this.#validated.add(keyOf(from));
    this.#selected ??= { address: from.address, port: from.port };
    this.#open();
  }

  #send(kind: number, { address, port }: Candidate): void {
    this.#socket.send([Uint8Array.of(kind), this.#token], port, address);
  }

  #knowsToken(shown: Uint8Array): boolean {
    return shown.length === this.#token.length && timingSafeEqual(shown, this.#token);
  }
}

function keyOf({ address, port }: Candidate): string {
  return `${address} ${port}`;
}

const token = crypto.getRandomValues(new Uint8Array(16));
const key = crypto.getRandomValues(new Uint8Array(32));
const [offerer, answerer] = await Promise.all([IceGate.bind(token), IceGate.bind(token)]);

const endpoint = listen(
  (session) => {
    session.onmessage = (data) => void session.send(data);
  },
  { transport: answerer, psk: { call: key } },
);
const session = connect('peer', 1, { transport: offerer, psk: { identity: 'call', key } });

// An unvalidated address: its datagrams look like DTLS, and are dropped.
const intruder = createSocket('udp4');
const { address, port } = answerer.candidate;
await new Promise((resolve) => intruder.send(Uint8Array.of(22, 254, 253), port, address, resolve));
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(`before a path is validated: ${offerer.sent} datagrams sent`);

// The first of the candidates does not answer.
offerer.check([intruder.address(), answerer.candidate]);
const { protocol } = await session.opened;
console.log(`open: ${protocol}`);
session.send('hello over a validated path');
for await (const message of session) {
  console.log(message.toString());
  break;
}
await session.closed;
await endpoint.close();
intruder.close();
console.log(`dropped from other addresses: ${answerer.dropped}`);
