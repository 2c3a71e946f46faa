import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { besieged, Desk, peer } from '../../support/desk.js';
import { Random } from '../../support/random.js';
import { unifiedRecord } from '../../support/records.js';

const ROUNDS = 30;
const STEPS = 250;
/** Addresses, and flights that are sent from any of them. */
const PEERS = 50;
const FLIGHTS = 12;

/** An attacker replays, forges and corrupts datagrams from many addresses, while time passes and the wall clock jumps. */
class Storm {
  readonly desk: Desk;
  readonly #random: Random;
  readonly #flights: readonly (readonly Uint8Array[])[];
  readonly #received = new Map<string, number>();

  constructor(seed: number) {
    const { server, flight } = besieged();
    this.#random = new Random(seed);
    this.desk = new Desk(server, { maxSessions: this.#random.pick([0, 0, 5]) });
    this.#flights = Array.from({ length: FLIGHTS }, (_, i) =>
      flight(seed * FLIGHTS + i, this.#random.below(90_000), utf8(`message ${i}`)),
    );
  }

  step(): void {
    const random = this.#random;
    const { desk } = this;
    const dice = random.below(20);
    if (dice < 8) this.#send(random.pick(this.#flights), random.below(PEERS));
    else if (dice < 14) this.#send([this.#junk()], random.below(PEERS));
    else if (dice < 16) desk.wait(random.below(10_000));
    else if (dice === 16) desk.skew = random.pick([0, 0, -random.below(60_000), random.below(60_000)]);
    else if (dice === 17) desk.slow = true;
    else if (dice === 18) desk.answerAll();
    else this.#answer();
  }

  check(): void {
    const { desk } = this;
    const early = desk.early.map(String);
    assert.equal(new Set(early).size, early.length, 'twice');
    for (const [to, sent] of desk.sentTo) {
      const received = this.#received.get(to) ?? 0;
      assert.ok(sent <= 3 * received, `${sent} bytes to ${to} for ${received}`);
    }
    assert.ok(desk.endpoint.size <= PEERS);
  }

  #send(datagrams: readonly Uint8Array[], nr: number): void {
    const from = peer(nr);
    const key = `${from.address}:${from.port}`;
    for (const data of datagrams) {
      this.#received.set(key, (this.#received.get(key) ?? 0) + data.length);
      this.desk.receive(data.slice(), from);
    }
  }

  #junk(): Uint8Array {
    const random = this.#random;
    const whole = random.pick(random.pick(this.#flights)).slice();
    const dice = random.below(4);
    if (dice === 0) whole[random.below(whole.length)] = random.below(256);
    if (dice === 1) return whole.slice(0, random.below(whole.length));
    if (dice === 2) return unifiedRecord(random.below(4), random.below(9), random.bytes(random.below(60)));
    return whole;
  }

  #answer(): void {
    const { desk } = this;
    for (const entry of desk.entries)
      if (entry.connection.maySend) desk.endpoint.send(entry, this.#random.bytes(this.#random.below(1000)));
    desk.pump();
  }
}

suite('early data in a storm of replays and forgeries', () => {
  test(`early data is delivered at most once, at any clock, and no address gets more than three times its bytes: ${ROUNDS} seeds`, () => {
    let came = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const storm = new Storm(seed);
      for (let i = 0; i < STEPS; i++) {
        storm.step();
        storm.check();
      }
      const { desk } = storm;
      came += desk.early.length;
      desk.answerAll();
      desk.wait(120_000);
      assert.equal(desk.endpoint.size, 0, `seed ${seed}`);
      assert.equal(desk.endpoint.pollTimeout(), undefined);
    }
    assert.ok(came > 3 * ROUNDS, `${came} came`);
  });
});
