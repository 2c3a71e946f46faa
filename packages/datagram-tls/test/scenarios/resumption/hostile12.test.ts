import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { own } from '#lib/base/bytes.js';
import type { SealedTicket } from '#lib/handshake/jobs.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { encodeNewSessionTicket12 } from '#lib/wire/messages/new-session-ticket12.js';
import {
  DOWNGRADE_TO_12,
  decodeServerHello,
  encodeServerHello,
  type ServerHello,
} from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { fragmentRecord, plainFragments, rewrite } from '../../support/records.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const DAY = 86_400_000;
const BOTH_VERSIONS = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
const { client_hello, server_hello, new_session_ticket } = HandshakeType;
const SESSION = savedSession(new Pair({ version }).handshake());

type Sealed12 = Pick<SealedTicket, 'ticket' | 'lifetime'>;

/** A handshake whose server gives `sealed` as its ticket. */
function given(sealed: Sealed12 | undefined): Pair {
  const pair = new Pair({ version, jobs: 'by-hand' }).connect();
  for (let jobs = 0; jobs < 10; jobs++) {
    const waits = (): boolean => pair.client.jobs.length + pair.server.jobs.length > 0;
    if (!pair.runUntil(waits, 900)) break;
    const side = pair.client.jobs.length > 0 ? pair.client : pair.server;
    const seals = side.jobs[0]?.job.kind === 'seal-ticket';
    const whole = sealed && { ...sealed, ageAdd: 0, maxEarlyData: 0 };
    pair.answer(side, seals ? { kind: 'seal-ticket', sealed: whole } : undefined);
  }
  assertAlive(pair);
  return pair;
}

/** Runs `pair` to its end with each ServerHello changed. */
function meddled(pair: Pair, change: (hello: ServerHello) => Partial<ServerHello>): Pair {
  pair.intercept = (data, from) => {
    if (from === 'client') return [data];
    return [
      rewrite(data, server_hello, ({ type, messageSeq, fragment }) => {
        const hello = decodeServerHello(fragment) ?? assert.fail();
        return { type, messageSeq, fragment: encodeServerHello({ ...hello, ...change(hello) }) };
      }),
    ];
  };
  pair.connect();
  pair.runUntil(() => pair.client.isClosed, 2000);
  return pair;
}

suite('what a server gives as its ticket, DTLSv1.2', () => {
  const cases: readonly [string, Sealed12 | undefined, lifetime: number | undefined][] = [
    ['no ticket', undefined, undefined],
    ['a ticket larger than any ClientHello', { ticket: new Uint8Array(60_000), lifetime: 60 }, undefined],
    [
      'a ticket one byte over the limit of a client',
      { ticket: new Uint8Array(8193), lifetime: 60 },
      undefined,
    ],
    ['a ticket at the limit of a client', { ticket: new Uint8Array(8192), lifetime: 60 }, 60_000],
    ['a ticket without a lifetime hint', { ticket: new Uint8Array(9), lifetime: 0 }, DAY],
    [
      'a ticket with the longest lifetime hint',
      { ticket: new Uint8Array(9), lifetime: 0xffff_ffff },
      7 * DAY,
    ],
  ];
  for (const [what, sealed, lifetime] of cases) {
    test(`${what}: the session stays, and is kept for ${lifetime ?? 'no'} ms`, () => {
      const { tickets } = given(sealed).client;
      assert.deepEqual(
        tickets.map((ticket) => ticket.lifetime),
        lifetime === undefined ? [] : [lifetime],
      );
    });
  }

  test('the largest accepted ticket can be offered, and a server that cannot open it makes a full handshake', () => {
    const kept = savedSession(given({ ticket: new Uint8Array(8192), lifetime: 60 }));
    const pair = returning(kept, { version }).handshake();
    assert.ok(!isResumed(pair));
    assertAlive(pair);
  });

  test('a malformed ticket: client answers decode_error', () => {
    const pair = new Pair({ version });
    pair.intercept = (data, from) =>
      from === 'client'
        ? [data]
        : [
            rewrite(data, new_session_ticket, (shape) => ({
              ...shape,
              length: 5,
              fragment: new Uint8Array(5),
            })),
          ];
    pair.connect();
    pair.runUntil(() => pair.client.isClosed, 2000);
    assert.deepEqual(pair.client.alerts('sent'), ['fatal decode_error']);
  });

  test('an unpromised ticket: client ignores it, because a plaintext one may be forged', () => {
    const pair = new Pair({ version, server: { ticketKeys: false } }).connect();
    const sent = () => pair.client.flights('sent').flat().includes('finished');
    assert.ok(pair.runUntil(sent, 900));
    const fragment = encodeNewSessionTicket12({ ticketLifetimeHint: 60, ticket: new Uint8Array(9) });
    pair.inject(pair.client, fragmentRecord({ type: new_session_ticket, messageSeq: 5, fragment }));
    assert.equal(pair.client.dropped['unexpected_epoch'], 1);
    assert.ok(pair.runUntil(() => pair.client.isConnected, 900));
    assert.deepEqual(pair.client.tickets, []);
    assertAlive(pair);
  });

  test('a promise of a ticket with content: client answers decode_error', () => {
    const pair = meddled(new Pair({ version }), ({ extensions }) => ({
      extensions: new Map([...extensions, [ExtensionType.session_ticket, new Uint8Array(1)]]),
    }));
    assert.deepEqual(pair.client.alerts('sent'), ['fatal decode_error']);
  });

  test('a server gives no ticket to a client that did not request one, though it offers all else', () => {
    const pair = new Pair({ version });
    const told: boolean[] = [];
    pair.intercept = (data, from) => {
      for (const { type, fragment } of from === 'server' ? plainFragments(data) : [])
        if (type === server_hello)
          told.push(
            decodeServerHello(fragment)?.extensions.has(ExtensionType.session_ticket) ?? assert.fail(),
          );
      return from === 'server'
        ? [data]
        : [changedClient(data, (x) => x.delete(ExtensionType.session_ticket))];
    };
    pair.connect().runFor(500);
    assert.deepEqual(told, [false]);
  });
});

