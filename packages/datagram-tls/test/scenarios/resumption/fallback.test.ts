import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SavedSession } from '#lib/config/saved-session.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { type ClientHello, decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, OTHER_CA, UNTRUSTED } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const HOUR = 3_600_000;
const NOON = Date.UTC(2030, 5, 15, 12);

/** A side of both versions. */
const BOTH_VERSIONS = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
/** One that the first session does not use. */
const OTHER_SUITE = {
  'DTLSv1.2': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'DTLSv1.3': 'TLS_AES_256_GCM_SHA384',
} as const;

/** Watches the client of `pair`: whether each of its ClientHellos offers a session. */
function offersOf(pair: Pair): boolean[] {
  const offers: boolean[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from !== 'client') return;
    for (const { type, fragment } of plainFragments(data)) {
      const hello = type === HandshakeType.client_hello ? decodeClientHello(fragment) : undefined;
      if (hello !== undefined) offers.push(offersSession(hello));
    }
  };
  return offers;
}

function offersSession({ extensions }: ClientHello): boolean {
  const ticket = extensions.get(ExtensionType.session_ticket)?.length ?? 0;
  return ticket > 0 || extensions.has(ExtensionType.pre_shared_key);
}

/** What differs in the second handshake, and how the first session was made. */
type Change = readonly [what: string, change: PairOptions, first?: PairOptions];

const SERVER_REFUSES: readonly Change[] = [
  ['another key', { server: { ticketKeys: new Uint8Array(80).fill(9) } }],
  ['a server that no longer issues tickets', { server: { ticketKeys: false } }],
  ['no key now', { server: { ticketKeys: () => undefined } }],
  ['another context', { server: { sessionIdContext: 'another' } }],
  ['a shorter life of sessions', { today: NOON + HOUR, server: { sessionTimeout: 3000 } }],
  ['a clock that is behind by an hour', { today: NOON - HOUR }],
  ['a certificate that is asked for now', { server: { requestCert: true }, client: CLIENTS.p256 }],
  [
    'a server that no longer requests a certificate',
    { client: CLIENTS.ed25519 },
    { server: { requestCert: true }, client: CLIENTS.ed25519 },
  ],
];

