import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { getCiphers } from 'node:tls';
import {
  DEFAULT_PSK_SUITES,
  DEFAULT_SUITES,
  needsPsk,
  SUITES,
  suiteByCode,
  suiteByName,
} from '#lib/crypto/suites.js';

suite('cipher suites', () => {
  test('every suite is found by its code and by both of its names', () => {
    for (const of of SUITES) {
      assert.equal(suiteByCode(of.code), of);
      assert.equal(suiteByName(of.name), of);
      assert.equal(suiteByName(of.opensslName), of);
    }
    assert.equal(suiteByCode(0x00ff), undefined);
    assert.equal(suiteByName('NULL'), undefined);
  });

  test('codes and names are those of the registry', () => {
    const rows = SUITES.map(({ code, name, opensslName }) => `${code.toString(16)} ${name} ${opensslName}`);
    assert.deepEqual(rows, [
      '1301 TLS_AES_128_GCM_SHA256 TLS_AES_128_GCM_SHA256',
      '1302 TLS_AES_256_GCM_SHA384 TLS_AES_256_GCM_SHA384',
      '1303 TLS_CHACHA20_POLY1305_SHA256 TLS_CHACHA20_POLY1305_SHA256',
      '1304 TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_SHA256',
      'c02b TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ECDHE-ECDSA-AES128-GCM-SHA256',
      'c02f TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ECDHE-RSA-AES128-GCM-SHA256',
      'c02c TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 ECDHE-ECDSA-AES256-GCM-SHA384',
      'c030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 ECDHE-RSA-AES256-GCM-SHA384',
      'cca9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-CHACHA20-POLY1305',
      'cca8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 ECDHE-RSA-CHACHA20-POLY1305',
      'c0ac TLS_ECDHE_ECDSA_WITH_AES_128_CCM ECDHE-ECDSA-AES128-CCM',
      'c0ad TLS_ECDHE_ECDSA_WITH_AES_256_CCM ECDHE-ECDSA-AES256-CCM',
      'c0ae TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 ECDHE-ECDSA-AES128-CCM8',
      'c0af TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8 ECDHE-ECDSA-AES256-CCM8',
      'd001 TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 ECDHE-PSK-AES128-GCM-SHA256',
      'd002 TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384 ECDHE-PSK-AES256-GCM-SHA384',
      'ccac TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 ECDHE-PSK-CHACHA20-POLY1305',
      'a8 TLS_PSK_WITH_AES_128_GCM_SHA256 PSK-AES128-GCM-SHA256',
      'a9 TLS_PSK_WITH_AES_256_GCM_SHA384 PSK-AES256-GCM-SHA384',
      'ccab TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 PSK-CHACHA20-POLY1305',
      'd005 TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256 ECDHE-PSK-AES128-CCM-SHA256',
      'd003 TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256 ECDHE-PSK-AES128-CCM8-SHA256',
      'c0a4 TLS_PSK_WITH_AES_128_CCM PSK-AES128-CCM',
      'c0a5 TLS_PSK_WITH_AES_256_CCM PSK-AES256-CCM',
      'c0a8 TLS_PSK_WITH_AES_128_CCM_8 PSK-AES128-CCM8',
      'c0a9 TLS_PSK_WITH_AES_256_CCM_8 PSK-AES256-CCM8',
      'c037 TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256 ECDHE-PSK-AES128-CBC-SHA256',
      'ae TLS_PSK_WITH_AES_128_CBC_SHA256 PSK-AES128-CBC-SHA256',
    ]);
  });

  test('OpenSSL knows every default suite by the name we give it', () => {
    const known = getCiphers();
    for (const of of [...DEFAULT_SUITES['DTLSv1.2'], ...DEFAULT_SUITES['DTLSv1.3']]) {
      if (of.aead.includes('ccm')) continue;
      assert.ok(known.includes(of.opensslName.toLowerCase()), of.opensslName);
    }
  });

  test('no suite with a short tag is a default, and 1.3 has none at all', () => {
    for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
      for (const of of DEFAULT_SUITES[version]) {
        assert.equal(of.version, version);
        assert.equal(of.tagLength, 16);
      }
    }
    assert.ok(DEFAULT_PSK_SUITES.every((of) => of.tagLength === 16));
    assert.ok(SUITES.every((of) => of.version === 'DTLSv1.2' || of.tagLength === 16));
  });

  test('suites without an AEAD are for pre-shared keys in DTLS 1.2', () => {
    for (const of of SUITES) {
      if (of.aead === undefined) assert.ok(of.version === 'DTLSv1.2' && needsPsk(of), of.name);
    }
  });

  test('a nonce has twelve bytes, the derived and the sent part together', () => {
    for (const of of SUITES) {
      if (of.aead !== undefined) assert.equal(of.fixedIvLength + of.explicitNonceLength, 12, of.name);
    }
  });
});
