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

/** Within `patience` ms both sides are connected, the server with the client's present address, and stay alive. */
export function assertOpensWhereItIs(pair: Pair, patience: number): void {
  pair.explain(() => {
    assert.ok(
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, patience),
      'no session',
    );
    assert.deepEqual(pair.server.entry.peer, pair.client.address);
    pair.runFor(1000);
    assertAlive(pair);
  });
}

function exchange(pair: Pair, from: Side, to: Side): void {
  const before = to.messages.length;
  const message = utf8(`from the ${from.role}`);
  pair.send(from, message);
  pair.runFor(100);
  assert.deepEqual(to.messages.slice(before), [message]);
}
