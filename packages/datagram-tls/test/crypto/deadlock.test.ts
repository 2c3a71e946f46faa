import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite, test } from 'node:test';

const MODULE = new URL('../../src/crypto/node-exchange.js', import.meta.url).href;

/** Both sides of many exchanges in a process of their own, which would have to be stopped if it stood still. */
const PROGRAM = `
  const { answerKeyExchange, startKeyExchange } = await import(${JSON.stringify(MODULE)});
  for (let i = 0; i < 1000; i++) {
    const exchange = startKeyExchange('x25519');
    const { share, secret } = answerKeyExchange('x25519', exchange.share);
    if (Buffer.compare(secret, exchange.finish(share)) !== 0) process.exit(2);
  }
`;

/** Each collects garbage at other allocations: one key exchange that may be interrupted there is enough. */
const ALLOCATIONS_BETWEEN_COLLECTIONS = [5, 9, 11, 17, 19, 26, 29, 31];

suite('key exchange under a busy collector', () => {
  for (const interval of ALLOCATIONS_BETWEEN_COLLECTIONS) {
    test(`one collection every ${interval} allocations does not hang the process`, () => {
      const flags = [`--gc-interval=${interval}`, '--input-type=module', '--eval', PROGRAM];
      const { status, signal } = spawnSync(process.execPath, flags, { timeout: 60_000, stdio: 'inherit' });
      assert.deepEqual({ status, signal }, { status: 0, signal: null });
    });
  }
});
