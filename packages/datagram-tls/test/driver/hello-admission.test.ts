import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ADMISSION_INTERVAL, HelloAdmission } from '#lib/driver/hello-admission.js';
import { looksLikeClientHello } from '#lib/endpoint/split-hellos.js';
import { Random } from '../support/random.js';

/** ClientHellos that wait at most, datagrams that the socket holds, and those that are read in a millisecond. */
const ROOM = 270;
const SOCKET = 600;
const READ = 200;

/** A server that handles `fit` ClientHellos of an interval, ms by ms. */
class Server {
  readonly admission = new HelloAdmission();
  readonly #random = new Random(0x77);
  readonly #fit: number;
  #now = 0;
  /** When the interval at hand ends; `undefined`: ClientHellos are not counted. */
  #until: number | undefined;
  #socket = 0;
  #unread = 0;
  #waiting = 0;
  #due = 0;
  read = 0;
  handled = 0;
  /** Of the share, for each ms. */
  admittedFor = 0;

  constructor(fit: number) {
    this.#fit = fit;
  }

  /** The next ms, in which so many come. */
  pass(coming: number): void {
    this.#now++;
    if (this.#until !== undefined && this.#now >= this.#until) this.#adjust();
    this.#arrive(coming);
    for (let i = 0; i < READ && this.#socket > 0; i++) this.#readOne();
    for (this.#due += this.#fit / ADMISSION_INTERVAL; this.#due >= 1; this.#due--) this.#handle();
    this.admittedFor += this.admission.share;
  }

  #arrive(coming: number): void {
    for (let i = 0; i < coming; i++) {
      if (this.#random.chance(this.admission.share) && this.#socket < SOCKET) this.#socket++;
      else this.#unread++;
    }
  }

  #readOne(): void {
    const { admission } = this;
    this.#socket--;
    this.read++;
    if (this.#until !== undefined) admission.onAdmitted();
    if (this.#waiting < ROOM) {
      this.#waiting++;
      return;
    }
    if (this.#until === undefined) {
      this.#unread = 0;
      admission.begin(this.#now);
      this.#until = admission.until;
    }
    admission.onDropped();
    if (admission.isFlooded) this.#adjust();
  }

  #handle(): void {
    if (this.#waiting === 0) return;
    this.#waiting--;
    this.handled++;
    if (this.#until !== undefined) this.admission.onHandled();
  }

  #adjust(): void {
    this.admission.adjust(this.#unread, this.#now);
    this.#unread = 0;
    this.#until = this.admission.share < 1 ? this.admission.until : undefined;
  }
}

suite('the share of ClientHellos that is admitted', () => {
  for (const fit of [8, 20, 100])
    test(`leaves a flood of 2,500 in an interval hardly more than the ${fit} that fit, and those always`, () => {
      const server = new Server(fit);
      for (let ms = 0; ms < 250; ms++) server.pass(50);
      server.read = server.handled = 0;
      for (let ms = 0; ms < 5000; ms++) server.pass(50);
      assert.ok(server.read <= 100 * Math.max(2.2 * fit, 40), `${server.read}`);
      assert.ok(server.handled >= 99 * fit, `${server.handled}`);
    });

  test('is all of them where no more come than fit, and where a burst finds room', () => {
    const server = new Server(50);
    for (let ms = 0; ms < 1000; ms++) server.pass(1);
    server.pass(200);
    for (let ms = 0; ms < 10; ms++) server.pass(1);
    assert.equal(server.admittedFor, 1011);
  });

  for (const size of [1000, 2000, 20_000])
    test(`is all of them for most of the time between bursts of ${size} each quarter of a second`, () => {
      const server = new Server(20);
      for (let ms = 0; ms < 10_000; ms++) server.pass(ms % 250 === 0 ? size : 0);
      assert.ok(server.admittedFor > 5500, `${server.admittedFor}`);
    });

  for (const fit of [8, 20, 100])
    for (const [pause, open] of [
      [50, 0.85],
      [20, 0.7],
      [10, 0.15],
    ] as const)
      test(`is all of them for ${open} of the time where bursts leave no room, with 32 more than the ${fit} that fit, each ${pause} ms`, () => {
        const server = new Server(fit);
        const burst = Math.ceil((fit * pause) / ADMISSION_INTERVAL) + 32;
        for (let ms = 0; ms < 10_000; ms++) server.pass(ms % pause === 0 ? burst : 0);
        assert.ok(server.admittedFor > 10_000 * open, `${server.admittedFor}`);
        assert.ok(server.handled > 0.95 * 200 * fit, `${server.handled}`);
      });

  for (const [on, off] of [
    [50, 50],
    [51, 60],
    [10, 90],
    [100, 100],
    [200, 50],
  ] as const)
    test(`leaves little of a flood that comes for ${on} ms and pauses for ${off}`, () => {
      const server = new Server(20);
      let sent = 0;
      for (let ms = 0; ms < 10_000; ms++) {
        const coming = ms % (on + off) < on ? 50 : 0;
        sent += coming;
        server.pass(coming);
      }
      assert.ok(server.read < 0.25 * sent, `${server.read} of ${sent}`);
    });

  test('is all of them an interval after a flood of any size', () => {
    const server = new Server(10);
    for (let ms = 0; ms < 1000; ms++) server.pass(20_000);
    assert.ok(server.admission.share <= 2 ** -9);
    for (let ms = 0; ms < 2 * ADMISSION_INTERVAL; ms++) server.pass(0);
    assert.equal(server.admission.share, 1);
  });

  test('is all of them soon after a flood, however many other datagrams find no room', () => {
    const admission = new HelloAdmission();
    admission.begin(0);
    for (let i = 0; i < 10_000; i++) {
      admission.onAdmitted();
      admission.onDropped();
    }
    admission.adjust(1_000_000, ADMISSION_INTERVAL);
    assert.ok(admission.share < 0.01);
    for (let i = 2; i <= 8; i++) admission.adjust(1_000_000, i * ADMISSION_INTERVAL);
    assert.equal(admission.share, 1);
  });
});

suite('a ClientHello', () => {
  const hello = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
  const changed = (at: number, value: number): Uint8Array => Uint8Array.from(hello.with(at, value));

  test('is a message of its type in a record of handshakes in plaintext', () => {
    assert.ok(looksLikeClientHello(Uint8Array.from(hello)));
    for (const other of [changed(0, 23), changed(3, 1), changed(4, 1), changed(13, 2)])
      assert.ok(!looksLikeClientHello(other), other.join());
    for (let length = 0; length < hello.length; length++)
      assert.ok(!looksLikeClientHello(Uint8Array.from(hello.slice(0, length))));
  });
});
