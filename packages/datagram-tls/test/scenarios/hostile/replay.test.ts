import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { suiteByName } from '#lib/crypto/suites.js';
import { REPLAY_WINDOW } from '#lib/record/replay.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { flipped, plainRecord } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;

for (const version of VERSIONS) {
  for (const receiver of ROLES) {
    const sender = receiver === 'client' ? 'server' : 'client';

    // A unified header shows 16 bits of the number, and masked.
    const headerLength = version === 'DTLSv1.3' ? 5 : 13;
    const numberAt = version === 'DTLSv1.3' ? 1 : 5;
    const far =
      version === 'DTLSv1.3'
        ? [
            [0, 1],
            [1, 0],
            [255, 255],
          ]
        : [
            [0, 0, 0, 0, 1, 0],
            [0, 1, 0, 0, 0, 0],
            [255, 255, 255, 255, 255, 255],
          ];

    suite(`replays at the ${receiver}, ${version}`, () => {
      test('the newest record is delivered once', () => {
        const { pair, sent } = talked(version, sender, 1);
        for (let i = 0; i < 5; i++) pair.inject(pair[receiver], sent[0] ?? assert.fail());
        assert.equal(pair[receiver].messages.length, 1);
        assert.equal(pair[receiver].dropped['replayed'], 5);
        assertAlive(pair);
      });

      test('records within the window, at its edge and older are delivered once', () => {
        const { pair, sent } = talked(version, sender, REPLAY_WINDOW + 50);
        for (const record of sent) pair.inject(pair[receiver], record);
        assert.equal(pair[receiver].messages.length, sent.length);
        assert.equal(pair[receiver].dropped['replayed'], sent.length);
        assertAlive(pair);
      });

      test('replaying everything that was ever sent changes nothing', () => {
        const pair = new Pair({ version });
        const seen: Uint8Array[] = [];
        pair.intercept = (data, from) => {
          if (from === sender) seen.push(data);
          return [data];
        };
        pair.handshake();
        assertAlive(pair);
        pair.intercept = undefined;
        const messages = pair[receiver].messages.length;
        for (let round = 0; round < 3; round++) for (const data of seen) pair.inject(pair[receiver], data);
        pair.runFor(5000);
        assert.equal(pair[receiver].messages.length, messages);
        assertAlive(pair);
      });

      test('late records within the window are delivered, each once', () => {
        const { pair, sent } = withheld(version, sender, REPLAY_WINDOW);
        for (const record of sent.toReversed()) pair.inject(pair[receiver], record);
        for (const record of sent) pair.inject(pair[receiver], record);
        assert.equal(pair[receiver].messages.length, sent.length);
        assert.equal(pair[receiver].dropped['replayed'], sent.length);
      });

      test('gaps of 64, 128 and 10,000 lost records do no harm', () => {
        const pair = new Pair({ version }).handshake();
        for (const gap of [64, 128, 10_000]) {
          pair.network.weather = { ...pair.network.weather, loss: 1 };
          for (let i = 0; i < gap; i++) pair.send(pair[sender], utf8('lost'));
          pair.network.weather = { ...pair.network.weather, loss: 0 };
          assertAlive(pair);
        }
      });

      test('forged numbers far ahead do not move the window', () => {
        const { pair, sent } = withheld(version, sender, 3);
        for (const record of sent) {
          for (const number of far) {
            const forged = record.slice();
            forged.set(number, numberAt);
            pair.inject(pair[receiver], forged);
          }
        }
        assert.equal(pair[receiver].dropped['bad_record'], 9);
        for (const record of sent) pair.inject(pair[receiver], record);
        assert.equal(pair[receiver].messages.length, 3);
        assertAlive(pair);
      });

      test('a forged record does not use up the number of the real one', () => {
        const { pair, sent } = withheld(version, sender, 1);
        const record = sent[0] ?? assert.fail();
        for (let at = headerLength; at < record.length; at++)
          pair.inject(pair[receiver], flipped(record, at));
        assert.equal(pair[receiver].messages.length, 0);
        pair.inject(pair[receiver], record);
        assert.equal(pair[receiver].messages.length, 1);
      });
    });
  }
}

/** One AEAD of each shape: explicit nonce and long tag, no explicit nonce, short tag. */
const AEADS = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-CCM8'];

suite('records too short for their protection, DTLSv1.2', () => {
  for (const cipher of AEADS) {
    for (const receiver of ROLES) {
      test(`${receiver} discards every short length with ${cipher}, and the session goes on`, () => {
        const { explicitNonceLength, tagLength } = suiteByName(cipher) ?? assert.fail();
        const overhead = explicitNonceLength + tagLength;
        const pair = new Pair({ client: { ciphers: cipher }, server: { ciphers: cipher } }).handshake();
        for (const type of [ContentType.alert, ContentType.handshake, ContentType.application_data]) {
          for (let length = 0; length <= overhead + 1; length++) {
            const record = plainRecord(type, new Uint8Array(length), { epoch: 1, sequence: 900 + length });
            pair.inject(pair[receiver], record);
          }
        }
        assert.deepEqual(pair[receiver].dropped, {
          ...pair[receiver].dropped,
          too_short: 3 * overhead,
          bad_record: 3 * 2,
        });
        assertAlive(pair);
      });
    }
  }
});

/** A pair after `count` messages from `sender`, and the datagrams they came in. */
function talked(version: (typeof VERSIONS)[number], sender: Role, count: number) {
  const pair = new Pair({ version }).handshake();
  const sent: Uint8Array[] = [];
  pair.intercept = (data) => {
    sent.push(data);
    return [data];
  };
  for (let i = 0; i < count; i++) pair.send(pair[sender], utf8(`message ${i}`));
  pair.runFor(100);
  pair.intercept = undefined;
  assert.equal(sent.length, count);
  return { pair, sent };
}

/** The same, but nothing has arrived yet. */
function withheld(version: (typeof VERSIONS)[number], sender: Role, count: number) {
  const pair = new Pair({ version }).handshake();
  const sent: Uint8Array[] = [];
  pair.intercept = (data) => {
    sent.push(data);
    return [];
  };
  for (let i = 0; i < count; i++) pair.send(pair[sender], utf8(`message ${i}`));
  pair.runFor(100);
  pair.intercept = undefined;
  return { pair, sent };
}
