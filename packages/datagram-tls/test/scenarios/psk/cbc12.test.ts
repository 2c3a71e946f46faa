import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DEFAULT_PSK_SUITES, DEFAULT_SUITES } from '#lib/crypto/suites.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import type { Extensions } from '#lib/wire/extension-block.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, plainRecord, rewrite } from '../../support/records.js';
import { refused } from '../../support/refused.js';
import { CBC_SUITES } from '../../support/suites.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const CBC = 'PSK-AES128-CBC-SHA256';
const GCM = 'PSK-AES128-GCM-SHA256';
const { client_hello, server_hello } = HandshakeType;
const { encrypt_then_mac } = ExtensionType;

function options(client: string, server = client): PairOptions {
  return {
    version: 'DTLSv1.2',
    client: { psk: { identity: 'client', key: KEY }, ciphers: client },
    server: { cert: undefined, key: undefined, psk: { client: KEY }, ciphers: server },
  };
}

/** Whether the hellos of both sides carry encrypt_then_mac. */
function signals(pair: Pair): Record<'client' | 'server', boolean | undefined> {
  const seen: Record<'client' | 'server', boolean | undefined> = { client: undefined, server: undefined };
  pair.intercept = (data, from) => {
    for (const { type, fragment } of plainFragments(data)) {
      const decode =
        type === client_hello ? decodeClientHello : type === server_hello ? decodeServerHello : undefined;
      const extensions: Extensions | undefined = decode?.(fragment)?.extensions;
      if (extensions !== undefined) seen[from] = extensions.has(encrypt_then_mac);
    }
    return [data];
  };
  pair.handshake();
  return seen;
}

/** An attacker on the path removes the extension from hellos, or adds it. */
function meddle(pair: Pair, type: number, change: (extensions: Map<number, Uint8Array>) => void): void {
  const changed = (extensions: Extensions) => {
    const copy = new Map(extensions);
    change(copy);
    return copy;
  };
  pair.intercept = (data) => [
    rewrite(data, type, (fragment) => {
      const client = type === client_hello ? decodeClientHello(fragment.fragment) : undefined;
      const server = type === server_hello ? decodeServerHello(fragment.fragment) : undefined;
      if (client !== undefined) {
        const body = encodeClientHello({ ...client, extensions: changed(client.extensions) });
        return { ...fragment, fragment: body, length: body.length };
      }
      const hello = server ?? assert.fail('no hello');
      const body = encodeServerHello({ ...hello, extensions: changed(hello.extensions) });
      return { ...fragment, fragment: body, length: body.length };
    }),
  ];
}

