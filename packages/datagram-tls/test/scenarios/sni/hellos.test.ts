import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DTLSError } from '#lib/base/errors.js';
import { Connection } from '#lib/connection/connection.js';
import { decodeServerNameRequest, encodeServerNameRequest } from '#lib/extensions/server-name.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeEncryptedExtensions } from '#lib/wire/messages/encrypted-extensions.js';
import { decodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { performNow } from '../../support/jobs.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, rewrite } from '../../support/records.js';
import { refused } from '../../support/refused.js';
import { behaviour, security, type TestedVersion, VERSIONS } from '../../support/settings.js';

const { server_name } = ExtensionType;
const { client_hello, server_hello, encrypted_extensions } = HandshakeType;
const DESTINATION = { serverName: 'a.example', verifyName: 'localhost' };

/** A server that records the requested names. */
function served(version: TestedVersion, serverName = 'a.example') {
  const asked: (string | undefined)[] = [];
  const sni = (name: string | undefined) => {
    asked.push(name);
    return {};
  };
  const destination = { ...DESTINATION, serverName };
  return { asked, options: { version, destination, server: { sni } } satisfies PairOptions };
}

/** A datagram with `server_name` of each ClientHello in it replaced, where `change` gives something. */
function renamed(data: Uint8Array, change: (hello: { hasCookie: boolean }) => Uint8Array | undefined) {
  return rewrite(data, client_hello, (fragment) => {
    const hello = decodeClientHello(fragment.fragment) ?? assert.fail('the ClientHello came in parts');
    const hasCookie = hello.cookie.length > 0 || hello.extensions.has(ExtensionType.cookie);
    const body = change({ hasCookie });
    if (body === undefined) return fragment;
    const extensions = new Map(hello.extensions).set(server_name, body);
    const changed = encodeClientHello({ ...hello, extensions });
    return { ...fragment, fragment: changed, length: changed.length };
  });
}

const PEER = { address: '192.0.2.1', family: 'IPv4', port: 1 } as const;
const OTHER_NAME = encodeServerNameRequest({ hostName: 'b.example' });

for (const version of VERSIONS) {
  suite(`hostile names, ${version}`, () => {
    const malformed: readonly [string, readonly number[]][] = [
      ['an embedded NUL', [0, 6, 0, 0, 3, 0x61, 0, 0x62]],
      ['bytes that are not ASCII', [0, 5, 0, 0, 2, 0xc3, 0xa9]],
      ['a blank', [0, 6, 0, 0, 3, 0x61, 0x20, 0x62]],
      ['no byte', [0, 3, 0, 0, 0]],
      ['fewer bytes than it says', [0, 6, 0, 0, 9, 0x61, 0x61, 0x61]],
      ['a second name', [0, 8, 0, 0, 1, 0x61, 0, 0, 1, 0x62]],
    ];
    for (const [what, body] of malformed) {
      test(`a name with ${what} is refused with decode_error, and the application is not asked`, () => {
        const { asked, options } = served(version);
        const pair = new Pair(options);
        pair.intercept = (data, from) =>
          from === 'client' ? [renamed(data, () => Uint8Array.from(body))] : [data];
        pair.connect();
        assert.ok(pair.runUntil(() => pair.client.isClosed, 5000));
        assert.equal(pair.client.error?.alert, 'decode_error');
        assert.deepEqual(asked, []);
      });
    }

    test('a name of 60,000 bytes is not looked up, and the server goes on', () => {
      const { asked, options } = served(version, 'a'.repeat(60_000));
      const pair = new Pair(options).connect();
      assert.ok(pair.runUntil(() => pair.client.isClosed, 200_000));
      assert.deepEqual(asked, []);
      const next = new Pair(served(version).options);
      next.explain(() => next.handshake());
      assertAlive(next);
    });

    test('a client is told that its name was used, and only then', () => {
      const { options } = served(version);
      assert.deepEqual(acknowledgements(options), [0]);
      assert.deepEqual(acknowledgements({ ...options, server: {} }), []);
      const unnamed = { serverName: undefined, verifyName: 'localhost' };
      assert.deepEqual(acknowledgements({ ...options, destination: unnamed }), []);
    });
  });
}

/** The lengths of the bodies of server_name in what the server answers. */
function acknowledgements(options: PairOptions): number[] {
  const pair = new Pair(options);
  const datagrams: Uint8Array[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from === 'server') datagrams.push(data);
  };
  pair.handshake();
  const extensions =
    options.version === 'DTLSv1.2'
      ? datagrams
          .flatMap(plainFragments)
          .flatMap((f) => (f.type === server_hello ? [decodeServerHello(f.fragment)?.extensions] : []))
      : encryptedExtensions(pair, datagrams);
  return extensions.flatMap((all) => all?.get(server_name)?.length ?? []);
}

