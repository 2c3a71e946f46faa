// Siege case A2: a flood of ClientHellos from forged addresses whose answers are four times what the uplink carries.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SendQueue } from '#lib/driver/send-queue.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { firstHello } from '../support/first-hello.js';
import { Pair } from '../support/pair.js';
import { Random } from '../support/random.js';
import { seededProvider } from '../support/seeded-provider.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

const MAX_SEND_QUEUE = 0x10_0000;
/** ms: the timer of a client that repeats its ClientHello. */
const TIMER = 1000;
/** ClientHellos of the flood in each ms; the uplink carries one answer. */
const FLOOD = 4;
/** New clients come from then on, and one each so many ms; no ClientHello comes again when that of another comes first. */
const FIRST_CLIENT = 1500;
const BETWEEN_CLIENTS = 7;
const CLIENTS = 200;

for (const version of VERSIONS) {
  suite(`a full uplink, ${version}`, () => {
    test('every new client gets an answer to its first or second ClientHello', () => {
      const { answered } = new Uplink(version).run(({ send, random }) =>
        send(random.bytes(32), 1 + random.below(60_000)),
      );
      assert.deepEqual([answered.first + answered.second, answered.none], [CLIENTS, 0]);
      assert.ok(answered.first > 0 && answered.second > 0, JSON.stringify(answered));
    });

    test('a flood that sends each ClientHello twice leaves new clients the chance that they have without a preference', () => {
      const sent: { readonly random: Uint8Array; readonly port: number }[] = [];
      const { answered } = new Uplink(version).run(({ send, random, now }) => {
        // Half of them are new, half come again when a client's timer would have expired.
        const again = now >= TIMER && random.chance(0.5) ? sent.shift() : undefined;
        const hello = again ?? { random: random.bytes(32), port: 1 + random.below(60_000) };
        if (again === undefined) sent.push(hello);
        send(hello.random, hello.port);
      });
      // One of four in each of two tries.
      const share = (answered.first + answered.second) / CLIENTS;
      assert.ok(share > 0.4, `${share} ${JSON.stringify(answered)}`);
      assert.ok(answered.first > 0, 'answers to repeated ClientHellos leave some room to others');
    });
  });
}

interface Flood {
  readonly send: (random: Uint8Array, port: number) => void;
  readonly random: Random;
  readonly now: number;
}

interface Client {
  readonly random: Uint8Array;
  readonly port: number;
  /** When its first ClientHello arrives. */
  readonly at: number;
  /** Which of its ClientHellos got an answer. */
  answered: 'first' | 'second' | 'none';
}

const NOTHING = { queuedBytes: 0, queuedDatagrams: 0 };

/** A server behind an uplink, and what clients that come during a flood get. */
class Uplink {
  readonly answered = { first: 0, second: 0, none: 0 };
  readonly #random = new Random(7);
  readonly #endpoint = new Endpoint(UNLIMITED);
  readonly #backlog = { queuedBytes: 0, queuedDatagrams: 0 };
  readonly #queue = new SendQueue(this.#backlog, NOTHING, MAX_SEND_QUEUE);
  readonly #sizes: number[] = [];
  readonly #hello: Uint8Array;
  readonly #clients = Array.from({ length: CLIENTS }, (_, i): Client => {
    const at = FIRST_CLIENT + BETWEEN_CLIENTS * i;
    return { random: this.#random.bytes(32), port: 60_001 + i, at, answered: 'none' };
  });

  constructor(version: TestedVersion) {
    const context = security('server', version, {}, seededProvider(this.#random));
    this.#endpoint.serve({ security: context, behaviour: behaviour() });
    this.#hello = firstHello(new Pair({ version }));
  }

  run(flood: (flood: Flood) => void): this {
    const random = this.#random;
    const end = FIRST_CLIENT + BETWEEN_CLIENTS * CLIENTS + TIMER;
    for (let now = 0; now < end; now++) {
      const send = (hello: Uint8Array, port: number): void => void this.#answers(hello, port, now);
      // Clients come at any place among the ClientHellos of the flood.
      const turn = random.below(FLOOD + 1);
      for (let i = 0; i <= FLOOD; i++) {
        if (i === turn) for (const client of this.#clients) this.#visit(client, now);
        else flood({ send, random, now });
      }
      this.#carry();
    }
    for (const { answered } of this.#clients) this.answered[answered]++;
    return this;
  }

  #visit(client: Client, now: number): void {
    const { random, port, at, answered } = client;
    const isSecond = now === at + TIMER && answered === 'none';
    if ((now === at || isSecond) && this.#answers(random, port, now))
      client.answered = isSecond ? 'second' : 'first';
  }

  /** Whether the answer to a ClientHello with this random is sent. */
  #answers(random: Uint8Array, port: number, now: number): boolean {
    const hello = this.#hello.slice();
    hello.set(random, RANDOM_AT);
    this.#endpoint.receive(hello, '192.0.2.1', port, 'IPv4', now);
    const out = this.#endpoint.pollTransmit() ?? assert.fail('no answer');
    if (!this.#queue.takes(out.data.length, 'unvalidated', out.awaited !== true)) {
      this.#endpoint.handleUnsent(out);
      return false;
    }
    this.#sizes.push(out.data.length);
    this.#backlog.queuedBytes += out.data.length;
    this.#backlog.queuedDatagrams++;
    return true;
  }

  #carry(): void {
    const size = this.#sizes.shift();
    if (size === undefined) return;
    this.#backlog.queuedBytes -= size;
    this.#backlog.queuedDatagrams--;
  }
}

/** Of the random in a ClientHello: after the headers of record and message, and the version. */
const RANDOM_AT = 13 + 12 + 2;
