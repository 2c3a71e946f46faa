// Issue "Connections that survive", d: whatever crashes, and when, no nonce is used twice and no message delivered twice.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex, utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import type { Security } from '#lib/connection/version.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { VERSIONS } from '../../support/settings.js';
import type { Side } from '../../support/side.js';

const SEEDS = 2000;
const GIVEN = process.env['DTLS_SEED'];
const ROLES = ['client', 'server'] as const;
/** The handshake is not the matter here. */
const PATIENT = { handshakeTimeout: 0 } as const;

function seeds(): number[] {
  return GIVEN === undefined ? Array.from({ length: casesOf(SEEDS) }, (_, i) => i + 1) : [Number(GIVEN)];
}

/** Every key and nonce that any process sealed with. */
class Nonces {
  readonly #used = new Set<string>();

  watch(provider: CryptoProvider): CryptoProvider {
    return {
      ...provider,
      aead: (name, key) => {
        const aead = provider.aead(name, key);
        const id = toHex(key);
        return {
          tagLength: aead.tagLength,
          open: (...sealed) => aead.open(...sealed),
          seal: (nonce, ...rest) => {
            this.#use(`${id} ${toHex(nonce)}`);
            aead.seal(nonce, ...rest);
          },
        };
      },
    };
  }

  get size(): number {
    return this.#used.size;
  }

  #use(nonce: string): void {
    if (this.#used.has(nonce)) throw new Error(`a nonce is used twice: ${nonce}`);
    this.#used.add(nonce);
  }
}

/** What is kept of a side for a crash. */
interface Store {
  kept: Uint8Array | undefined;
  /** On its way into the store, which may or may not have it when the process fails. */
  underWay: Uint8Array | undefined;
  reserve: number;
}

/** Two sides that move and crash, and all messages that were sent and delivered. */
class Game {
  readonly pair: Pair;
  readonly random: Random;
  readonly nonces = new Nonces();
  readonly stores: Record<Role, Store> = { client: emptyStore(), server: emptyStore() };
  readonly delivered: Record<Role, Set<string>> = { client: new Set(), server: new Set() };
  crashes = 0;
  #sent = 0;

  constructor(version: (typeof VERSIONS)[number], seed: number) {
    this.random = new Random(seed);
    const adjust = (security: Security): Security => ({
      ...security,
      provider: this.nonces.watch(security.provider),
    });
    this.pair = new Pair({
      clientBehaviour: PATIENT,
      serverBehaviour: PATIENT,
      version,
      seed,
      adjust,
      weather: { loss: 0.12, duplication: 0.1, jitter: 30 },
    });
    this.pair.onDelivery = ({ data }, to) => {
      // An attacker sends again what it has seen, to whatever process is there then.
      if (this.random.chance(0.1)) this.#replays.push({ data, role: to.role });
    };
  }

  readonly #replays: { readonly data: Uint8Array; readonly role: Role }[] = [];

