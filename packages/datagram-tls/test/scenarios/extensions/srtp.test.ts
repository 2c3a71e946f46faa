import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { chooseSrtp, readSrtpChoice } from '#lib/extensions/use-srtp.js';
import { createSecureContext } from '#lib/index.js';
import { ExtensionType, type SrtpProfileName } from '#lib/wire/codes.js';
import { client, echoServer } from '../../driver/echo.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { security, VERSIONS } from '../../support/settings.js';

const CM80 = 'SRTP_AES128_CM_SHA1_80';
const CM32 = 'SRTP_AES128_CM_SHA1_32';
const GCM128 = 'SRTP_AEAD_AES_128_GCM';
const GCM256 = 'SRTP_AEAD_AES_256_GCM';

for (const version of VERSIONS) {
  suite(`SRTP profiles, ${version}`, () => {
    const agreed: readonly (readonly [
      string,
      string | undefined,
      string | undefined,
      SrtpProfileName | undefined,
    ])[] = [
      ...([CM80, CM32, GCM128, GCM256] as const).map((name) => [name, name, name, name] as const),
      ["the server's first of several", `${CM80}:${CM32}:${GCM128}`, `${GCM128}:${CM80}`, GCM128],
      ['no profile if they have none in common', CM80, GCM256, undefined],
      ['no profile if the server has none', CM80, undefined, undefined],
      ['no profile if the client has none', undefined, CM80, undefined],
    ];
    for (const [what, ours, theirs, expected] of agreed) {
      test(`both sides agree on ${what}`, () => {
        const pair = new Pair({
          version,
          client: ours === undefined ? {} : { srtp: ours },
          server: theirs === undefined ? {} : { srtp: theirs },
        });
        pair.explain(() => pair.handshake());
        for (const { sessions } of [pair.client, pair.server])
          assert.equal(sessions[0]?.agreed.srtp, expected);
        assertAlive(pair);
      });
    }

    test('both sides export the same keys for SRTP', async () => {
      const options = { minVersion: version, maxVersion: version, srtp: CM80 };
      const server = echoServer(options);
      const session = client(server.port, options);
      await session.opened;
      const other = server.sessions[0] ?? assert.fail();
      await other.opened;
      assert.deepEqual([session.srtpProfile, other.srtpProfile], [CM80, CM80]);
      const keys = [session, other].map((side) => side.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp'));
      assert.equal(keys[0]?.length, 60);
      assert.deepEqual(keys[0], keys[1]);
      await session.close();
      await server.endpoint.close();
    });
  });
}

suite('SRTP profiles, malformed or wrong', () => {
  const ours = security('client', 'DTLSv1.3', { srtp: `${CM80}:${GCM128}` });
  const body = (...bytes: number[]) => new Map([[ExtensionType.use_srtp, Uint8Array.from(bytes)]]);

  const answers: readonly [string, ReadonlyMap<number, Uint8Array>, string][] = [
    ['a profile that was not offered', body(0, 2, 0, 8, 0), 'illegal_parameter'],
    ['an unknown profile', body(0, 2, 0x7a, 0x7a, 0), 'illegal_parameter'],
    ['an identifier that was not offered', body(0, 2, 0, 1, 1, 5), 'illegal_parameter'],
    ['two profiles', body(0, 4, 0, 1, 0, 7, 0), 'decode_error'],
    ['no profile', body(0, 0, 0), 'decode_error'],
    ['half a profile', body(0, 1, 1, 0), 'decode_error'],
    ['no identifier', body(0, 2, 0, 1), 'decode_error'],
  ];
  for (const [what, extensions, alert] of answers) {
    test(`an answer with ${what} ends the handshake with ${alert}`, () => {
      assert.throws(() => readSrtpChoice(ours, extensions), { alert });
    });
  }

  test('a malformed offer ends the handshake with decode_error, even without a choice', () => {
    const server = security('server', 'DTLSv1.3');
    assert.throws(() => chooseSrtp(server, body(0, 3, 0, 1, 0, 0)), { alert: 'decode_error' });
  });

  test("a client's master key identifier does no harm", () => {
    const server = security('server', 'DTLSv1.3', { srtp: CM80 });
    assert.equal(chooseSrtp(server, body(0, 2, 0, 1, 2, 5, 6)), CM80);
  });
});

suite('the option srtp', () => {
  for (const [what, srtp, code] of [
    ['a list', [CM80], 'ERR_INVALID_ARG_TYPE'],
    ['an unknown profile', `${CM80}:SRTP_NULL`, 'ERR_CRYPTO_OPERATION_FAILED'],
    ['a name of every object', 'constructor', 'ERR_CRYPTO_OPERATION_FAILED'],
    ['no name', '', 'ERR_CRYPTO_OPERATION_FAILED'],
  ] as const) {
    test(`srtp with ${what} is refused with ${code}`, () => {
      assert.throws(() => createSecureContext({ srtp: srtp as string }), { code, message: /options\.srtp/ });
    });
  }
});
