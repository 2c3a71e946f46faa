import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { toHex, utf8 } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { HashName } from '#lib/crypto/provider.js';
import { type CipherSuite, DEFAULT_SUITES } from '#lib/crypto/suites.js';
import { Exporter13 } from '#lib/keys/exporter.js';
import {
  deriveApplicationSecrets13,
  deriveBinderKey13,
  deriveEarlyExporterSecret13,
  deriveEarlySecret13,
  deriveEarlyTrafficSecret13,
  deriveHandshakeSecrets13,
  deriveNextTrafficSecret13,
  deriveResumptionSecret13,
  deriveTicketPsk13,
  deriveTrafficKeys13,
  hkdfExpandLabel,
  hkdfExtract,
} from '#lib/keys/schedule13.js';

const transcript = nodeProvider.hash('sha256').digest();
const secret = new Uint8Array(32).fill(5);

suite('the key schedule of DTLS 1.3', () => {
  test('HKDF labels begin with dtls13 and no space', () => {
    // The platform's HKDF as the other opinion: extract with a known key, expand with the label spelled out.
    const input = utf8('input');
    const prk = hkdfExtract(nodeProvider, 'sha256', secret, input);
    const info = Uint8Array.of(0, 16, 9, ...utf8('dtls13key'), 2, 7, 8);
    assert.deepEqual(
      hkdfExpandLabel(nodeProvider, 'sha256', prk, 'key', Uint8Array.of(7, 8), 16),
      new Uint8Array(hkdfSync('sha256', input, secret, info, 16)),
    );
  });

  for (const of of DEFAULT_SUITES['DTLSv1.3']) {
    test(`keys of ${of.name} have the lengths of its AEAD and are not each other`, () => {
      const { key, iv, sn } = deriveTrafficKeys13(nodeProvider, of, secret);
      assert.deepEqual([key.length, iv.length, sn.length], [of.keyLength, 12, of.keyLength]);
      assert.notDeepEqual(key, sn);
    });
  }

  for (const hash of ['sha256', 'sha384'] as const) {
    test(`no two secrets under ${hash} are the same`, () => {
      const secrets = allSecrets(hash).map((value) => toHex(value));
      assert.equal(new Set(secrets).size, secrets.length);
      const digits = hash === 'sha256' ? 64 : 96;
      assert.ok(secrets.every((value) => value.length === digits));
    });
  }

  test('labels and contexts that exceed their one-byte lengths are refused, for any output length', () => {
    const prk = new Uint8Array(32);
    for (const length of [16, 64]) {
      const expand = (label: string, context: number) => () =>
        hkdfExpandLabel(nodeProvider, 'sha256', prk, label, new Uint8Array(context), length);
      assert.throws(expand('key', 256), RangeError);
      assert.throws(expand('l'.repeat(250), 0), RangeError);
      assert.doesNotThrow(expand('l'.repeat(249), 255));
    }
  });

  test('a label is not confused with itself at another length', () => {
    const input = utf8('input');
    const prk = hkdfExtract(nodeProvider, 'sha256', secret, input);
    for (const length of [12, 32, 40, 12, 32, 40]) {
      const info = Uint8Array.of(0, length, 8, ...utf8('dtls13iv'), 0);
      assert.deepEqual(
        hkdfExpandLabel(nodeProvider, 'sha256', prk, 'iv', new Uint8Array(0), length),
        new Uint8Array(hkdfSync('sha256', input, secret, info, length)),
      );
    }
  });

  test('without a PSK or a key exchange zeros replace it', () => {
    const zeros = new Uint8Array(32);
    const early = deriveEarlySecret13(nodeProvider, 'sha256', undefined);
    assert.deepEqual(early, deriveEarlySecret13(nodeProvider, 'sha256', zeros));
    const of = suiteWith('sha256');
    assert.deepEqual(
      deriveHandshakeSecrets13(nodeProvider, of, early, undefined, transcript),
      deriveHandshakeSecrets13(nodeProvider, of, early, zeros, transcript),
    );
  });

  test('an exporter without context equals one with an empty context, and labels matter', () => {
    const exported = (label: string, context?: Uint8Array) =>
      new Exporter13(secret).export(nodeProvider, 'sha256', label, context, 40);
    assert.equal(exported('a').length, 40);
    assert.deepEqual(exported('a'), exported('a', new Uint8Array(0)));
    assert.notDeepEqual(exported('a'), exported('b'));
    assert.notDeepEqual(exported('a'), exported('a', Uint8Array.of(0)));
  });
});

/** Every secret that one handshake can derive. */
function allSecrets(hash: HashName): Uint8Array[] {
  const early = deriveEarlySecret13(nodeProvider, hash, secret);
  const of = suiteWith(hash);
  const handshake = deriveHandshakeSecrets13(nodeProvider, of, early, secret, transcript);
  const application = deriveApplicationSecrets13(nodeProvider, of, handshake.handshakeSecret, transcript);
  const resumption = deriveResumptionSecret13(nodeProvider, hash, application.masterSecret, transcript);
  const next = deriveNextTrafficSecret13(nodeProvider, hash, application.keys.client.secret);
  return [
    early,
    deriveBinderKey13(nodeProvider, hash, early, 'ext'),
    deriveBinderKey13(nodeProvider, hash, early, 'res'),
    deriveEarlyTrafficSecret13(nodeProvider, hash, early, transcript),
    deriveEarlyExporterSecret13(nodeProvider, hash, early, transcript),
    ...[handshake, application].flatMap(({ keys: { client, server } }) => [client.secret, server.secret]),
    ...[handshake.handshakeSecret, handshake.finished.client, handshake.finished.server],
    ...[application.masterSecret, application.exporter],
    resumption,
    deriveTicketPsk13(nodeProvider, hash, resumption, Uint8Array.of(0)),
    deriveTicketPsk13(nodeProvider, hash, resumption, Uint8Array.of(1)),
    next,
    deriveNextTrafficSecret13(nodeProvider, hash, next),
  ];
}

function suiteWith(hash: HashName): CipherSuite {
  return DEFAULT_SUITES['DTLSv1.3'].find((suite) => suite.hash === hash) ?? assert.fail();
}
