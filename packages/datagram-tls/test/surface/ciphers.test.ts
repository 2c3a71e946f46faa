// OpenSSL's cipher lists, as far as they mean something here.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveCiphers } from '#lib/config/names.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { lackOf, SUITES } from '#lib/crypto/suites.js';
import { createSecureContext } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';

const { capabilities } = nodeProvider;
const read = (list: string | readonly string[], hasPsk = false): string[] =>
  resolveCiphers(list, 'server', hasPsk, capabilities).map(({ opensslName }) => opensslName);
const DEFAULT = read('DEFAULT');
const usable = SUITES.filter((one) => lackOf(one, capabilities) === undefined);

suite('a cipher list in the language of OpenSSL', () => {
  for (const [list, wanted] of [
    ['ECDHE-RSA-AES128-GCM-SHA256', ['ECDHE-RSA-AES128-GCM-SHA256']],
    ['ECDHE+AES256+AESGCM', ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384']],
    ['aRSA+AESGCM', ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384']],
    ['ECDSA+AES128+AESGCM:!aNULL:!eNULL:!MD5', ['ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['aECDSA+AESGCM:-AES256', ['ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['aECDSA+AESGCM:+AES128', ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['aECDSA+AESGCM:@STRENGTH', ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['!AES256:aECDSA+AESGCM', ['ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['-AES256:aECDSA+AES256+AESGCM', ['ECDHE-ECDSA-AES256-GCM-SHA384']],
    ['aRSA+AESGCM:@SECLEVEL=4', ['ECDHE-RSA-AES256-GCM-SHA384']],
    ['aRSA+AESGCM@SECLEVEL=2', ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384']],
    ['DHE+AESGCM:kRSA:aRSA+AES128+AESGCM:RC4', ['ECDHE-RSA-AES128-GCM-SHA256']],
    [
      'aRSA+AES128+AESGCM, aRSA+AES256+AESGCM',
      ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ],
  ] as const) {
    test(list, () => {
      assert.deepEqual(read(list), wanted);
    });
  }

  test('ALL and HIGH hold both versions, and no CBC', () => {
    const aeads = usable.filter(
      ({ aead, keyExchange }) => aead !== undefined && !keyExchange.includes('psk'),
    );
    assert.deepEqual(read('ALL').sort(), aeads.map(({ opensslName }) => opensslName).sort());
    const high = read('HIGH');
    assert.ok(high.includes('TLS_AES_128_GCM_SHA256') && high.includes('ECDHE-RSA-AES128-GCM-SHA256'));
    assert.ok(!high.some((name) => /CCM8|CBC/.test(name)));
  });

  test('DEFAULT can stand among others, and loses what is excluded', () => {
    assert.deepEqual(
      read('DEFAULT:!CHACHA20'),
      DEFAULT.filter((name) => !name.includes('CHACHA20')),
    );
    assert.deepEqual(read('TLSv1.2:DEFAULT').toString().includes('TLS_AES'), true);
  });

  test('words about pre-shared keys need keys', () => {
    assert.deepEqual(read('PSK'), []);
    assert.ok(read('PSK', true).every((name) => name.includes('PSK')));
    assert.ok(read('kECDHEPSK', true).every((name) => name.startsWith('ECDHE-PSK')));
    assert.ok(read('kPSK', true).every((name) => name.startsWith('PSK')));
    assert.deepEqual(read('PSK-AES128-CCM8@SECLEVEL=0', true), ['PSK-AES128-CCM8']);
    assert.deepEqual(read('PSK-AES128-CCM8@SECLEVEL=1', true), []);
  });

  test('the part that is not known is named', () => {
    for (const [list, part] of [
      ['HIGH:FOO', 'FOO'],
      ['ECDHE+BAR', 'BAR'],
      ['HIGH:!BAZ', 'BAZ'],
      ['HIGH@SECLEVEL=9', '@SECLEVEL=9'],
      ['@SPEED', '@SPEED'],
      ['__proto__', '__proto__'],
    ] as const)
      assert.throws(() => createSecureContext({ ciphers: list }), {
        code: 'ERR_CRYPTO_OPERATION_FAILED',
        message: new RegExp(`'${part}'`),
      });
  });

  test('a session is negotiated under one', async (t) => {
    const server = echoServer({ ciphers: 'HIGH:!AES128:!CHACHA20' });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { ciphers: 'ECDHE+AESGCM:!aNULL' });
    await session.opened;
    assert.equal(session.cipher?.name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
    assert.equal(session.protocol, 'DTLSv1.2');
    await session.close();
  });
});
