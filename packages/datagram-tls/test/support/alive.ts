import assert from 'node:assert/strict';
import { utf8 } from '#lib/base/bytes.js';
import type { Pair } from './pair.js';
import type { Side } from './side.js';

/** Both sides are connected, and one message of each side arrives exactly once. */
export function assertAlive(pair: Pair): void {
  pair.explain(() => {
    assert.deepEqual([pair.client.phase, pair.server.phase], ['open', 'open']);
    exchange(pair, pair.client, pair.server);
    exchange(pair, pair.server, pair.client);
  });
}

function exchange(pair: Pair, from: Side, to: Side): void {
  const before = to.messages.length;
  const message = utf8(`from the ${from.role}`);
  pair.send(from, message);
  pair.runFor(100);
  assert.deepEqual(to.messages.slice(before), [message]);
}
