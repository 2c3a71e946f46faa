import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  chooseRecordLimits,
  encodeRecordLimits,
  offerMaxFragmentLength,
  offerRecordSizeLimit,
  readRecordLimits,
} from '#lib/extensions/record-limits.js';
import { createSecureContext } from '#lib/index.js';
import { ContentType, ExtensionType } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { rulesOf } from '#lib/wire/version.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, recordsOf } from '../../support/records.js';
import { security, type TestedVersion, VERSIONS } from '../../support/settings.js';

const { record_size_limit, max_fragment_length } = ExtensionType;
const ROLES = ['client', 'server'] as const;
/** Suites whose protection adds a known number of bytes to the content, explicit nonce and content type included. */
const SUITES: Readonly<Record<TestedVersion, { ciphers: string; adds: number; typeBytes: number }>> = {
  'DTLSv1.2': { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', adds: 24, typeBytes: 0 },
  'DTLSv1.3': { ciphers: 'TLS_AES_128_GCM_SHA256', adds: 17, typeBytes: 1 },
};

for (const version of VERSIONS) {
  const { ciphers, adds, typeBytes } = SUITES[version];

  /** A pair with certificates on both sides; the side `role` announces `limit`. */
  function limited(role: (typeof ROLES)[number], limit: number): Pair {
    const recordSizeLimit = limit;
    return new Pair({
      version,
      client: { ...CLIENTS.p256, ciphers, ...(role === 'client' ? { recordSizeLimit } : {}) },
      server: { ...SERVERS.rsa, requestCert: true, ...(role === 'server' ? { recordSizeLimit } : {}) },
    });
  }

  suite(`limits of records, ${version}`, () => {
    for (const role of ROLES) {
      const other = role === 'client' ? 'server' : 'client';
      for (const limit of [64, 100, 600]) {
        test(`${other} sends a ${role} with a limit of ${limit} bytes no larger protected record`, () => {
          const pair = limited(role, limit);
          let largest = 0;
          pair.onDelivery = ({ data, from }) => {
            const lengths = recordsOf(data).flatMap(({ epoch, body }) =>
              epoch > 0 ? [body.length - adds] : [],
            );
            if (from === other) largest = Math.max(largest, ...lengths);
          };
          pair.explain(() => pair.handshake());
          const { connection } = pair[other].entry;
          assert.equal(connection.maxMessageSize, limit - typeBytes);
          pair.send(pair[other], new Uint8Array(limit - typeBytes));
          pair.runFor(100);
          assert.equal(pair[role].messages[0]?.length, limit - typeBytes);
          assert.equal(largest, limit - typeBytes);
          assert.equal(
            pair[role].entry.connection.maxMessageSize,
            1200 - 13 - 24 + (version === 'DTLSv1.3' ? 15 : 0),
          );
          assertAlive(pair);
        });
      }

      test(`${other} refuses in send what exceeds the limit of the ${role}`, () => {
        const pair = limited(role, 100).handshake();
        assert.throws(() => pair.send(pair[other], new Uint8Array(101)), {
          code: 'ERR_OUT_OF_RANGE',
          message: new RegExp(
            `^data is 101 bytes, .* ${100 - typeBytes} byte maximum of a record that the peer takes`,
          ),
        });
        assertAlive(pair);
      });

      test(`${role} discards and counts a record above its limit`, () => {
        const pair = limited(role, 100).handshake();
        const most = new Uint8Array(100 - typeBytes);
        for (const data of [new Uint8Array(100 - typeBytes + 1), most])
          pair.inject(pair[role], sealed(pair, other, data));
        assert.deepEqual(pair[role].messages, [most]);
        assert.equal(pair[role].dropped['over_record_limit'], 1);
        assertAlive(pair);
      });
    }

    test('sides without limits accept what the protocol allows, and say so', () => {
      const pair = new Pair({ version });
      const hellos: (Uint8Array | undefined)[] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === 'client' && plainFragments(data)[0]?.type === 1)
          hellos.push(
            decodeClientHello(plainFragments(data)[0]?.fragment ?? assert.fail())?.extensions.get(
              record_size_limit,
            ),
          );
      };
      pair.handshake();
      assert.deepEqual(hellos[0], version === 'DTLSv1.3' ? Uint8Array.of(0x40, 1) : Uint8Array.of(0x40, 0));
      for (const { sessions } of [pair.client, pair.server])
        assert.deepEqual(sessions[0]?.agreed.records, {
          send: 0x4000,
          receive: 0x4000,
          by: 'record_size_limit',
        });
      assertAlive(pair);
    });

    test('a client that requests max_fragment_length requests the same of a server with record_size_limit', () => {
      const pair = new Pair({ version, client: { maxFragmentLength: 512 } }).handshake();
      const bytes = 512 - typeBytes;
      assert.equal(pair.server.sessions[0]?.agreed.records.send, bytes);
      const { by, receive } = pair.client.sessions[0]?.agreed.records ?? assert.fail();
      assert.deepEqual([by, receive], ['record_size_limit', bytes]);
      assertAlive(pair);
    });
  });

  suite(`limits of records, malformed or wrong, ${version}`, () => {
    const rules = rulesOf(version);
    const server = security('server', version, { recordSizeLimit: 300 });
    const client = security('client', version, { recordSizeLimit: 300, maxFragmentLength: 1024 });
    const size = (...bytes: number[]) => [record_size_limit, Uint8Array.from(bytes)] as const;
    const length = (...bytes: number[]) => [max_fragment_length, Uint8Array.from(bytes)] as const;

    test('max_fragment_length applies to both directions, and the server repeats it', () => {
      const chosen = chooseRecordLimits(server, rules, new Map([length(2)]));
      assert.deepEqual(chosen, { send: 1024, receive: 1024, by: 'max_fragment_length' });
      const answer = encodeRecordLimits(chosen, rules) ?? assert.fail();
      assert.deepEqual(answer, [max_fragment_length, Uint8Array.of(2)]);
      assert.deepEqual(readRecordLimits(client, rules, new Map([answer])), chosen);
      assert.deepEqual(offerMaxFragmentLength(client), Uint8Array.of(2));
    });

    test('record_size_limit wins over max_fragment_length, whose value is then ignored', () => {
      const chosen = chooseRecordLimits(server, rules, new Map([length(9), size(1, 0)]));
      assert.deepEqual(chosen, { send: 256 - typeBytes, receive: 300 - typeBytes, by: 'record_size_limit' });
      assert.deepEqual(encodeRecordLimits(chosen, rules), [record_size_limit, Uint8Array.of(1, 44)]);
    });

    test('a client sends the smaller of the two limits', () => {
      const both = security('client', version, { recordSizeLimit: 2000, maxFragmentLength: 512 });
      assert.deepEqual(offerRecordSizeLimit(both), Uint8Array.of(2, 0));
      assert.deepEqual(offerRecordSizeLimit(client), Uint8Array.of(1, 44));
    });

    test('a client may send a larger limit than the protocol allows, as an extension might', () => {
      assert.equal(chooseRecordLimits(server, rules, new Map([size(0xff, 0xff)])).send, 0x4000);
    });

    for (const [what, extensions, alert] of [
      ['a record_size_limit of 63', [size(0, 63)], 'illegal_parameter'],
      ['half a record_size_limit', [size(1)], 'decode_error'],
      ['a record_size_limit of three bytes', [size(1, 0, 0)], 'decode_error'],
      ['max_fragment_length 0', [length(0)], 'illegal_parameter'],
      ['max_fragment_length 5', [length(5)], 'illegal_parameter'],
      ['no max_fragment_length', [length()], 'decode_error'],
    ] as const) {
      test(`${what} ends the handshake with ${alert}, on either side`, () => {
        assert.throws(() => chooseRecordLimits(server, rules, new Map(extensions)), { alert });
        assert.throws(() => readRecordLimits(client, rules, new Map(extensions)), { alert });
      });
    }

    for (const [what, extensions] of [
      ['another max_fragment_length than it was asked for', [length(1)]],
      ['both extensions', [length(2), size(1, 0)]],
      ['a record_size_limit beyond the protocol', [size(0x40, version === 'DTLSv1.3' ? 2 : 1)]],
    ] as const) {
      test(`an answer with ${what} ends the handshake with illegal_parameter`, () => {
        assert.throws(() => readRecordLimits(client, rules, new Map(extensions)), {
          alert: 'illegal_parameter',
        });
      });
    }
  });
}

