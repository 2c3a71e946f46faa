import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const [nonce, aad] = [bytes(12), bytes(31)] as const;

function sealedText(inner: Uint8Array) {
  const aead = nodeProvider.aead('aes-128-gcm', bytes(16));
  const good = new Uint8Array(inner.length + aead.tagLength);
  aead.seal(nonce, aad, inner, good, 0);
  return { aead, good };
}

suite('texts that end with a content type', () => {
  test('content and type are told, and contents are kept apart', () => {
    const texts = [0, 1, 64, 64, 63, 1200, 0x0fff, 0x1000, 0x4000, 64].flatMap((length) =>
      [0, 1, 7].map((zeros) => ({ content: bytes(length), zeros })),
    );
    const opened = texts.map(({ content, zeros }) => {
      const { aead, good } = sealedText(Uint8Array.of(...content, 23, ...new Uint8Array(zeros)));
      const found = { type: -1 };
      const bad = good.slice();
      bad[0] = (bad[0] as number) ^ 1;
      assert.equal(aead.openInner?.(nonce, aad, bad, found), undefined);
      assert.equal(aead.openInner?.(nonce, aad, good.subarray(0, aead.tagLength - 1), found), undefined);
      assert.equal(found.type, -1);
      const told = aead.openInner?.(nonce, aad, good, found);
      assert.equal(found.type, 23);
      return told;
    });
    for (const [i, { content }] of texts.entries()) assert.deepEqual(opened[i], content);
  });

  test('among zeros there is no type', () => {
    for (const length of [0, 1, 16]) {
      const { aead, good } = sealedText(new Uint8Array(length));
      const found = { type: -1 };
      assert.deepEqual(aead.openInner?.(nonce, aad, good, found), new Uint8Array(0));
      assert.equal(found.type, 0);
    }
  });
});
