import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import type { EarlyRefusal } from '#lib/handshake/actions.js';
import { ExtensionType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, sharing, taking, watchHellos } from '../../support/early.js';
import { JUDGEMENT_DAY } from '../../support/identities.js';
import type { Pair, PairOptions } from '../../support/pair.js';
import { recordsOf } from '../../support/records.js';
import { isResumed } from '../../support/resumption.js';

const MESSAGES = [utf8('one'), utf8('two'), utf8('three')];

interface Case {
  /** The server that gave the ticket, and its client. */
  readonly before?: PairOptions;
  readonly now?: PairOptions;
  readonly change?: (session: SavedSession) => SavedSession;
  readonly reason?: EarlyRefusal;
  readonly resumes?: boolean;
}

/** What is given is the same options object for both, so that keys are the same, unless a case says otherwise. */
const same = (server: SecurityOptions, client: SecurityOptions = {}): Pick<Case, 'before' | 'now'> => {
  const options = { server, client };
  return { before: options, now: options };
};

const older = (ms: number) => (session: SavedSession) => ({
  ...session,
  receivedAt: session.receivedAt - ms,
});
const first = (session: SavedSession): SavedSession => {
  const ticket = session.ticket.slice();
  ticket[40] = (ticket[40] ?? 0) ^ 1;
  return { ...session, ticket };
};

/** One server for two days. */
const STEADY = taking();
const LATER = JUDGEMENT_DAY + 60_000;

