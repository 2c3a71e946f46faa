// A handshake with early data under way has no state, and is not harmed by the question.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, taking } from '../../support/early.js';
import type { Pair } from '../../support/pair.js';

const RESERVE = 64;

/** Early data was received, and answered; the client's Finished is to come. */
function midway(): Pair {
  const server = taking();
  const pair = comingBack(sessionFor({ server }), [utf8('early')], { server });
  pair.connect();
  assert.ok(pair.runUntil(() => pair.server.early.length > 0, 5000));
  assert.ok(!pair.server.isConnected);
  return pair;
}

suite('a session with early data under way', () => {
  for (const role of ['client', 'server'] as const satisfies readonly Role[])
    test(`has no state to export and no checkpoint before it is open, ${role}`, () => {
      const pair = midway();
      const { endpoint, entry } = pair[role];
      assert.ok(!pair[role].isConnected);
      assert.throws(() => endpoint.save(entry, pair.now), { code: 'ERR_INVALID_STATE' });
      assert.throws(() => entry.connection.checkpoint(RESERVE, pair.now), { code: 'ERR_INVALID_STATE' });
      assert.equal(endpoint.hibernate(entry, pair.now), false);
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000));
        assertAlive(pair);
        pair.move(pair[role]);
        assertAlive(pair);
      });
      assert.equal(pair[role].error, undefined);
    });

  test('goes on elsewhere once it is open, with what was answered early', () => {
    const pair = midway();
    pair.server.endpoint.send(pair.server.entry, utf8('early answer'));
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.server.isConnected, 5000));
      pair.move(pair.server);
      pair.runFor(2000);
      const texts = pair.client.messages.map((message) => new TextDecoder().decode(message));
      assert.deepEqual(texts, ['early answer']);
      assertAlive(pair);
    });
  });
});