  play(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#step(this.random.pick(ROLES));
      this.settle();
      this.pair.runFor(this.random.pick([0, 0, 3, 30, 700]));
      this.settle();
    }
  }

  /** The harness is the driver: it takes checkpoints when they are due, and keeps them when it likes. */
  settle(): void {
    for (const role of ROLES) {
      const side = this.pair[role];
      const store = this.stores[role];
      if (store.underWay !== undefined && this.random.chance(0.6)) this.#keep(side, store);
      if (side.checkpointsDue > 0 && store.underWay === undefined) this.take(side);
      this.#count(side);
    }
    this.pair.drain();
  }

  take(side: Side): void {
    const store = this.stores[side.role];
    side.checkpointsDue = 0;
    store.underWay = side.entry.connection.checkpoint(store.reserve, this.pair.now);
    side.endpoint.touch(side.entry);
  }

  #keep(side: Side, store: Store): void {
    store.kept = store.underWay;
    store.underWay = undefined;
    side.entry.connection.confirmCheckpoint(this.pair.now);
    side.endpoint.touch(side.entry);
  }

  #step(role: Role): void {
    const { pair, random } = this;
    const store = this.stores[role];
    const side = pair[role];
    const choice = random.below(12);
    if (choice < 6) for (let left = random.pick([1, 1, 3, 12]); left > 0; left--) this.send(side);
    else if (choice < 7 && pair.version === 'DTLSv1.3') {
      side.endpoint.updateKeys(side.entry, { requestPeer: random.chance(0.5) }, pair.now);
      pair.drain();
    } else if (choice < 8 && store.underWay === undefined) {
      store.reserve = random.pick([16, 24, 64]);
      this.take(side);
    } else if (choice < 9) {
      this.#count(side);
      pair.move(side, random.pick([0, 20, 900]));
      // Checkpoints of before are worthless: the store drops them with the export.
      this.stores[role] = emptyStore();
    } else if (choice < 11) this.crash(side);
    else {
      const replay = random.pick(this.#replays.length === 0 ? [undefined] : this.#replays);
      if (replay !== undefined) pair.inject(pair[replay.role], replay.data);
    }
  }

  /** The process ends without a word, and another one goes on from what is kept. */
  crash(side: Side): void {
    const store = this.stores[side.role];
    this.#count(side);
    const arrived = store.underWay !== undefined && this.random.chance(0.5);
    const state = arrived ? store.underWay : store.kept;
    if (state === undefined) return;
    this.crashes++;
    this.pair.goOn(side.role, state, this.random.pick([0, 50]));
    this.stores[side.role] = { ...emptyStore(), kept: undefined };
    this.take(this.pair[side.role]);
  }

  send(side: Side): string {
    const text = `${side.role} ${this.#sent++}`;
    side.endpoint.send(side.entry, utf8(text));
    this.pair.drain();
    return text;
  }

  #count(side: Side): void {
    const delivered = this.delivered[side.role];
    for (const message of side.messages.splice(0)) {
      const text = new TextDecoder().decode(message);
      assert.ok(!delivered.has(text), `${text} is delivered twice`);
      delivered.add(text);
    }
  }

  /** Keeps what is due at once. */
  calm(ms: number): void {
    for (let left = ms; left > 0; left -= 100) {
      for (const role of ROLES) {
        const store = this.stores[role];
        if (store.underWay !== undefined) this.#keep(this.pair[role], store);
        if (this.pair[role].checkpointsDue > 0) this.take(this.pair[role]);
        this.#count(this.pair[role]);
      }
      this.pair.drain();
      this.pair.runFor(100);
      for (const role of ROLES) this.#count(this.pair[role]);
    }
  }
}

function emptyStore(): Store {
  return { kept: undefined, underWay: undefined, reserve: 16 };
}

for (const version of VERSIONS) {
  suite(`${version}: sessions with checkpoints, on a lossy path`, () => {
    test('never seal twice with one nonce, nor deliver a message twice, and go on after any crash', () => {
      let crashes = 0;
      for (const seed of seeds()) {
        const game = new Game(version, seed);
        const { pair } = game;
        pair.explain(() => {
          pair.handshake();
          for (const role of ROLES) game.take(pair[role]);
          game.play(40);
          pair.network.weather = { ...pair.network.weather, loss: 0, duplication: 0 };
          game.calm(90_000);
          for (const role of ROLES) {
            const other = role === 'client' ? 'server' : 'client';
            let last = '';
            // Those that a process before may have delivered are lost.
            for (let left = 150; left > 0 && !game.delivered[other].has(last); left--) {
              last = game.send(pair[role]);
              game.calm(100);
            }
            assert.ok(game.delivered[other].has(last), `the ${other} hears no more`);
          }
          assert.deepEqual([pair.client.phase, pair.server.phase], ['open', 'open']);
          crashes += game.crashes;
        });
      }
      assert.ok(crashes > 0 || GIVEN !== undefined);
    });
  });
}