suite('what a ServerHello may say that resumes a session, DTLSv1.2', () => {
  const cases: readonly [string, (hello: ServerHello) => Partial<ServerHello>, string, code?: string][] = [
    ['another suite', () => ({ cipherSuite: 0xcca9 }), 'illegal_parameter'],
    [
      'no extended master secret',
      ({ extensions }) => ({
        extensions: new Map(
          [...extensions].filter(([type]) => type !== ExtensionType.extended_master_secret),
        ),
      }),
      'handshake_failure',
    ],
    [
      'a downgrade to DTLS 1.2',
      ({ random }) => {
        const marked = own(random);
        marked.set(DOWNGRADE_TO_12, 24);
        return { random: marked };
      },
      'illegal_parameter',
      'ERR_DTLS_DOWNGRADE',
    ],
  ];
  for (const [what, change, alert, code] of cases) {
    test(`client refuses a resuming ServerHello with ${what}: ${alert}`, () => {
      const pair = meddled(returning(SESSION, { version, client: BOTH_VERSIONS }), change);
      assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
      if (code !== undefined) assert.equal(pair.client.error?.code, code);
    });
  }

  test('another session ID means a full handshake, whose Certificate is then missing', () => {
    const pair = meddled(returning(SESSION, { version }), () => ({ sessionId: new Uint8Array(32) }));
    assert.deepEqual(pair.client.sessions, []);
    assert.ok(!pair.client.flights('sent').flat().includes('finished'));
  });

  test('server learns after two runs of its timer why its flight was refused, though the client has no keys to say so', () => {
    const pair = meddled(returning(SESSION, { version }), () => ({ cipherSuite: 0xcca9 }));
    assert.ok(pair.runUntil(() => pair.server.isClosed, 4000));
    assert.equal(pair.server.error?.alert, 'illegal_parameter');
    assert.equal(pair.server.error.source, 'peer');
  });
});

suite('what a ClientHello may say that resumes a session, DTLSv1.2', () => {
  test('server refuses a resumption without the extended master secret with handshake_failure', () => {
    const pair = returning(SESSION, { version });
    pair.intercept = (data, from) =>
      from === 'server'
        ? [data]
        : [changedClient(data, (extensions) => extensions.delete(ExtensionType.extended_master_secret))];
    pair.connect();
    pair.runUntil(() => pair.server.isClosed, 2000);
    assert.deepEqual(pair.server.alerts('sent'), ['fatal handshake_failure']);
    assert.deepEqual(pair.server.flights('sent'), []);
  });

  for (const [what, server, resumed, wanted] of [
    ['1.3, which needs a full handshake', BOTH_VERSIONS, false, 'DTLSv1.3'],
    ['1.2, and goes on with the session', {}, true, 'DTLSv1.2'],
  ] satisfies readonly [string, PairOptions['server'], boolean, string][]) {
    test(`a client of both versions with a session of 1.2: the server chooses ${what}`, () => {
      const pair = returning(SESSION, { version, client: BOTH_VERSIONS, server }).handshake();
      assert.equal(isResumed(pair), resumed);
      assert.equal(pair.client.sessions[0]?.version, wanted);
      assertAlive(pair);
    });
  }
});

function changedClient(data: Uint8Array, change: (extensions: Map<number, Uint8Array>) => void): Uint8Array {
  return rewrite(data, client_hello, ({ type, messageSeq, fragment }) => {
    const hello = decodeClientHello(fragment) ?? assert.fail();
    const extensions = new Map(hello.extensions);
    change(extensions);
    return { type, messageSeq, fragment: encodeClientHello({ ...hello, extensions }) };
  });
}
