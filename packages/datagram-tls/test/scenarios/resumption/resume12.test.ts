import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sameBytes, toHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { exportKeyingMaterial, type Session } from '#lib/handshake/session.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const HOUR = 3_600_000;
const NOON = Date.UTC(2030, 5, 15, 12);
const MUTUAL: PairOptions = { version, client: { ...CLIENTS.ed25519 }, server: { requestCert: true } };
const [OLD, NEXT] = [1, 2].map((fill) => new Uint8Array(80).fill(fill)) as [Uint8Array, Uint8Array];

/** A session, and a second one that resumes it. */
function twice(options: PairOptions, changed: PairOptions = {}): { first: Pair; second: Pair } {
  const first = new Pair(options).handshake();
  const second = returning(savedSession(first), { ...options, ...changed }).handshake();
  return { first, second };
}

function only(sessions: readonly Session[]): Session {
  const [session, ...more] = sessions;
  assert.deepEqual(more, []);
  return session ?? assert.fail('there is no session');
}

suite('resumption of DTLS 1.2 sessions by tickets', () => {
  for (const ciphers of [
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  ]) {
    test(`${ciphers}: three flights, the server is still authenticated, and messages go both ways`, () => {
      const { first, second } = twice({ version, client: { ciphers }, server: { ciphers } });
      assert.ok(!isResumed(first));
      assert.ok(isResumed(second));
      assert.deepEqual(second.server.flights('sent'), [['server_hello', 'change_cipher_spec', 'finished']]);
      assert.deepEqual(second.client.flights('sent').at(-1), ['change_cipher_spec', 'finished']);
      const [before, after] = [only(first.client.sessions), only(second.client.sessions)];
      assert.deepEqual(after.peer.chain[0]?.der, before.peer.chain[0]?.der);
      assert.ok(after.peer.authorized && after.extendedMasterSecret);
      assert.deepEqual([after.signatureScheme, after.group], [undefined, undefined]);
      assert.equal(after.suite.name, ciphers);
      assertAlive(second);
    });
  }

  test('the ticket comes just before the last flight, and the server announces it', () => {
    const { first } = twice({ version });
    assert.deepEqual(first.server.flights('sent').at(-1), [
      'new_session_ticket',
      'change_cipher_spec',
      'finished',
    ]);
    assert.deepEqual(first.client.flights('received').at(-1)?.slice(-2), ['new_session_ticket', 'finished']);
  });

  test("a client's certificate is known to the server of the resumed session", () => {
    const { first, second } = twice(MUTUAL);
    assert.ok(isResumed(second));
    const [before, after] = [only(first.server.sessions), only(second.server.sessions)];
    assert.equal(before.peer.chain.length, 1);
    assert.deepEqual(after.peer.chain[0]?.der, before.peer.chain[0]?.der);
    assert.ok(after.peer.authorized);
    assertAlive(second);
  });

  test('key log and exporters are those of the new session, and both sides have the same', () => {
    const { first, second } = twice({ version }, { seed: 2 });
    for (const pair of [first, second]) assert.deepEqual(pair.client.secrets, pair.server.secrets);
    const [before, after] = [first.client.secrets[0], second.client.secrets[0]];
    assert.ok(before !== undefined && after !== undefined);
    assert.equal(toHex(after.secret), toHex(before.secret));
    assert.notEqual(toHex(after.clientRandom), toHex(before.clientRandom));
    const exported = [first, second].flatMap(({ client, server }) =>
      [client, server].map(({ sessions }) =>
        toHex(exportKeyingMaterial(nodeProvider, only(sessions), 'EXPERIMENTAL-x', undefined, 32)),
      ),
    );
    assert.equal(exported[0], exported[1]);
    assert.equal(exported[2], exported[3]);
    assert.notEqual(exported[0], exported[2]);
  });

  test('a ticket is valid until its session expires, each time for the rest of its lifetime', () => {
    const { first, second } = twice({ version, today: NOON }, { today: NOON + HOUR });
    assert.equal(first.client.tickets[0]?.lifetime, 7_200_000);
    assert.deepEqual(second.client.tickets[0]?.ticket, first.client.tickets[0].ticket);
    // The second handshake begins on the hour, and the ticket came a little after noon.
    assert.ok(Math.abs(second.client.tickets[0].lifetime - HOUR) < 100);
    const soon = returning(savedSession(second), { version, today: NOON + HOUR + 0.99 * HOUR });
    assert.ok(isResumed(soon.handshake()));
    const late = returning(savedSession(second), { version, today: NOON + 2 * HOUR + 1000 });
    assert.ok(!isResumed(late.handshake()));
  });

  test('a ticket under an expiring key is replaced, which extends nothing', () => {
    const first = new Pair({ version, today: NOON, server: { ticketKeys: OLD } }).handshake();
    const turned = { version, today: NOON + HOUR, server: { ticketKeys: [NEXT, OLD] } } as const;
    const second = returning(savedSession(first), turned).handshake();
    assert.ok(isResumed(second));
    assert.deepEqual(second.server.flights('sent'), [
      ['server_hello', 'new_session_ticket', 'change_cipher_spec', 'finished'],
    ]);
    assert.deepEqual(second.client.tickets[0]?.ticket.subarray(0, 16), NEXT.subarray(0, 16));
    assert.equal(second.client.tickets[0].lifetime, HOUR);
    assertAlive(second);
    const after = { version, today: NOON + HOUR, server: { ticketKeys: NEXT } } as const;
    assert.ok(isResumed(returning(savedSession(second), after).handshake()));
  });

  test('a renewal without a key leaves the old ticket', () => {
    const first = new Pair({ version, server: { ticketKeys: OLD } }).handshake();
    let asked = 0;
    const ticketKeys = () => (asked++ === 0 ? [NEXT, OLD] : undefined);
    const second = returning(savedSession(first), { version, server: { ticketKeys } }).handshake();
    assert.ok(isResumed(second));
    assert.deepEqual(second.client.tickets[0]?.ticket, first.client.tickets[0]?.ticket);
  });

  test('the second ClientHello has the ID and the ticket of the first, and each handshake has a new ID', () => {
    const session = savedSession(new Pair({ version }).handshake());
    const ids = [1, 2].map((seed) => {
      const pair = returning(session, { version, seed });
      const hellos: { id: string; ticket: Uint8Array }[] = [];
      pair.onDelivery = ({ data, from }) => {
        for (const { type, fragment } of from === 'client' ? plainFragments(data) : []) {
          const hello = type === HandshakeType.client_hello ? decodeClientHello(fragment) : undefined;
          const ticket = hello?.extensions.get(ExtensionType.session_ticket);
          if (hello !== undefined && ticket !== undefined)
            hellos.push({ id: toHex(hello.sessionId), ticket: ticket.slice() });
        }
      };
      pair.handshake();
      assert.equal(hellos.length, 2);
      assert.deepEqual(hellos[0], hellos[1]);
      const { id, ticket } = hellos[0] ?? assert.fail();
      assert.ok(sameBytes(ticket, session.ticket));
      assert.equal(id.length, 64);
      return id;
    });
    assert.notEqual(ids[0], ids[1]);
  });

  test('a ticket that needs two datagrams is resumed, too', () => {
    const first = new Pair(MUTUAL).handshake();
    const clientBehaviour = { mtu: 256 };
    const second = returning(savedSession(first), { ...MUTUAL, clientBehaviour });
    const sizes: number[] = [];
    second.onDelivery = ({ data, from }) => {
      if (from === 'client') sizes.push(data.length);
    };
    second.handshake();
    assert.ok(isResumed(second));
    assert.ok(sizes.length > 4 && sizes.every((size) => size <= 256));
    assertAlive(second);
  });

  test('a session on a pre-shared key gives no ticket', () => {
    const psk = { identity: 'client', key: new Uint8Array(16).fill(1) };
    const keyed = new Pair({ version, client: { psk }, server: { psk: { client: psk.key } } }).handshake();
    assert.ok(keyed.server.sessions[0]?.peer.pskIdentity !== undefined);
    assert.deepEqual(keyed.client.tickets, []);
    assert.ok(!keyed.server.flights('sent').flat().includes('new_session_ticket'));
  });

  test('sessions are resumed with slow jobs', () => {
    const { second } = twice(
      { ...MUTUAL, jobs: 1700 },
      { server: { requestCert: true, ticketKeys: [NEXT, new Uint8Array(80)] } },
    );
    assert.ok(isResumed(second));
    assertAlive(second);
  });

  test('sessions are resumed on lossy paths, whichever flight is lost', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const weather = { loss: 0.25, duplication: 0.1, jitter: 100 };
      const patient = { handshakeTimeout: 600_000 };
      const both = { ...MUTUAL, seed, weather, clientBehaviour: patient, serverBehaviour: patient };
      const first = new Pair(both);
      first.explain((pair) => pair.handshake());
      const second = returning(savedSession(first), { ...both, today: first.date });
      second.explain(() => {
        second.handshake();
        assert.ok(isResumed(second));
      });
    }
  });
});
