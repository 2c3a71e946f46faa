import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { Pair } from '../../support/pair.js';
import { VERSIONS } from '../../support/settings.js';

for (const version of VERSIONS) {
  suite(`the pair of endpoints itself, ${version}`, () => {
    test('a pair does a handshake, exchanges messages and closes', () => {
      const pair = new Pair({ version });
      pair.explain(() => {
        pair.handshake();
        pair.send(pair.client, utf8('ping'));
        pair.send(pair.server, utf8('pong'));
        pair.runFor(100);
        assert.deepEqual(pair.server.messages, [utf8('ping')]);
        assert.deepEqual(pair.client.messages, [utf8('pong')]);
        pair.close(pair.client);
        pair.runFor(2000);
        assert.ok(pair.client.isClosed && pair.server.isClosed);
        assert.equal(pair.client.error, undefined);
        assert.equal(pair.server.error, undefined);
        assert.equal(pair.client.endpoint.size + pair.server.endpoint.size, 0);
      });
    });

    test('a pair is repeatable to the byte', () => {
      const run = () => new Pair({ version, seed: 7, weather: { loss: 0.2, jitter: 50 } }).handshake();
      const first = run().network.trace.toString();
      assert.equal(run().network.trace.toString(), first);
      const other = new Pair({ version, seed: 8, weather: { loss: 0.2, jitter: 50 } }).handshake();
      assert.notEqual(other.network.trace.toString(), first);
    });

    test('a failure prints the seed and the packet trace', () => {
      const pair = new Pair({ version, seed: 42 }).handshake();
      const failing = () => pair.explain(() => assert.fail('as it happens'));
      assert.throws(
        failing,
        /as it happens[\s\S]*DTLS_SEED=42[\s\S]*client → server +\d+ B +delivered +handshake 0\/0 client_hello#0/,
      );
    });
  });
}
