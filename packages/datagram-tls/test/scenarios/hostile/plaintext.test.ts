import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { alertRecord, fragmentRecord, plainRecord, recordsOf, unifiedRecord } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const FATAL = 2;
const WARNING = 1;
const HANDSHAKE_FAILURE = 40;
const CLOSE_NOTIFY = 0;

/** Records without protection that must not do anything to a side that has keys, and the reason they are counted under. */
const FORGERIES: readonly { what: string; record: (epoch: number) => Uint8Array; reason: string }[] = [
  {
    what: 'application data',
    record: (epoch) => plainRecord(ContentType.application_data, utf8('believe me'), { epoch }),
    reason: 'unprotected_data',
  },
  {
    what: 'a fatal alert',
    record: (epoch) => alertRecord(FATAL, HANDSHAKE_FAILURE, { epoch }),
    reason: 'unauthenticated_alert',
  },
  {
    what: 'close_notify',
    record: (epoch) => alertRecord(WARNING, CLOSE_NOTIFY, { epoch }),
    reason: 'unauthenticated_alert',
  },
  {
    what: 'ChangeCipherSpec',
    record: (epoch) => plainRecord(ContentType.change_cipher_spec, Uint8Array.of(1), { epoch }),
    reason: 'bad_change_cipher_spec',
  },
  {
    what: 'Finished',
    record: (epoch) =>
      fragmentRecord(
        { type: HandshakeType.finished, messageSeq: 8, fragment: new Uint8Array(12) },
        { epoch },
      ),
    reason: 'unexpected_epoch',
  },
  {
    what: 'a heartbeat',
    record: (epoch) => plainRecord(ContentType.heartbeat, new Uint8Array(19), { epoch }),
    reason: 'unexpected_type',
  },
];

const sides = ['client', 'server'] as const;

for (const version of VERSIONS) {
  suite(`plaintext after keys are installed, ${version}`, () => {
    for (const role of sides) {
      for (const { what, record, reason } of FORGERIES) {
        test(`${role} discards and counts ${what} in epoch 0`, () => {
          const pair = new Pair({ version }).handshake();
          const side = pair[role];
          pair.inject(side, record(0));
          assert.equal(side.dropped[reason], 1);
          assertAlive(pair);
        });
      }

      test(`${role} answers no handshake message in epoch 0, whatever its number`, () => {
        const pair = new Pair({ version }).handshake();
        const side = pair[role];
        let answers = 0;
        pair.intercept = (data, from) => {
          if (from === role) answers++;
          return [data];
        };
        let sequence = 1000;
        // A ClientHello is answered without state.
        const types = Object.values(HandshakeType).filter((type) => type !== HandshakeType.client_hello);
        for (const type of types)
          for (let messageSeq = 0; messageSeq < 12; messageSeq++)
            for (const length of [0, 40, 70_000])
              for (const fragment of [new Uint8Array(0), new Uint8Array(40)]) {
                if (fragment.length > length) continue;
                const shape = { type, messageSeq, length, fragment };
                pair.inject(side, fragmentRecord(shape, { sequence: sequence++ }));
              }
        pair.runFor(2000);
        assert.equal(answers, 0);
        assert.ok(side.endpoint.hibernate(side.entry, pair.now), 'nothing is kept of them');
        pair.intercept = undefined;
        assertAlive(pair);
      });

      test(`${role} discards everything in an epoch without keys`, () => {
        const pair = new Pair({ version }).handshake();
        const side = pair[role];
        for (const epoch of [2, 3, 0xffff])
          for (const { record } of FORGERIES) pair.inject(side, record(epoch));
        assert.equal(side.dropped['unknown_epoch'], 3 * FORGERIES.length);
        assertAlive(pair);
      });

      test(`${role} discards plaintext with the protected epoch in its header`, () => {
        const pair = new Pair({ version }).handshake();
        const side = pair[role];
        for (const { record } of FORGERIES) {
          const [plain] = recordsOf(record(1));
          assert.ok(plain);
          pair.inject(side, version === 'DTLSv1.3' ? unifiedRecord(3, 900, plain.body) : plain.whole);
        }
        const { too_short = 0, bad_record = 0 } = side.dropped;
        assert.equal(too_short + bad_record, FORGERIES.length);
        assertAlive(pair);
      });
    }
  });

  suite(`plaintext between the keys and the peer's Finished, ${version}`, () => {
    for (const role of sides) {
      for (const { what, record } of FORGERIES) {
        test(`${role} continues after ${what}`, () => {
          const { pair, release } = withoutFinished(version, role);
          pair.inject(pair[role], record(0));
          release();
          pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900);
          assertAlive(pair);
        });
      }
    }

    // The side that sent the last unprotected message: in DTLS 1.3 a client may still fail on the ServerHello.
    const guarded = version === 'DTLSv1.3' ? 'client' : 'server';
    test(`${guarded} discards a plaintext alert at once, because its peer would have protected it`, () => {
      const { pair, release } = withoutFinished(version, guarded);
      pair.inject(pair[guarded], alertRecord(FATAL, HANDSHAKE_FAILURE));
      assert.equal(pair[guarded].dropped['unauthenticated_alert'], 1);
      pair.runFor(1500);
      release();
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000);
      assertAlive(pair);
    });
  });
}

/** A handshake that stands still before the Finished to `role`, which arrives at {@link release}. */
function withoutFinished(version: (typeof VERSIONS)[number], role: 'client' | 'server') {
  const pair = new Pair({ version });
  const withheld: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from === role) return [data];
    const records = recordsOf(data);
    withheld.push(...records.filter(({ epoch }) => epoch > 0).map(({ whole }) => whole));
    const rest = records.filter(({ epoch }) => epoch === 0).map(({ whole }) => whole);
    return rest.length === 0 ? [] : [concat(...rest)];
  };
  pair.connect();
  pair.runUntil(() => withheld.length > 0, 900);
  assert.ok(withheld.length > 0);
  return {
    pair,
    release: () => {
      pair.intercept = undefined;
      for (const record of withheld) pair.inject(pair[role], record);
    },
  };
}
