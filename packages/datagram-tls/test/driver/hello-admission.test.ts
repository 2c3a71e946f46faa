import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HelloAdmission } from '#lib/driver/hello-admission.js';
import { looksLikeClientHello } from '#lib/endpoint/split-hellos.js';

/** ClientHellos that wait at most. */
const ROOM = 270;

/** A server that handles `fit` ClientHellos of an interval, while `coming` come to it. */
class Server {
  readonly admission = new HelloAdmission();
  #waiting = 0;
  admitted = 0;
  handled = 0;

  interval(coming: number, fit: number): void {
    this.admitted = Math.round(coming * this.admission.share);
    for (let i = 0; i < this.admitted; i++) {
      this.admission.onAdmitted();
      if (this.#waiting < ROOM) this.#waiting++;
      else this.admission.onDropped();
    }
    this.handled = Math.min(fit, this.#waiting);
    for (let i = 0; i < this.handled; i++) this.admission.onHandled();
    this.#waiting -= this.handled;
    this.admission.adjust();
  }
}

suite('the share of ClientHellos that is admitted', () => {
  for (const fit of [8, 20, 100])
    test(`leaves a flood of 2,500 hardly more than the ${fit} that fit, and those always`, () => {
      const server = new Server();
      for (let i = 0; i < 5; i++) server.interval(2500, fit);
      for (let i = 0; i < 100; i++) {
        server.interval(2500, fit);
        assert.ok(server.admitted <= Math.max(4 * fit, 64), `${server.admitted}`);
        assert.equal(server.handled, fit);
      }
    });

  test('is all of them where no more come than fit, and where a burst finds room', () => {
    const server = new Server();
    for (let i = 0; i < 100; i++) server.interval(50, 50);
    assert.equal(server.admission.share, 1);
    server.interval(200, 50);
    assert.equal(server.admission.share, 1);
  });

  test('is all of them half a second after a flood of any size', () => {
    const server = new Server();
    for (let i = 0; i < 20; i++) server.interval(1_000_000, 10);
    assert.ok(server.admission.share <= 2 ** -9);
    for (let i = 0; i < 10; i++) server.interval(1, 10);
    assert.equal(server.admission.share, 1);
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
