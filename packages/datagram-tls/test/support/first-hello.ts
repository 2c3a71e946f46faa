import assert from 'node:assert/strict';
import type { Pair } from './pair.js';

/** The client's first ClientHello; nothing reaches the server. */
export function firstHello(pair: Pair): Uint8Array {
  const hellos: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from === 'client') hellos.push(data.slice());
    return [];
  };
  pair.connect().runFor(100);
  return hellos[0] ?? assert.fail('the client sends nothing');
}
