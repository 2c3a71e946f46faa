// Siege cases A12, B2 and C8.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { suite, test } from 'node:test';
import { hostName } from '#lib/base/host-name.js';
import { canonicalAddress } from '#lib/driver/resolve-host.js';
import { connect, createSecureContext } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { client, echoServer, roundTrip } from './echo.js';

const NONE: readonly string[] = [
  ...[
    '',
    '.',
    'a..b',
    '.a',
    'a b',
    ' a',
    'a\n',
    'a\0',
    'a/b',
    'evil.example/.trusted.com',
    'a#b',
    'a?b',
    'a\\b',
  ],
  ...[
    'evi%6c.example',
    'a@b',
    'user:pw@a',
    'a:1',
    '*',
    '*.example',
    '__proto__',
    '_dmarc.a',
    '../../etc/passwd',
  ],
  ...[
    '-a',
    'a-',
    'a.-b',
    'a'.repeat(64),
    `${'a.'.repeat(127)}a.a`,
    '[::1]',
    '127.1',
    '0x7f.1',
    '1.2.3.0x',
    '256.1.1.1',
  ],
];

suite('host names', () => {
  test('host names are lower case and without the final dot', () => {
    for (const [text, name] of [
      ['EXAMPLE.com.', 'example.com'],
      ['localhost', 'localhost'],
      ['a_b-c.4a', 'a_b-c.4a'],
      ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
      ['4chan.org', '4chan.org'],
      ['a'.repeat(63), 'a'.repeat(63)],
    ] as const)
      assert.equal(hostName(text), name);
  });

  for (const text of NONE) {
    test(`${JSON.stringify(text.slice(0, 40))} is not a host name`, () => {
      assert.equal(hostName(text), undefined);
    });

    test(`connect refuses ${JSON.stringify(text.slice(0, 40))} as servername and as host`, () => {
      const mistake = { code: 'ERR_INVALID_ARG_VALUE' };
      const tooLong = { code: 'ERR_CRYPTO_OPERATION_FAILED' };
      const expected = text.length > 255 ? tooLong : mistake;
      if (text !== '') assert.throws(() => connect('127.0.0.1', 9, { servername: text }), expected);
      assert.throws(() => connect(text, 9), mistake);
    });

    if (text === '*') continue;
    test(`the option sni refuses ${JSON.stringify(text.slice(0, 40))} as a key`, () => {
      const sni = new Map([[text, SERVERS.p256]]);
      assert.throws(() => createSecureContext({ isServer: true, sni }), { code: 'ERR_INVALID_ARG_VALUE' });
    });
  }

  for (const text of [
    'evil.example／.trusted.com',
    'a％2f.example',
    'a：1',
    '１２７.0.0.1',
    'evil？.example',
    'bü/cher',
    'a＠b.ü',
  ]) {
    test(`connect refuses ${text}, whose characters become delimiters`, () => {
      assert.throws(() => connect('127.0.0.1', 9, { servername: text }), { code: 'ERR_INVALID_ARG_VALUE' });
    });
  }

  test('host names in other scripts become A-labels', async () => {
    const session = connect('127.0.0.1', 9, { servername: 'Bücher.example' });
    session.opened.catch(() => undefined);
    assert.equal(session.servername, 'xn--bcher-kva.example');
    session.destroy();
    await session.closed;
  });
});

suite('zones of IPv6 addresses', () => {
  const v6 = (address: string, scopeid: number) =>
    ({ address, netmask: '', family: 'IPv6', mac: '', internal: false, cidr: null, scopeid }) as const;
  const interfaces = () => ({ lo: [v6('::1', 0)], v0: [v6('2001:db8::1', 0), v6('fe80::2', 3)] });

  for (const [address, system, expected] of [
    ['fe80::1%3', 'linux', 'fe80::1%v0'],
    ['fe80::1%v0', 'linux', 'fe80::1%v0'],
    ['FE80:0::1%v0', 'linux', 'fe80::1%v0'],
    ['fe80::1%v0', 'win32', 'fe80::1%3'],
    ['fe80::1%9', 'linux', 'fe80::1%9'],
    ['fe80::1', 'linux', 'fe80::1'],
    ['::1%lo', 'linux', '::1'],
    ['::1%1', 'linux', '::1'],
    ['::%lo', 'linux', '::1'],
    ['2001:db8::2%3', 'linux', '2001:db8::2'],
  ] as const) {
    test(`the zone of ${address} becomes ${expected} on ${system}`, () => {
      assert.equal(canonicalAddress(address, 'IPv6', interfaces, system), expected);
    });
  }

  const loopback = Object.entries(networkInterfaces()).find(([, list]) =>
    list?.some(({ address }) => address === '::1'),
  );
  test('a client that names the zone of a loopback address receives the answer', {
    skip: loopback === undefined && 'no IPv6 on this machine',
  }, async () => {
    const server = echoServer({ host: '::1' });
    const session = client(server.port, {}, `::1%${loopback?.[0] ?? ''}`);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    await session.close();
    await server.endpoint.close();
  });
});
