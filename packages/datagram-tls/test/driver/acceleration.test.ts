import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { INTERFACE, nativeFailure } from '#lib/crypto/node-native.js';
import { NATIVE_AEADS } from '#lib/crypto/node-native-ciphers.js';
import { NATIVE_GROUPS } from '#lib/crypto/node-native-exchange.js';
import { NATIVE_HASHES } from '#lib/crypto/node-native-hash.js';
import { NATIVE_SCHEMES } from '#lib/crypto/node-native-signatures.js';
import type { AeadName } from '#lib/crypto/provider.js';
import { datagramCapabilities } from '#lib/driver/native-datagrams.js';
import { type Acceleration, DTLSEndpoint } from '#lib/index.js';
import { client, roundTrip, server } from './echo.js';

const LIBRARY = new URL('../../src/index.js', import.meta.url).href;
const reason = nativeFailure();
const skip = reason ?? false;

/** What a process says whose native package is `replacement`, an expression that may throw; it has a session first. */
function saidWith(replacement: string, env: NodeJS.ProcessEnv = {}): Acceleration {
  const program = `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name !== 'datagram-tls-native') return load(name, ...rest);
      const real = () => load(name, ...rest);
      return ${replacement};
    };
    import(process.argv[1]).then(async ({ connect, listen }) => {
      const psk = { identity: 'one', key: Buffer.alloc(32) };
      const endpoint = listen((session) => { session.onmessage = (data) => void session.send(data); },
        { host: '127.0.0.1', port: 0, psk: { one: Buffer.alloc(32) } });
      const session = connect('127.0.0.1', endpoint.address.port, { psk });
      session.onmessage = (data) => {
        process.stdout.write(JSON.stringify({ ...endpoint.acceleration, echo: data.toString() }));
        process.exit();
      };
      await session.opened;
      setInterval(() => session.send('hello'), 200);
      session.send('hello');
    });`;
  const said = execFileSync(process.execPath, ['-e', program, LIBRARY], {
    encoding: 'utf8',
    env: { ...process.env, DATAGRAM_TLS_ACCELERATION: undefined, ...env },
    timeout: 60_000,
  });
  const { echo, ...acceleration } = JSON.parse(said) as Acceleration & { echo: string };
  assert.equal(echo, 'hello');
  return acceleration;
}

const notFound = "(() => { throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' }); })()";

