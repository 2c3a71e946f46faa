// Siege case A14: options are own properties. No name of an option is ever looked up in Object.prototype.

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, suite, test } from 'node:test';
import type { OptionTable } from '#lib/config/option-table.js';
import { CONTEXT_OPTIONS } from '#lib/config/options.js';
import { SESSION_OPTIONS } from '#lib/driver/options.js';
import { createSecureContext, DTLSEndpoint } from '#lib/index.js';
import { client, echoServer, roundTrip } from '../../driver/echo.js';
import { comingBack, sharing } from '../../support/early.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { keyPinOf } from '../../support/pins.js';
import { returning, savedSession } from '../../support/resumption.js';
import { VERSIONS } from '../../support/settings.js';

const KEY = new Uint8Array(16).fill(7);
const PFX = readFileSync(new URL('../../../../test/x509/fixtures/pkcs12/openssl.p12', import.meta.url));
/** Under the passphrase `secret`. */
const ENCRYPTED = {
  cert: SERVERS.p256.cert,
  key: createPrivateKey(SERVERS.p256.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'secret',
  }),
};

/** The names of all rows, those of nested tables included. */
function namesIn(tables: readonly OptionTable[]): readonly string[] {
  const names = tables.flatMap((table) =>
    Object.entries(table).flatMap(([name, { rows }]) => [
      name,
      ...(rows === undefined ? [] : namesIn([rows])),
    ]),
  );
  return [...new Set(names)];
}

/** Members of an external key, and what parts of the library tell one another only where there is something to tell. */
const OTHERS = ['sign', 'publicKey', 'refused', 'failure', 'psk', 'session12'] as const;

const NAMES = [...new Set([...namesIn([SESSION_OPTIONS, CONTEXT_OPTIONS]), ...OTHERS])];
const ROOT = Object.prototype as unknown as Record<string, unknown>;

/** Runs `life` and returns where each name was looked up in vain, so that Object.prototype was asked. */
async function lookUpsDuring(life: () => Promise<void>): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>(NAMES.map((name) => [name, []]));
  for (const name of NAMES)
    Object.defineProperty(ROOT, name, {
      configurable: true,
      enumerable: false,
      get() {
        const [, , from = ''] = new Error().stack?.split('\n') ?? [];
        // What node:crypto looks up in objects of its own, and Node's loader when it reads a file, is out of reach.
        if (!/node:internal\/(crypto|fs)\b/.test(from)) found.get(name)?.push(from.trim());
        return undefined;
      },
      set(value: unknown) {
        Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
      },
    });
  try {
    await life();
  } finally {
    for (const name of NAMES) Reflect.deleteProperty(ROOT, name);
  }
  return found;
}

/** Each option that is an object is there and empty, or as empty as it may be. */
const SERVER_OPTIONS = {
  ca: CA,
  hostPrefix: {},
  requestCert: true,
  retransmission: {},
  sni: { localhost: SERVERS.rsa, '*': {} },
};

async function overSockets(): Promise<void> {
  const server = echoServer(SERVER_OPTIONS);
  const session = client(server.port, { ...CLIENTS.p256, keepAlive: { interval: 1000, message: 'x' } });
  await session.opened;
  assert.equal(await roundTrip(session, 'x'), 'x');
  assert.ok(
    [session.stats, session.drops, server.endpoint.stats].every((counts) => typeof counts === 'object'),
  );
  await session.close();
  await server.endpoint.close();
  for (const host of ['::1', 'localhost']) {
    const other = client(server.port, {}, host);
    other.onerror = () => undefined;
    other.destroy();
    await other.closed;
  }
  const abort = new AbortController();
  const endpoint = new DTLSEndpoint({ signal: abort.signal });
  abort.abort();
  assert.ok(endpoint.destroyed);
  createSecureContext({ pfx: [{ buf: PFX, passphrase: 'secret' }] });
}

const PAIRS: readonly PairOptions[] = [
  {},
  { server: { requestCert: true }, client: { ...CLIENTS.ed25519 } },
  { server: { ...SERVERS.ed25519, sni: (name) => (name === 'localhost' ? SERVERS.ed25519 : undefined) } },
  {
    client: { ca: CA, psk: { identity: 'a', key: KEY, import: {} } },
    server: { psk: { a: { key: KEY, import: {} } } },
  },
  {
    client: { ca: undefined, peerCertificateTypes: ['RawPublicKey'], pins: [keyPinOf(SERVERS.ed25519.cert)] },
    server: { certificateTypes: ['RawPublicKey'], cert: undefined },
  },
];

function inSimulation(): void {
  for (const version of VERSIONS) {
    for (const options of PAIRS) {
      const pair = new Pair({ version, ...options }).handshake();
      pair.send(pair.client, KEY);
      pair.runFor(100);
      assert.equal(pair.server.messages.length, 1);
      pair.close(pair.client);
      pair.runFor(1000);
    }
    returning(savedSession(new Pair({ version }).handshake()), { version }).handshake();
  }
  const taking = { server: sharing() };
  const saved = savedSession(new Pair({ version: 'DTLSv1.3', ...taking }).handshake());
  assert.equal(comingBack(saved, [KEY], taking).handshake().server.early.length, 1);
}

suite('names that are looked up in no prototype', () => {
  let found: ReadonlyMap<string, readonly string[]> = new Map();

  before(async () => {
    found = await lookUpsDuring(async () => {
      await overSockets();
      inSimulation();
    });
  });

  for (const name of NAMES) {
    test(`${name} is looked up in no prototype`, () => {
      assert.deepEqual([...new Set(found.get(name))], []);
    });
  }

  test('a look-up in a prototype is noticed', async () => {
    const seen = await lookUpsDuring(async () => {
      await Promise.resolve();
      assert.equal(Reflect.get({}, 'mtu'), undefined);
    });
    assert.equal(seen.get('mtu')?.length, 1);
  });
});

suite('a polluted prototype', () => {
  test('a passphrase on Object.prototype opens no encrypted key', () => {
    Object.defineProperty(ROOT, 'passphrase', { value: 'secret', configurable: true, enumerable: false });
    try {
      assert.throws(() => createSecureContext({ ...ENCRYPTED, isServer: true }), {
        code: 'ERR_OSSL_BAD_DECRYPT',
      });
    } finally {
      Reflect.deleteProperty(ROOT, 'passphrase');
    }
    assert.ok(createSecureContext({ ...ENCRYPTED, isServer: true, passphrase: 'secret' }).isServer);
  });
});