function encryptedExtensions(pair: Pair, datagrams: readonly Uint8Array[]) {
  const insider = new Insider13(pair);
  const found: (ReadonlyMap<number, Uint8Array> | undefined)[] = [];
  const flight = datagrams.find((data) =>
    plainFragments(data).some((f) => f.type === server_hello && f.messageSeq > 0),
  );
  insider.rewrite('server', flight ?? assert.fail('there is no flight'), (message) => {
    if (message.type === encrypted_extensions)
      found.push(decodeEncryptedExtensions(message.body)?.extensions);
    return [message];
  });
  return found;
}

suite('a name that changes between the ClientHellos', () => {
  const change = (pair: Pair, which: boolean): void => {
    pair.intercept = (data, from) =>
      from === 'client'
        ? [renamed(data, ({ hasCookie }) => (hasCookie === which ? OTHER_NAME : undefined))]
        : [data];
  };

  test('a changed name is refused with illegal_parameter after a stateless HelloRetryRequest', () => {
    const { options } = served('DTLSv1.3');
    const pair = refused(options, (made) => change(made, true));
    assert.equal(pair.server.alerts('sent')[0], 'fatal illegal_parameter');
    assert.match(pair.server.error?.message ?? '', /another name/);
  });

  test('a changed name is refused with illegal_parameter after a HelloRetryRequest of a connection, which asks once', () => {
    const { asked, options } = served('DTLSv1.3');
    const client = security('client', 'DTLSv1.3', { groups: 'x25519:secp256r1', keyShares: 'x25519' });
    const server = security('server', 'DTLSv1.3', { ...options.server, groups: 'secp256r1' });
    const one = Connection.create(client, behaviour(), DESTINATION, PEER);
    const other = Connection.create(server, behaviour(), DESTINATION, PEER);
    one.start(0);
    other.start(0);
    let hellos = 0;
    let error: DTLSError | undefined;
    const settle = (side: Connection): void => {
      for (let event = side.pollEvent(); event !== undefined; event = side.pollEvent()) {
        if (event.type === 'job') side.answer(event.id, performNow(event.job, side.security), 0);
        if (event.type === 'closed' && side === other) error = event.error;
      }
    };
    for (let round = 0; round < 5; round++) {
      settle(one);
      for (let out = one.pollTransmit(); out !== undefined; out = one.pollTransmit())
        other.receive(++hellos >= 2 ? renamed(out.data, () => OTHER_NAME) : out.data, PEER, 0);
      settle(other);
      for (let out = other.pollTransmit(); out !== undefined; out = other.pollTransmit())
        one.receive(out.data, PEER, 0);
    }
    assert.deepEqual(asked, ['a.example']);
    assert.equal(error?.alert, 'illegal_parameter');
    assert.match(error.message, /another name/);
  });

  test('the name of the second ClientHello counts in DTLS 1.2, whose first is not read', () => {
    const { asked, options } = served('DTLSv1.2');
    const pair = new Pair(options);
    change(pair, false);
    pair.explain(() => pair.handshake());
    assert.deepEqual(asked, ['a.example']);
    assert.equal(pair.server.sessions[0]?.serverName, 'a.example');
  });

  test('the helper of these tests changes the name', () => {
    assert.deepEqual(decodeServerNameRequest(OTHER_NAME), { hostName: 'b.example' });
  });
});
