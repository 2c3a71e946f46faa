import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { encodeSession, resolveSession } from '#lib/config/saved-session.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { JUDGEMENT_DAY } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';

const pair = new Pair({ version: 'DTLSv1.3' }).handshake();
const [ticket] = pair.client.tickets;
const kept = encodeSession(nodeProvider, ticket ?? assert.fail(), JUDGEMENT_DAY);

function read(value: unknown, name: string | undefined = 'localhost') {
  return resolveSession(value, name, nodeProvider);
}

const INVALID = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };

suite('a session that an application keeps', () => {
  test('a saved session decodes unchanged', () => {
    const back = read(kept) ?? assert.fail();
    const { state, ...rest } = ticket ?? assert.fail();
    assert.deepEqual(back, { ...rest, state: { ...state, since: JUDGEMENT_DAY }, receivedAt: JUDGEMENT_DAY });
    assert.equal(read(undefined), undefined);
    const again = encodeSession(nodeProvider, back, JUDGEMENT_DAY);
    assert.deepEqual(again, kept);
  });

  test('a saved session is a Buffer or Uint8Array', () => {
    for (const value of [null, 5, 'session', {}, [1], new ArrayBuffer(8)]) {
      assert.throws(() => read(value), { code: 'ERR_INVALID_ARG_TYPE', message: /options\.session/ });
    }
    assert.deepEqual(read(Buffer.from(kept)), read(kept));
  });

  test('a saved session is refused for another peer, and the error names its peer', () => {
    const message = /was authenticated for 'localhost' and cannot be reused for 'other\.example'/;
    assert.throws(() => read(kept, 'other.example'), { ...INVALID, message });
    assert.throws(() => resolveSession(kept, undefined, nodeProvider), INVALID);
  });

  test('a saved session of another kind is refused', () => {
    const message = /is not a session produced by session\.session/;
    for (const value of [new Uint8Array(0), new Uint8Array(500), kept.subarray(0, 10), kept.subarray(1)]) {
      assert.throws(() => read(value), { ...INVALID, message });
    }
  });

  test('a saved session is refused when any byte is missing, changed or added', () => {
    for (let at = 0; at < kept.length; at++) {
      assert.throws(() => read(kept.subarray(0, at)), INVALID, `the first ${at} bytes`);
      const changed = kept.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      assert.throws(() => read(changed), INVALID, `byte ${at}`);
    }
    assert.throws(() => read(concat(kept, Uint8Array.of(0))), {
      ...INVALID,
      message: /truncated or damaged/,
    });
  });
});