for (const version of VERSIONS) {
  const FULL: PairOptions = { version, today: NOON };
  const session = (options: PairOptions = FULL): SavedSession =>
    savedSession(new Pair({ ...FULL, ...options }).handshake());

  suite(`a server that cannot resume a session makes a full handshake, ${version}`, () => {
    const ciphers = OTHER_SUITE[version];
    const refuses: readonly Change[] = [
      ...SERVER_REFUSES,
      ['a suite that it does not go with', { server: { ciphers } }],
    ];
    for (const [what, change, first] of refuses) {
      test(`server makes a full handshake with ${what}`, () => {
        const pair = returning(session(first), { ...FULL, ...change }).handshake();
        assert.ok(!isResumed(pair));
        assertAlive(pair);
      });
    }

    test('server makes a full handshake when the issuer of the client certificate is no longer trusted', () => {
      const mutual: PairOptions = { client: UNTRUSTED, server: { requestCert: true, ca: [CA, OTHER_CA] } };
      const kept = session(mutual);
      assert.ok(isResumed(returning(kept, { ...FULL, ...mutual }).handshake()));
      const pair = returning(kept, { ...FULL, ...mutual, server: { requestCert: true } }).connect();
      pair.runUntil(() => pair.server.isClosed, 60_000);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_CERTIFICATE');
    });

    test('server makes a full handshake for a ticket changed in any byte', () => {
      const kept = session();
      for (let at = 0; at < kept.ticket.length; at++) {
        const ticket = Uint8Array.from(kept.ticket, (byte, i) => (i === at ? byte ^ 1 : byte));
        const pair = returning({ ...kept, ticket }, FULL).handshake();
        assert.ok(!isResumed(pair), `byte ${at}`);
      }
    });

    test('server makes a full handshake for a ticket that was cut short or extended', () => {
      const kept = session();
      const { ticket } = kept;
      for (const length of [1, 15, 16, 31, 32, 33, 47, 48, 49, ticket.length - 1, ticket.length + 1]) {
        const resized = new Uint8Array(length);
        resized.set(ticket.subarray(0, length));
        assert.ok(!isResumed(returning({ ...kept, ticket: resized }, FULL).handshake()), `${length} bytes`);
      }
    });

    test('server makes a full handshake for a ticket of another server name', () => {
      const kept = session();
      const destination = { serverName: 'other.example', verifyName: 'localhost' };
      const state = { ...kept.state, serverName: 'other.example' };
      assert.ok(!isResumed(returning({ ...kept, state }, { ...FULL, destination }).handshake()));
    });

    test('a client with more certificates than fit a ticket gets none', () => {
      const cert = [CLIENTS.p256.cert, ...Array.from({ length: 13 }, () => CA)].join('\n');
      const client = { cert, key: CLIENTS.p256.key };
      const pair = new Pair({ ...FULL, client, server: { requestCert: true } }).handshake();
      assert.equal(pair.server.sessions[0]?.peer.chain.length, 14);
      assert.deepEqual(pair.client.tickets, []);
    });
  });

  suite(`a client that cannot resume a session makes a full handshake, ${version}`, () => {
    const other = version === 'DTLSv1.3' ? 'DTLSv1.2' : 'DTLSv1.3';
    for (const [what, change] of [
      ['an expired ticket', { today: NOON + 3 * HOUR, server: { sessionTimeout: 86_400 } }],
      ['a ticket from the future', { today: NOON - HOUR, server: { sessionTimeout: 86_400 } }],
      ['another server name', { destination: { serverName: undefined, verifyName: 'localhost' } }],
      ['no suite that fits the session', { client: { ciphers: OTHER_SUITE[version] } }],
      ['only another version', { client: { minVersion: other, maxVersion: other }, server: BOTH_VERSIONS }],
    ] satisfies readonly Change[]) {
      test(`server makes a full handshake with ${what}`, () => {
        const pair = returning(session(), { ...FULL, ...change });
        const offered = offersOf(pair);
        pair.handshake();
        assert.ok(!isResumed(pair));
        assert.deepEqual(offered, [false, false]);
        assertAlive(pair);
      });
    }

    test('an earlier session does not make a client accept a server whose issuer is no longer trusted', () => {
      const pair = returning(session(), { ...FULL, client: { ca: OTHER_CA } });
      const offered = offersOf(pair);
      pair.connect().runUntil(() => pair.client.isClosed, 60_000);
      assert.deepEqual(offered, [false, false]);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_CERTIFICATE');
    });

    test("with rejectUnauthorized off, a resumed session reports today's verdict", () => {
      const client = { ca: OTHER_CA, rejectUnauthorized: false };
      const pair = returning(session(), { ...FULL, client }).handshake();
      assert.ok(isResumed(pair));
      assert.equal(pair.client.sessions[0]?.peer.authorized, false);
      assert.match(String(pair.client.sessions[0].peer.authorizationError), /UNABLE_TO/);
    });

    test('the application decides on the certificate of a resumed session, too', () => {
      const asked: string[] = [];
      const verifyPeer = (_: unknown, { name }: { name: string | undefined }): boolean => {
        asked.push(name ?? '');
        return true;
      };
      const pair = returning(session(), { ...FULL, client: { verifyPeer } }).handshake();
      assert.ok(isResumed(pair));
      assert.deepEqual(asked, ['localhost']);
    });
  });
}

suite('a resumed session without its secret', () => {
  const without = (version: TestedVersion): Pair => {
    const FULL: PairOptions = { version, today: NOON };
    const kept = savedSession(new Pair(FULL).handshake());
    const state = { ...kept.state, secret: new Uint8Array(kept.state.secret.length) };
    const pair = returning({ ...kept, state }, FULL).connect();
    pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 600_000);
    return pair;
  };

  test("a client of DTLS 1.3 without the session's secret is refused at once", () => {
    const pair = without('DTLSv1.3');
    assert.equal(pair.server.error?.alert, 'decrypt_error');
    assert.equal(pair.client.error?.alert, 'decrypt_error');
  });

  test("a client of DTLS 1.2 without the session's secret cannot read anything, and gives up in time", () => {
    const pair = without('DTLSv1.2');
    for (const side of [pair.client, pair.server]) {
      assert.equal(side.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
      assert.deepEqual(side.sessions, []);
    }
    assert.ok((pair.client.dropped['bad_record'] ?? 0) > 0);
  });
});
