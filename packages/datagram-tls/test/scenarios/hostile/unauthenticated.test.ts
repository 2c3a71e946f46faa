// Siege cases A4 and A7: no unauthenticated datagram ends a handshake or a session.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { encodeAck, type RecordNumber } from '#lib/wire/messages/ack.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { alertRecord, fragmentRecord, plainRecord, unifiedRecord } from '../../support/records.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;
const NONE = new Uint8Array(0);

function ack(recordNumbers: readonly RecordNumber[]): Uint8Array {
  return plainRecord(ContentType.ack, encodeAck({ recordNumbers }));
}

/** A fragment of a message that the receiver has processed already, or that is far ahead of what it can keep. */
function fragment(type: number, messageSeq: number, bytes: Uint8Array, length = bytes.length): Uint8Array {
  return fragmentRecord({ type, messageSeq, fragment: bytes, length });
}

const numbers = (epoch: number, count: number) =>
  Array.from({ length: count }, (_, sequenceNumber) => ({ epoch, sequenceNumber }));

/**
 * What an attacker that knows only the addresses can send. One kind is left out: before there are keys, a whole plaintext
 * message with the expected number cannot be told from the peer's own.
 */
const FORGERIES: readonly (readonly [what: string, record: Uint8Array])[] = [
  ['an ACK of epoch 1', ack(numbers(1, 1))],
  ['an ACK of epochs that there never are', ack(numbers(0xffff, 3))],
  ['an ACK of all plaintext records', ack(numbers(0, 40))],
  ['an ACK of epoch 2', ack(numbers(2, 40))],
  ['an ACK of epoch 3', ack(numbers(3, 40))],
  ['an ACK of each epoch', ack([0, 1, 2, 3].flatMap((epoch) => numbers(epoch, 20)))],
  ['an empty ACK', ack([])],
  ['a malformed ACK', plainRecord(ContentType.ack, Uint8Array.of(1, 2, 3))],
  ['HelloRequest 0', fragment(HandshakeType.hello_request, 0, NONE)],
  ['HelloRequest 1', fragment(HandshakeType.hello_request, 1, NONE)],
  ['HelloRequest 2', fragment(HandshakeType.hello_request, 2, NONE)],
  ['HelloRequest 3', fragment(HandshakeType.hello_request, 3, NONE)],
  ['a HelloRequest with a body', fragment(HandshakeType.hello_request, 1, new Uint8Array(20))],
  ['a ServerHello far ahead', fragment(HandshakeType.server_hello, 40, new Uint8Array(80))],
  ['a KeyUpdate far ahead', fragment(HandshakeType.key_update, 99, Uint8Array.of(1))],
  ['a message longer than any', fragment(HandshakeType.certificate, 30, new Uint8Array(10), 0xffffff)],
  [
    'a fragment past its message',
    fragmentRecord({ type: 1, messageSeq: 9, fragment: new Uint8Array(9), length: 3 }),
  ],
  ['an empty handshake record', plainRecord(ContentType.handshake, NONE)],
  ['half a handshake header', plainRecord(ContentType.handshake, new Uint8Array(5))],
  ['a fatal alert', alertRecord(2, 40)],
  ['close_notify', alertRecord(1, 0)],
  ['a malformed alert', plainRecord(ContentType.alert, new Uint8Array(3))],
  ['an empty alert', plainRecord(ContentType.alert, NONE)],
  ['ChangeCipherSpec', plainRecord(ContentType.change_cipher_spec, Uint8Array.of(1))],
  ['a malformed ChangeCipherSpec', plainRecord(ContentType.change_cipher_spec, new Uint8Array(7))],
  ['application data', plainRecord(ContentType.application_data, utf8('believe me'))],
  ['a heartbeat', plainRecord(ContentType.heartbeat, new Uint8Array(19))],
  ['an unknown content type', plainRecord(99, new Uint8Array(19))],
  [
    'a record of another version',
    plainRecord(ContentType.handshake, new Uint8Array(19), { version: 0x0301 }),
  ],
  ['junk in epoch 1', plainRecord(ContentType.handshake, new Uint8Array(60), { epoch: 1 })],
  ['junk in epoch 2', unifiedRecord(2, 0, new Uint8Array(60))],
  ['junk in epoch 3', unifiedRecord(3, 0, new Uint8Array(60))],
];

/** A handshake in which `forged` comes to `victim` before datagram `before` of either side. */
function attacked(version: TestedVersion, victim: Role, forged: Uint8Array, before: number): Pair {
  const pair = new Pair({ version, client: CLIENTS.p256, server: { requestCert: true } });
  let count = 0;
  pair.intercept = (data, from) => (from !== victim && ++count === before ? [forged, data] : [data]);
  pair.connect();
  pair.explain(() => {
    const done = () => pair.client.isConnected && pair.server.isConnected;
    assert.ok(pair.runUntil(done, 5000), `before datagram ${before}`);
  });
  return pair;
}

for (const version of VERSIONS) {
  for (const victim of ROLES) {
    suite(`unauthenticated datagrams to a ${victim} of ${version}`, () => {
      for (const [what, record] of FORGERIES) {
        test(`${what} does not end a handshake, whenever it comes, nor the session after it`, () => {
          for (let before = 1; before <= 4; before++) {
            const pair = attacked(version, victim, record, before);
            pair.intercept = undefined;
            pair.inject(pair[victim], record);
            pair.runFor(2000);
            assertAlive(pair);
          }
        });
      }

      if (version === 'DTLSv1.3') {
        for (const epoch of [2, 3]) {
          test(`a plaintext ACK of records of epoch ${epoch} acknowledges none, and is counted`, () => {
            const forged = ack(numbers(epoch, 40));
            const pair = attacked(version, victim, forged, victim === 'client' ? 2 : 3);
            pair.intercept = undefined;
            const before = pair[victim].dropped['unauthenticated_ack'] ?? 0;
            pair.inject(pair[victim], forged);
            assert.deepEqual([before, pair[victim].dropped['unauthenticated_ack']], [1, 2]);
            assertAlive(pair);
          });
        }
      }

      test('a plaintext ACK does not keep a lost flight from being sent again', () => {
        const pair = new Pair({ version });
        let lost = 0;
        const forged = ack(numbers(0, 40));
        pair.intercept = (data, from) => {
          if (from !== victim || lost > 0 || pair.now < 25) return [data];
          lost++;
          return [];
        };
        pair.connect();
        pair.runUntil(() => lost > 0, 1000);
        if (pair[victim].entries.length > 0) pair.inject(pair[victim], forged);
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 2500));
        });
        pair.intercept = undefined;
        assertAlive(pair);
      });
    });
  }
}