suite('native acceleration of an endpoint', () => {
  test("acceleration: 'off' rules it out, and says so", async (t) => {
    const { endpoint, port } = server(t, { acceleration: 'off' });
    const session = client(port, { acceleration: 'off' });
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.deepEqual(endpoint.acceleration, {
      ciphers: [],
      hashes: [],
      groups: [],
      sigalgs: [],
      datagrams: [],
      reason: "the option acceleration is 'off'",
    });
  });

  test('the variable DATAGRAM_TLS_ACCELERATION rules it out for a process', () => {
    const { ciphers, reason } = saidWith('real()', { DATAGRAM_TLS_ACCELERATION: 'off' });
    assert.deepEqual(ciphers, []);
    assert.equal(reason, "DATAGRAM_TLS_ACCELERATION is 'off'");
  });

  test('a missing package leaves all to node:crypto', () => {
    const { ciphers, reason } = saidWith(notFound);
    assert.deepEqual(ciphers, []);
    assert.equal(reason, 'datagram-tls-native is not installed');
  });

  test('a package that fails to load leaves all to node:crypto, and its error is the reason', () => {
    const { ciphers, reason } = saidWith("(() => { throw new Error('invalid ELF header'); })()");
    assert.deepEqual(ciphers, []);
    assert.equal(reason, 'invalid ELF header');
  });

  test('a package of another version is not used', () => {
    const { ciphers, reason } = saidWith('({ interface: 0 })');
    assert.deepEqual(ciphers, []);
    assert.equal(reason, 'datagram-tls-native is of another version');
  });

  test('another OpenSSL than that of the runtime is not used', () => {
    const { ciphers, reason } = saidWith(`({ interface: ${INTERFACE}, openssl: 0x10100000 })`);
    assert.deepEqual(ciphers, []);
    assert.match(reason ?? '', /^the functions of OpenSSL [\d.]+\S* are not found in this process$/);
  });

  test('the endpoint runs everything natively by default, that native code has', { skip }, async (t) => {
    const { endpoint, port } = server(t);
    const session = client(port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    const isOff = process.env['DATAGRAM_TLS_ACCELERATION'] === 'off';
    assert.deepEqual(endpoint.acceleration.ciphers, isOff ? [] : NATIVE_AEADS);
    assert.deepEqual(endpoint.acceleration.hashes, isOff ? [] : NATIVE_HASHES);
    assert.deepEqual(endpoint.acceleration.groups, isOff ? [] : NATIVE_GROUPS);
    assert.deepEqual(endpoint.acceleration.sigalgs, isOff ? [] : NATIVE_SCHEMES);
  });

  test('what the application lays over the cryptography of the platform comes first', async (t) => {
    let sealed = 0;
    const aead = (name: AeadName, key: Uint8Array) => {
      sealed++;
      return nodeProvider.aead(name, key);
    };
    const { port } = server(t, { cryptoProvider: { aeads: { has: () => true, aead } } });
    const session = client(port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.ok(sealed > 0);
  });

  test('an endpoint that is not bound says what it would use', { skip }, () => {
    assert.equal(new DTLSEndpoint({ acceleration: 'off' }).acceleration.ciphers.length, 0);
  });

  test('an AEAD that fails its test is left to node:crypto, the others are not', { skip }, () => {
    const broken = `((module) => {
      const gcm = new Set();
      return {
        ...module,
        createKey(owner, name, key) {
          const made = module.createKey(owner, name, key);
          if (name === 'aes-256-gcm') gcm.add(made);
          return made;
        },
        open: (key, ...rest) => gcm.has(key) || module.open(key, ...rest),
      };
    })(real())`;
    const { ciphers } = saidWith(broken);
    assert.deepEqual(
      ciphers,
      NATIVE_AEADS.filter((name) => name !== 'aes-256-gcm'),
    );
  });

  test('a package of which nothing passes leaves all to node:crypto, and says so', { skip }, () => {
    const broken =
      '({ ...real(), open: () => true, digest() {}, deriveSecret: () => true, verify: () => true })';
    const { ciphers, hashes, groups, sigalgs, reason } = saidWith(broken);
    assert.deepEqual([...ciphers, ...hashes, ...groups, ...sigalgs], []);
    assert.equal(reason, 'nothing of datagram-tls-native passes its tests');
  });

  const flipped = (place: string) =>
    `sealRecord(key, type, sequence, bytes, offset, length) {
      module.sealRecord(key, type, sequence, bytes, offset, length);
      bytes[${place}] ^= 1;
    }`;
  for (const [what, broken] of [
    ['writes another header', flipped('offset')],
    ['makes another tag', flipped('bytes.length - 1')],
    [
      'opens other content',
      'openRecord: (...all) => { const n = module.openRecord(...all); all[6][all[7]] ^= 1; return n; }',
    ],
    [
      'opens what is forged',
      'openRecord: (...all) => { const n = module.openRecord(...all); return n < 0 ? 40 << 8 | 23 : n; }',
    ],
    ['opens nothing', 'openRecord: () => -1'],
    ['knows no connection IDs', 'useConnectionId() {}'],
    ['has no keys of records', 'createRecordKey: () => undefined'],
  ] as const) {
    test(`a package that ${what} leaves records to node:crypto, and runs hashes`, { skip }, () => {
      const { ciphers, hashes } = saidWith(`((module) => ({ ...module, ${broken} }))(real())`);
      assert.deepEqual(ciphers, []);
      assert.deepEqual(hashes, NATIVE_HASHES);
    });
  }

  for (const [what, broken] of [
    [
      'gives another digest',
      '({ ...module, digest: (hash, bytes, length, out) => module.digest(hash, bytes, 0, out) })',
    ],
    [
      'gives another HMAC',
      '({ ...module, hmac: (hash, memory, key, text) => module.hmac(hash, memory, key, text - 1) })',
    ],
    [
      'derives another key block',
      '({ ...module, prf: (hash, memory, key, ...rest) => module.prf(hash, memory, key - 1, ...rest) })',
    ],
    ['throws', "({ ...module, hkdfExpand() { throw new Error('broken'); } })"],
  ] as const) {
    test(`a package that ${what} leaves hashes to node:crypto, and runs AEADs`, { skip }, () => {
      const { ciphers, hashes } = saidWith(`((module) => ${broken})(real())`);
      assert.deepEqual(hashes, []);
      assert.deepEqual(ciphers, NATIVE_AEADS);
    });
  }

  for (const [what, broken] of [
    [
      'gives another secret',
      '{ ...module, deriveSecret: (key, memory, n) => { const is = module.deriveSecret(key, memory, n); memory[0] ^= 1; return is; } }',
    ],
    ['takes any share', '{ ...module, deriveSecret: (...all) => module.deriveSecret(...all) || true }'],
    ['generates no keys', '{ ...module, generateKey: () => undefined }'],
    ['reads no private keys', '{ ...module, importPrivateKey: () => undefined }'],
  ] as const) {
    test(`a package that ${what} leaves key exchanges to node:crypto, and runs the rest`, { skip }, () => {
      const { groups, hashes } = saidWith(`((module) => (${broken}))(real())`);
      assert.deepEqual(groups, []);
      assert.deepEqual(hashes, NATIVE_HASHES);
    });
  }

  for (const [what, broken] of [
    ['takes any signature', '{ ...module, verify: () => true }'],
    ['takes no signature', '{ ...module, verify: () => false }'],
    ['reads no public keys', '{ ...module, importPublicKey: () => undefined }'],
  ] as const) {
    test(`a package that ${what} leaves signatures to node:crypto, and runs the rest`, { skip }, () => {
      const { groups, sigalgs } = saidWith(`((module) => (${broken}))(real())`);
      assert.deepEqual(sigalgs, []);
      assert.deepEqual(groups, NATIVE_GROUPS);
    });
  }

  for (const [what, broken] of [
    ['is of another system', '{ ...module, openSocket: undefined }'],
    ['opens no sockets', '{ ...module, openSocket: () => -1 }'],
    [
      'gives other bytes of a datagram',
      '{ ...module, receive: (socket, memory, most) => { const n = module.receive(socket, memory, most); memory[32 * 32] ^= 1; return n; } }',
    ],
    [
      'gives another sender',
      '{ ...module, receive: (socket, memory, most) => { const n = module.receive(socket, memory, most); memory[4 + 3] ^= 1; return n; } }',
    ],
    ['receives nothing', `{ ...module, receive: () => -${constants.errno.EAGAIN} }`],
    ['sends nothing', '{ ...module, send: (socket, memory, from, to) => to }'],
    ['throws', "{ ...module, receive() { throw new Error('broken'); } }"],
  ] as const) {
    test(`a package that ${what} leaves datagrams to node:dgram, and runs the rest`, { skip }, () => {
      const { ciphers, datagrams } = saidWith(`((module) => (${broken}))(real())`);
      assert.deepEqual(datagrams, []);
      assert.deepEqual(ciphers, NATIVE_AEADS);
    });
  }

  for (const [what, lacking, without] of [
    ['segments', '{ ...module, sendsSegments: () => false }', 'UDP_SEGMENT'],
    ['filters', '{ ...module, admitHellos: () => -1 }', 'SO_ATTACH_FILTER'],
    ['filters that count', '{ ...module, countDropped: () => 0 }', 'SO_ATTACH_FILTER'],
  ] as const) {
    test(`a kernel without ${what} leaves that out alone`, { skip }, () => {
      const all = datagramCapabilities();
      const { datagrams } = saidWith(`((module) => (${lacking}))(real())`);
      assert.deepEqual(
        datagrams,
        all.filter((name) => name !== without),
      );
    });
  }

  test('an OpenSSL without a hash leaves it to node:crypto', { skip }, () => {
    const { hashes } = saidWith(
      '((module) => ({ ...module, hasHash: (hash) => hash !== 48 && module.hasHash(hash) }))(real())',
    );
    assert.deepEqual(hashes, ['sha256', 'sha512']);
  });

  test('a process without OpenSSL is seen, whatever version its runtime says', () => {
    const { reason } = saidWith(`({ interface: ${INTERFACE}, openssl: 0 })`);
    assert.match(reason ?? '', /are not found in this process$/);
  });

  test('an OpenSSL without an AEAD leaves it to node:crypto', { skip }, () => {
    const lacking = `((module) => ({
      ...module,
      createKey: (owner, name, key) => name.startsWith('chacha') ? undefined : module.createKey(owner, name, key),
    }))(real())`;
    const { ciphers } = saidWith(lacking);
    assert.deepEqual(
      ciphers,
      NATIVE_AEADS.filter((name) => name !== 'chacha20-poly1305'),
    );
  });

  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    for (const cipher of [
      'AES_128_GCM_SHA256',
      'AES_256_GCM_SHA384',
      'CHACHA20_POLY1305_SHA256',
      'AES_128_CCM',
      'AES_128_CCM_8',
    ]) {
      if (version === 'DTLSv1.3' && cipher.startsWith('AES_128_CCM')) continue;
      const ciphers = version === 'DTLSv1.3' ? `TLS_${cipher}` : `TLS_ECDHE_ECDSA_WITH_${cipher}`;
      test(`${version}: an end with it and an end without understand each other, ${cipher}`, {
        skip,
      }, async (t) => {
        const options = { minVersion: version, maxVersion: version, ciphers: [ciphers] };
        const { port } = server(t, options);
        const session = client(port, { ...options, acceleration: 'off' });
        await session.opened;
        for (const length of [1, 63, 64, 65, 300, 1100]) {
          const text = 'x'.repeat(length);
          assert.equal(await roundTrip(session, text), text);
        }
        await session.close();
      });
    }
  }
});
