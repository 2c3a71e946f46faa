import assert from 'node:assert/strict';
import { Pair, type PairOptions } from './pair.js';

/** A handshake that fails, run until both sides have ended. */
export function refused(options: PairOptions, prepare: (pair: Pair) => void = () => undefined): Pair {
  const pair = new Pair(options);
  prepare(pair);
  pair.connect();
  pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 10_000);
  pair.explain(() => assert.ok(pair.client.isClosed && pair.server.isClosed, 'one side goes on'));
  return pair;
}