const CASES: Readonly<Record<string, Case>> = {
  'a ticket that is not as old as it says': { ...same(taking()), change: older(10_500), reason: 'age' },
  'a ticket that is older than it says': {
    before: { server: STEADY },
    now: { server: STEADY, today: LATER },
    change: older(-10_500),
    reason: 'age',
  },
  'a ticket that does not open': { ...same(taking()), change: first, reason: 'ticket', resumes: false },
  'a server that was restarted': {
    before: { server: taking() },
    now: { server: taking() },
    reason: 'ticket',
    resumes: false,
  },
  'another application protocol': {
    before: { server: sharing(1000, { alpn: ['a', 'b'] }), client: { alpn: ['b', 'a'] } },
    now: { server: sharing(1000, { alpn: ['b', 'a'] }), client: { alpn: ['b', 'a'] } },
    reason: 'alpn',
  },
  'a server that no longer has an application protocol': {
    before: { server: sharing(1000, { alpn: ['a'] }), client: { alpn: ['a'] } },
    now: { server: sharing(1000), client: { alpn: ['a'] } },
    reason: 'alpn',
  },
  'another suite': {
    before: { server: sharing(1000, { ciphers: 'TLS_AES_128_GCM_SHA256' }) },
    now: { server: sharing(1000, { ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256' }) },
    reason: 'suite',
  },
  'a server that accepts less than it announced': {
    before: { server: sharing(1000) },
    now: { server: sharing(999) },
    reason: 'terms',
  },
  'a server that no longer accepts early data': {
    before: { server: sharing(1000) },
    now: { server: { ticketKeys: new Uint8Array(80).fill(7) } },
  },
  'no share of a group that the server has': {
    ...same(taking(1000, { groups: 'x25519' }), { groups: 'secp256r1:x25519', keyShares: 'secp256r1' }),
    reason: 'share',
  },
  'a guard that has seen the ClientHello': {
    ...same(sharing(1000, { replayGuard: () => false })),
    reason: 'replayed',
  },
  'a guard that throws': {
    ...same(
      sharing(1000, {
        replayGuard: () => {
          throw new Error('no connection to the database');
        },
      }),
    ),
    reason: 'failed',
  },
  'a guard that says neither yes nor no': {
    ...same(sharing(1000, { replayGuard: () => 'yes' as never })),
    reason: 'failed',
  },
};

function assertRefused(pair: Pair, { reason, resumes = true }: Case): void {
  const last = utf8('the first of send');
  pair.send(pair.client, last);
  pair.runFor(1000);
  const { server, client } = pair;
  assert.deepEqual(server.early, []);
  assert.deepEqual(server.messages, [...MESSAGES, last]);
  assert.equal(client.entry.connection.earlyData, 'refused');
  assert.equal(server.entry.connection.earlyData, 'none');
  assert.deepEqual(server.endpoint.counters.earlyRefused, reason === undefined ? {} : { [reason]: 1 });
  assert.equal(server.endpoint.counters.serverSessions, 1);
  assert.equal(isResumed(pair), resumes);
  assertAlive(pair);
}

suite('early data that is refused', () => {
  for (const [what, one] of Object.entries(CASES)) {
    test(`${what}: refused early data is sent again after the handshake, in order, once, before anything else`, () => {
      const session = sessionFor(one.before ?? {});
      const pair = comingBack(one.change?.(session) ?? session, MESSAGES, one.now ?? {});
      const hellos = watchHellos(pair);
      pair.explain(() => {
        pair.connect();
        assert.ok(pair.runUntil(() => pair.client.isConnected, 10_000));
        assertRefused(pair, one);
      });
      assert.deepEqual(
        hellos.map((extensions) => extensions.has(ExtensionType.early_data)),
        [true, false],
      );
    });
  }

  test('a full guard refuses early data: the session goes on, resumed', () => {
    const server = taking();
    const session = sessionFor({ server });
    const pair = comingBack(session, MESSAGES, {
      server,
      adjust: (security) => {
        const { tickets } = security;
        if (tickets?.early === undefined) return security;
        return { ...security, tickets: { ...tickets, early: { ...tickets.early, guard: () => 'full' } } };
      },
    }).handshake();
    assertRefused(pair, { reason: 'guard_full' });
  });

  test('later records of refused early data are counted, and change nothing', () => {
    const server = sharing(1000, { replayGuard: () => false });
    const pair = comingBack(sessionFor({ server }), MESSAGES, { server });
    const early: Uint8Array[] = [];
    pair.intercept = (data, from) => {
      const refused =
        from === 'client' && recordsOf(data).some(({ type, epoch }) => type === 0 && epoch === 1);
      if (refused) early.push(data.slice());
      return refused ? [] : [data];
    };
    pair.handshake();
    for (const data of early) pair.inject(pair.server, data);
    assert.equal(pair.server.dropped['refused_early_data'], MESSAGES.length);
    assertRefused(pair, { reason: 'replayed' });
  });

  test("refused early data above the server's current limit is lost, which is counted", () => {
    const before = { server: sharing(5000) };
    const server = sharing(5000, { recordSizeLimit: 100, replayGuard: () => false });
    const large = [new Uint8Array(100), utf8('small')];
    const pair = comingBack(sessionFor(before), large, { server }).handshake();
    pair.runFor(100);
    assert.deepEqual(pair.server.messages, [utf8('small')]);
    assert.equal(pair.client.dropped['unsent_early_data'], 1);
  });

  test('early data of a client with only the ticket is not delivered, and the handshake fails', () => {
    const server = taking();
    const session = sessionFor({ server });
    const state = { ...session.state, secret: new Uint8Array(32) };
    const pair = comingBack({ ...session, state }, MESSAGES, { server }).connect();
    pair.runUntil(() => pair.server.isClosed, 10_000);
    assert.deepEqual(pair.server.endpoint.counters.earlyRefused, { binder: 1 });
    assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
    assert.deepEqual([...pair.server.early, ...pair.server.messages], []);
  });

  test('a guard that takes too long refuses early data: the client asks again, and is served without', () => {
    const server = taking();
    const pair = comingBack(sessionFor({ server }), MESSAGES, { server, jobs: 'by-hand' }).connect();
    pair.runFor(1);
    pair.answer(pair.client);
    pair.runFor(11_000);
    assert.deepEqual(pair.server.endpoint.counters.earlyRefused, { expired: 1 });
    assert.deepEqual(pair.server.entries, []);
    assert.equal(pair.server.endpoint.size, 0);
    const waits = (): boolean => pair.server.jobs.length + pair.client.jobs.length > 0;
    while (!pair.client.isConnected && pair.runUntil(waits, 20_000))
      pair.answer(pair.server.jobs.length > 0 ? pair.server : pair.client);
    pair.runFor(100);
    assert.deepEqual(pair.server.messages, MESSAGES);
    assert.deepEqual(pair.server.early, []);
  });
});

suite('early data that cannot be offered', () => {
  const CANNOT: Readonly<Record<string, Case>> = {
    'the ticket does not allow it': same({ ticketKeys: undefined }),
    'the client no longer offers the suite of the session': {
      before: { server: sharing() },
      now: { server: sharing(), client: { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' } },
    },
    'the client no longer offers its application protocol': {
      before: { server: sharing(1000, { alpn: ['a', 'b'] }), client: { alpn: ['a'] } },
      now: { server: sharing(1000, { alpn: ['a', 'b'] }), client: { alpn: ['b'] } },
    },
    'the session had no application protocol': {
      before: { server: sharing(1000, { alpn: ['a'] }) },
      now: { server: sharing(1000, { alpn: ['a'] }), client: { alpn: ['a'] } },
    },
  };
  for (const [why, one] of Object.entries(CANNOT)) {
    test(`${why}: early data is sent after the handshake, and no ClientHello offers it`, () => {
      const pair = comingBack(sessionFor(one.before ?? {}), MESSAGES, one.now ?? {});
      const hellos = watchHellos(pair);
      pair.handshake();
      assertRefused(pair, one);
      assert.ok(hellos.every((extensions) => !extensions.has(ExtensionType.early_data)));
    });
  }
});
