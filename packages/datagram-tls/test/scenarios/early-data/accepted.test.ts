import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, taking } from '../../support/early.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import type { Pair } from '../../support/pair.js';
import { recordsOf, unifiedRecord } from '../../support/records.js';
import { isResumed, returning } from '../../support/resumption.js';

const HELLO = utf8('early');
const MORE = utf8('and more');

/** A client that sent `messages` as early data, and a server that accepted them. */
function accepted(messages: readonly Uint8Array[], server = taking(), client = {}): Pair {
  const options = { server, client };
  return comingBack(sessionFor(options), messages, options).handshake();
}

suite('early data that is taken', () => {
  for (const ciphers of [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_CCM_SHA256',
  ]) {
    test(`${ciphers}: early data arrives apart from other messages, once each, in a resumed session`, () => {
      const pair = accepted([HELLO, MORE], taking(), { ciphers });
      assert.deepEqual(pair.server.early, [HELLO, MORE]);
      assert.deepEqual(pair.server.messages, []);
      assert.ok(isResumed(pair));
      for (const side of [pair.client, pair.server])
        assert.equal(side.entry.connection.earlyData, 'accepted', side.role);
      assert.deepEqual(pair.server.endpoint.counters.earlyRefused, {});
      assert.equal(pair.server.endpoint.counters.earlyAccepted, 1);
      assertAlive(pair);
    });
  }

  test('early data arrives before the handshake is done, and can be answered at once', () => {
    const server = taking();
    const pair = comingBack(sessionFor({ server }), [HELLO], { server }).connect();
    assert.ok(pair.runUntil(() => pair.server.early.length > 0, 1000));
    const oneWay = pair.now;
    assert.equal(pair.server.phase, 'handshaking');
    assert.ok(pair.server.entry.connection.maySend);
    pair.send(pair.server, utf8('answer'));
    assert.ok(pair.runUntil(() => pair.client.messages.length > 0, 1000));
    assert.deepEqual(pair.client.messages, [utf8('answer')]);
    assert.equal(pair.now, 2 * oneWay);
    assert.ok(!pair.server.isConnected);
    assert.ok(pair.runUntil(() => pair.server.isConnected, 1000));
    assertAlive(pair);
  });

  test('a client with early data keeps its identity and certificate', () => {
    const options = { client: { ...CLIENTS.ed25519 }, server: taking(1000, { requestCert: true }) };
    const pair = comingBack(sessionFor(options), [HELLO], options).handshake();
    assert.deepEqual(pair.server.early, [HELLO]);
    const { peer } = pair.server.sessions[0] ?? assert.fail();
    assert.ok(peer.authorized);
    assert.equal(peer.chain.length, 1);
  });

  test('early data uses the application protocol of the session', () => {
    const server = taking(1000, { alpn: ['coap', 'h3'] });
    const pair = accepted([HELLO], server, { alpn: ['h3'] });
    assert.deepEqual(pair.server.early, [HELLO]);
    assert.deepEqual(pair.server.sessions[0]?.agreed.alpn, utf8('h3'));
  });

  test('early data is limited by the ticket; the rest follows after the handshake, in order, before anything else', () => {
    const messages = [1, 2, 3, 4].map((n) => new Uint8Array(400).fill(n));
    const server = taking(1000);
    const pair = comingBack(sessionFor({ server }), messages, { server }).connect();
    pair.runUntil(() => pair.client.isConnected, 1000);
    const last = utf8('the first of send');
    pair.send(pair.client, last);
    pair.runFor(1000);
    assert.deepEqual(pair.server.early, messages.slice(0, 2));
    assert.deepEqual(pair.server.messages, [...messages.slice(2), last]);
    assert.equal(pair.client.entry.connection.earlyData, 'accepted');
  });

  test('early data is accepted with any supported group whose share is present', () => {
    const groups = { groups: 'secp256r1:x25519' };
    const pair = accepted([HELLO], taking(1000, groups), { ...groups, keyShares: 'x25519' });
    assert.deepEqual(pair.server.early, [HELLO]);
    assert.equal(pair.server.sessions[0]?.group, 'x25519');
  });

  test('early data is under a secret that both sides log, and nothing else is sent in epoch 1', () => {
    const server = taking();
    const pair = comingBack(sessionFor({ server }), [HELLO, MORE], { server });
    const datagrams: Uint8Array[] = [];
    pair.onDelivery = ({ data, from }) => {
      if (from === 'client') datagrams.push(data.slice());
    };
    pair.handshake();
    assertAlive(pair);
    const logged = [pair.client, pair.server].map(({ secrets }) =>
      secrets.find(({ label }) => label === 'CLIENT_EARLY_TRAFFIC_SECRET'),
    );
    assert.deepEqual(logged[0]?.secret, logged[1]?.secret ?? assert.fail());
    const insider = new Insider13(pair);
    const early = datagrams.filter((data) =>
      recordsOf(data).some(({ type, epoch }) => type === 0 && epoch === 1),
    );
    const opened = early.flatMap((data) => insider.open('client', data, 1));
    assert.deepEqual(
      opened.map(({ type, content }) => [type, content]),
      [HELLO, MORE].map((message) => [ContentType.application_data, message]),
    );
  });

  test('early data is sent again with a lost ClientHello, and delivered once', () => {
    for (const lost of [1, 3]) {
      for (const from of ['client', 'server'] as const) {
        const server = taking();
        const pair = comingBack(sessionFor({ server }), [HELLO, MORE], { server });
        let left: number = lost;
        pair.intercept = (data, sender) => (sender === from && left-- > 0 ? [] : [data, data]);
        pair.handshake();
        assert.deepEqual(pair.server.early, [HELLO, MORE], `${lost} of the ${from}`);
        assert.deepEqual(pair.server.messages, []);
        assert.equal(pair.client.entry.connection.counters.messagesSent, 2);
      }
    }
  });

  test('early data is delivered once, however often its datagrams arrive', () => {
    const server = taking();
    const pair = comingBack(sessionFor({ server }), [HELLO, MORE], { server });
    pair.intercept = (data, from) => (from === 'client' ? [data, data, data] : [data]);
    pair.handshake();
    assert.deepEqual(pair.server.early, [HELLO, MORE]);
    assert.deepEqual(pair.server.messages, []);
  });

  test('early data within the limit waits for slow answers', () => {
    const server = taking(20_000);
    const large = Array.from({ length: 20 }, (_, i) => new Uint8Array(1000).fill(i));
    const pair = comingBack(sessionFor({ server }), large, { server, jobs: 50 }).handshake();
    assert.ok(isResumed(pair));
    assert.deepEqual(pair.server.early, large);
  });

  for (const [what, most, count, size, kept] of [
    ['bytes', 1000, 20, 1000, 6],
    ['records', 60_000, 400, 1, 241],
  ] as const) {
    // 8 KiB and half as much again as is allowed; a record of `size` costs 22 bytes for its protection, and PIECE_COST.
    test(`early data waits for slow answers within a budget of ${what}`, () => {
      const server = taking(most);
      const pair = comingBack(sessionFor({ server }), [HELLO], { server, jobs: 50 }).connect();
      pair.runUntil(() => pair.server.endpoint.size > 0, 1000);
      for (let i = 0; i < count; i++)
        pair.inject(pair.server, unifiedRecord(1, i, new Uint8Array(size + 17)));
      const [entry] = pair.server.endpoint.entries();
      assert.equal(entry?.connection.counters.dropped['over_budget'], count - kept);
    });
  }

  test('early data arrives under the requested name', () => {
    const { ed25519, p256 } = SERVERS;
    const server = taking(1000, { sni: { localhost: { ...p256 }, other: { ...ed25519 } } });
    const pair = accepted([HELLO], server);
    assert.deepEqual(pair.server.early, [HELLO]);
    assert.equal(pair.server.sessions[0]?.serverName, 'localhost');
  });

  test('early data may arrive a little late, and not much later', () => {
    const server = taking();
    const pair = comingBack(sessionFor({ server }), [HELLO], { server }).handshake();
    const insider = new Insider13(pair);
    const late = (sequence: number) =>
      insider.seal('client', 1, ContentType.application_data, MORE, sequence);
    assertAlive(pair);
    pair.inject(pair.server, late(7));
    assert.deepEqual(pair.server.early, [HELLO, MORE]);
    pair.runFor(6000);
    pair.inject(pair.server, late(8));
    assert.deepEqual(pair.server.early, [HELLO, MORE]);
    assert.equal(pair.server.dropped['refused_early_data'], 1);
    assertAlive(pair);
  });

  test('early data works again with the ticket of the resumed session', () => {
    const server = taking();
    const options = { server };
    const second = comingBack(sessionFor(options), [HELLO], options).handshake();
    const { tickets } = second.client;
    assert.equal(tickets[0]?.early.most, 1000);
  });
});

suite('a client that does not ask for it', () => {
  test('a client without early data sends none, though the ticket would allow it', () => {
    const server = taking();
    const pair = returning(sessionFor({ server }), { version: 'DTLSv1.3', server }).handshake();
    assert.ok(isResumed(pair));
    assert.equal(pair.client.entry.connection.earlyData, 'none');
    assert.equal(pair.server.endpoint.counters.earlyAccepted, 0);
    assert.ok(!pair.client.secrets.some(({ label }) => label === 'CLIENT_EARLY_TRAFFIC_SECRET'));
  });
});
