import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { Transcript } from '#lib/handshake/transcript.js';
import { transcriptHeader12, transcriptHeader13 } from '#lib/wire/messages/handshake-header.js';

const first = Uint8Array.of(1, 2, 3);
const second = Uint8Array.of(4, 5);
/** Type, length, message_seq, fragment_offset, fragment_length. */
const FIRST_12 = Uint8Array.of(1, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0, 3, ...first);
const SECOND_12 = Uint8Array.of(2, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 2, ...second);
const FIRST_13 = Uint8Array.of(1, 0, 0, 3, ...first);
const SECOND_13 = Uint8Array.of(2, 0, 0, 2, ...second);

function sha256(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concat(...parts))
      .digest(),
  );
}

function filled(): Transcript {
  const transcript = new Transcript(nodeProvider);
  transcript.add(1, 7, first);
  return transcript;
}

suite('the transcript', () => {
  test('the transcript of DTLS 1.2 hashes each message as one fragment with its message_seq', () => {
    const transcript = filled();
    transcript.begin(transcriptHeader12, 'sha256', false);
    transcript.add(2, 256, second);
    assert.deepEqual(transcript.digest(), sha256(FIRST_12, SECOND_12));
  });

  test('the transcript of DTLS 1.3 hashes each message with the header of TLS', () => {
    const transcript = filled();
    transcript.begin(transcriptHeader13, 'sha256', false);
    transcript.add(2, 256, second);
    assert.deepEqual(transcript.digest(), sha256(FIRST_13, SECOND_13));
  });

  test('the transcript gives a digest at any point and continues', () => {
    const transcript = filled();
    transcript.begin(transcriptHeader12, 'sha256', false);
    assert.deepEqual(transcript.digest(), sha256(FIRST_12));
    assert.deepEqual(transcript.digest(), sha256(FIRST_12));
    transcript.add(2, 256, second);
    assert.deepEqual(transcript.digest(), sha256(FIRST_12, SECOND_12));
  });

  test('the transcript keeps the messages themselves only when they will be signed', () => {
    for (const keep of [true, false]) {
      const transcript = filled();
      transcript.begin(transcriptHeader12, 'sha256', keep);
      transcript.add(2, 256, second);
      assert.deepEqual(transcript.messages(), keep ? concat(FIRST_12, SECOND_12) : new Uint8Array(0));
    }
  });

  test('the transcript is replaced by its message_hash after a HelloRetryRequest', () => {
    const firstHello = filled().digestWith('sha256');
    assert.deepEqual(firstHello, sha256(FIRST_13));
    const transcript = new Transcript(nodeProvider);
    transcript.add(2, 256, second);
    transcript.beginRetried('sha256', firstHello);
    const messageHash = concat(Uint8Array.of(254, 0, 0, 32), sha256(FIRST_13));
    assert.deepEqual(transcript.digest(), sha256(messageHash, SECOND_13));
  });

  test('a digest may cover parts of a message that is not added', () => {
    const transcript = filled();
    const whole = sha256(FIRST_13, SECOND_13);
    const parts = [SECOND_13.subarray(0, 4), SECOND_13.subarray(4)];
    assert.deepEqual(transcript.digestWith('sha256', ...parts), whole);
    assert.deepEqual(transcript.digestWith('sha256'), sha256(FIRST_13), 'nothing was added');
    transcript.begin(transcriptHeader13, 'sha256', false);
    assert.deepEqual(transcript.digestWith('sha256', ...parts), whole);
    assert.deepEqual(transcript.digest(), sha256(FIRST_13));
  });

  test('the transcript has no digest before the hash is known', () => {
    assert.throws(() => filled().digest(), TypeError);
  });
});
