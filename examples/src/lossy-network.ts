/**
 * A client and a server over a made-up network that loses, repeats and delays datagrams, so that some overtake others. Time is a
 * number: it jumps from one event to the next, and a handshake that takes seconds takes milliseconds. A seed gives the same run each
 * time. Tests of programs over DTLS can do the same.
 */
import {
  type ConnectionEntry,
  dtls12,
  dtls13,
  Endpoint,
  type EndpointEvent,
  nodeProvider,
  type PeerAddress,
  type Platform,
  type ProtocolVersion,
  performJob,
  resolveBehaviour,
  resolveLimits,
  resolveSecurity,
} from 'datagram-tls/core';

const LOSS = 0.25;
const REPETITION = 0.1;
/** Of one way, ms. */
const DELAY = { least: 20, most: 120 };
const MESSAGES = 20;
/** Between two messages, ms. */
const PACE = 50;
/** Virtual, ms. */
const TIME_LIMIT = 60_000;
const SEEDS = [1, 2, 3];

const PLATFORM: Platform<ProtocolVersion> = {
  provider: nodeProvider,
  versions: [dtls13, dtls12],
};
const BEHAVIOUR = resolveBehaviour({}, false);
const KEY = new TextEncoder().encode('a key that both sides have had before');

interface Arrival {
  readonly at: number;
  readonly from: Side;
  readonly to: Side;
  readonly data: Uint8Array;
}

/** Datagrams under way, the next one first. */
class Network {
  sent = 0;
  lost = 0;
  readonly #random: () => number;
  readonly #underWay: Arrival[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  send(data: Uint8Array, from: Side, to: Side, now: number): void {
    this.sent++;
    if (this.#random() < LOSS) {
      this.lost++;
      return;
    }
    const copies = this.#random() < REPETITION ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const at = now + DELAY.least + this.#random() * (DELAY.most - DELAY.least);
      this.#underWay.push({ at, from, to, data });
    }
    this.#underWay.sort((a, b) => a.at - b.at);
  }

  get next(): number | undefined {
    return this.#underWay[0]?.at;
  }

  take(): Arrival | undefined {
    return this.#underWay.shift();
  }
}

/** An endpoint and its address. */
class Side {
  readonly endpoint = new Endpoint(resolveLimits({}));
  readonly address: PeerAddress;
  onmessage: (entry: ConnectionEntry, data: Uint8Array) => void = () => undefined;
  session: ConnectionEntry | undefined;

  constructor(address: string) {
    this.address = { address, family: 'IPv4', port: 5684 };
  }

  onEvent({ entry, event }: Extract<EndpointEvent, { type: 'connection' }>, now: number): void {
    if (event.type === 'job') {
      const answer = performJob(event.job, entry.connection.security, Date.now());
      if (answer instanceof Promise) throw new Error('nothing here takes time');
      this.endpoint.answer(entry, event.id, answer, now);
    } else if (event.type === 'connected') this.session = entry;
    else if (event.type === 'message') this.onmessage(entry, event.data);
    else if (event.type === 'closed' && event.error !== undefined) throw event.error;
  }
}

/** What one run shows. */
function run(seed: number, maxVersion: 'DTLSv1.2' | 'DTLSv1.3'): string {
  const network = new Network(randomOf(seed));
  const [client, server] = [new Side('192.0.2.1'), new Side('192.0.2.2')];
  let now = 0;
  let echoes = 0;
  server.onmessage = (entry, data) => server.endpoint.send(entry, data);
  client.onmessage = () => {
    echoes++;
  };
  const security = resolveSecurity({ psk: { thermometer: KEY }, maxVersion }, 'server', PLATFORM);
  server.endpoint.serve({ security, behaviour: BEHAVIOUR });
  const ours = resolveSecurity({ psk: { identity: 'thermometer', key: KEY } }, 'client', PLATFORM);
  const destination = { serverName: undefined, verifyName: undefined };
  client.endpoint.connect(server.address, ours, BEHAVIOUR, destination, now);

  /** The contract of the core: after each call take datagrams and events until there are no more. */
  const drain = (): void => {
    for (let moved = true; moved; ) {
      moved = false;
      for (const side of [client, server]) {
        const { endpoint } = side;
        const other = side === client ? server : client;
        for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
          network.send(out.data, side, other, now);
          moved = true;
        }
        for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
          if (event.type === 'connection') side.onEvent(event, now);
          moved = true;
        }
      }
    }
  };

  /** Time jumps to the next arrival or timer, and to `end` where there is none before. */
  const runUntil = (end: number, done: () => boolean = () => false): void => {
    drain();
    while (!done()) {
      const timers = [client, server].map(({ endpoint }) => endpoint.pollTimeout());
      const next = Math.min(...[network.next, ...timers].map((at) => at ?? end));
      if (next >= end) break;
      now = Math.max(now, next);
      if (network.next !== undefined && network.next <= now) deliver(network, now);
      else for (const { endpoint } of [client, server]) endpoint.handleTimeout(now);
      drain();
    }
    if (!done()) now = end;
  };

  runUntil(TIME_LIMIT, () => client.session !== undefined && server.session !== undefined);
  if (client.session === undefined) return `seed ${seed}: no session`;
  const took = Math.round(now);
  for (let i = 0; i < MESSAGES; i++) {
    client.endpoint.send(client.session, new TextEncoder().encode(`message ${i}`));
    runUntil(now + PACE);
  }
  runUntil(now + 2 * DELAY.most);
  const datagrams = `${network.sent} datagrams, ${network.lost} of them lost`;
  return `seed ${seed}: ${maxVersion} in ${took} ms, ${echoes} of ${MESSAGES} messages echoed, ${datagrams}`;
}

function deliver(network: Network, now: number): void {
  const arrival = network.take();
  if (arrival === undefined) return;
  const { address, port, family } = arrival.from.address;
  arrival.to.endpoint.receive(arrival.data, address, port, family, now);
}

/** mulberry32: numbers from 0 to below 1. Not for keys. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

for (const version of ['DTLSv1.3', 'DTLSv1.2'] as const) {
  for (const seed of SEEDS) {
    const first = run(seed, version);
    console.log(first);
    if (run(seed, version) !== first) throw new Error('the same seed gave another run');
  }
}
console.log('the same seed gives the same run');