suite('the options recordSizeLimit and maxFragmentLength', () => {
  for (const [options, code] of [
    [{ recordSizeLimit: 63 }, 'ERR_OUT_OF_RANGE'],
    [{ recordSizeLimit: 16_386 }, 'ERR_OUT_OF_RANGE'],
    [{ recordSizeLimit: '512' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxFragmentLength: 500 }, 'ERR_INVALID_ARG_VALUE'],
    [{ maxFragmentLength: '512' }, 'ERR_INVALID_ARG_VALUE'],
  ] as const) {
    test(`${JSON.stringify(options)} is refused with ${code}`, () => {
      assert.throws(() => createSecureContext(options as object), { code });
    });
  }

  test('maxFragmentLength is refused on a server', () => {
    const options = { isServer: true, maxFragmentLength: 512, ...SERVERS.p256 } as const;
    assert.throws(() => createSecureContext(options), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /client context/,
    });
  });
});

/** A record of application data as `sender` would make it. */
function sealed(pair: Pair, sender: (typeof ROLES)[number], data: Uint8Array): Uint8Array {
  const sequence = 50 + (data.length % 10);
  return pair.version === 'DTLSv1.3'
    ? new Insider13(pair).seal(sender, 3, ContentType.application_data, data, sequence)
    : Insider12.ofSession(pair.client.sessions[0] ?? assert.fail()).seal(
        sender,
        ContentType.application_data,
        data,
        sequence,
      );
}