suite('CBC suites and encrypt-then-MAC', () => {
  test('a CBC suite is used only when named', () => {
    const defaults = [...DEFAULT_SUITES['DTLSv1.2'], ...DEFAULT_PSK_SUITES].map(({ code }) => code);
    for (const { code } of CBC_SUITES) assert.ok(!defaults.includes(code));
    const pair = new Pair(options(CBC, 'DEFAULT')).connect();
    pair.runUntil(() => pair.server.isClosed, 10_000);
    assert.equal(pair.server.error?.code, 'ERR_DTLS_NO_SHARED_CIPHER');
  });

  test('encrypt-then-MAC is offered with a CBC suite only, and answered when one is chosen', () => {
    assert.deepEqual(signals(new Pair(options(CBC))), { client: true, server: true });
    assert.deepEqual(signals(new Pair(options(`${CBC}:${GCM}`, GCM))), { client: true, server: false });
    assert.deepEqual(signals(new Pair(options('DEFAULT'))), { client: false, server: false });
  });

  test('server refuses a client with only CBC and no encrypt-then-MAC, and says so', () => {
    const pair = refused(options(CBC), (p) =>
      meddle(p, client_hello, (extensions) => extensions.delete(encrypt_then_mac)),
    );
    assert.equal(pair.server.error?.code, 'ERR_DTLS_NO_ENCRYPT_THEN_MAC');
    assert.equal(pair.server.error.alert, 'handshake_failure');
  });

  test('server chooses another suite of a client with CBC and no encrypt-then-MAC', () => {
    const pair = new Pair(options(`${CBC}:${GCM}`));
    let chosen: number | undefined;
    meddle(pair, client_hello, (extensions) => extensions.delete(encrypt_then_mac));
    const between = pair.intercept;
    pair.intercept = (data, from) => {
      for (const { type, fragment } of plainFragments(data))
        if (type === server_hello) chosen = decodeServerHello(fragment)?.cipherSuite;
      return between?.(data, from) ?? [];
    };
    pair.connect();
    pair.runUntil(() => chosen !== undefined, 5000);
    assert.equal(chosen, 0x00a8);
  });

  test('client refuses a server that chose CBC without encrypt-then-MAC, and says so', () => {
    const pair = refused(options(CBC), (p) =>
      meddle(p, server_hello, (extensions) => extensions.delete(encrypt_then_mac)),
    );
    assert.equal(pair.client.error?.code, 'ERR_DTLS_NO_ENCRYPT_THEN_MAC');
    assert.deepEqual(pair.client.alerts('sent'), ['fatal handshake_failure']);
  });

  test('client refuses encrypt-then-MAC for an AEAD, and with content', () => {
    const forAead = refused(options(`${GCM}:${CBC}`), (p) =>
      meddle(p, server_hello, (extensions) => extensions.set(encrypt_then_mac, new Uint8Array())),
    );
    assert.deepEqual(forAead.client.alerts('sent'), ['fatal illegal_parameter']);
    const withContent = refused(options(CBC), (p) =>
      meddle(p, server_hello, (extensions) => extensions.set(encrypt_then_mac, Uint8Array.of(1))),
    );
    assert.deepEqual(withContent.client.alerts('sent'), ['fatal decode_error']);
  });

  for (const { name } of CBC_SUITES) {
    test(`${name}: the largest message fills one datagram to within a block of the MTU`, () => {
      const behaviour = { clientBehaviour: { mtu: 500 }, serverBehaviour: { mtu: 500 } };
      const pair = new Pair({ ...options(name), ...behaviour }).handshake();
      const { maxMessageSize } = pair.client.entry.connection;
      // 13 bytes of header, 16 of IV and 32 of MAC leave 27 blocks, of which padding takes a byte.
      assert.equal(maxMessageSize, 27 * 16 - 1);
      const sizes: number[] = [];
      pair.intercept = (data) => {
        sizes.push(data.length);
        return [data];
      };
      pair.send(pair.client, new Uint8Array(maxMessageSize));
      pair.runFor(100);
      assert.equal(pair.server.messages[0]?.length, maxMessageSize);
      assert.deepEqual(sizes, [13 + 16 + 27 * 16 + 32]);
      assert.throws(() => pair.client.entry.connection.send(new Uint8Array(maxMessageSize + 1)), {
        code: 'ERR_OUT_OF_RANGE',
      });
    });

    test(`${name}: a handshake succeeds on a lossy path`, () => {
      for (let seed = 1; seed <= 10; seed++) {
        const weather = { loss: 0.2, duplication: 0.1, jitter: 100, corruption: 0.05 };
        const pair = new Pair({ ...options(name), seed, weather });
        pair.explain(() => pair.handshake());
      }
    });

    test(`${name}: a record that is too short or not whole blocks is dropped and counted`, () => {
      const pair = new Pair(options(name)).handshake();
      for (let length = 0; length < 100; length++)
        pair.inject(
          pair.server,
          plainRecord(23, new Uint8Array(length), { epoch: 1, sequence: 900 + length }),
        );
      assert.deepEqual(pair.server.dropped, { too_short: 64, bad_record: 36 });
      assertAlive(pair);
    });
  }
});
