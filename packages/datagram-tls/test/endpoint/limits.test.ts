import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ContentType } from '#lib/wire/codes.js';
import { Crowd, type Member } from '../support/crowd.js';
import { unifiedRecord } from '../support/records.js';
import { VERSIONS } from '../support/settings.js';

// Siege cases A9 and A10: crowds that hold the places of an endpoint and say nothing more.

const oneHost = (): string => '10.0.0.1';
const manyHosts = (i: number): string => `10.1.${i >> 8}.${i & 255}`;
const NEW_CLIENT = '10.9.9.9';
/** ms. */
const SOON = 2000;
const EVICT_AFTER = 10_000;

for (const version of VERSIONS) {
  suite(`a full endpoint, ${version}`, () => {
    test('a full endpoint accepts a new client within 2 s while another host holds all places with silent sessions', () => {
      const crowd = new Crowd(version, { maxSessions: 20 });
      const silent = crowd.clients(20, oneHost);
      vanish(silent);
      assert.equal(crowd.server.size, 20);
      const time = crowd.timeToOpen(crowd.client(NEW_CLIENT, 1), SOON);
      assert.ok(time !== undefined && time <= SOON);
      assert.equal(crowd.server.size, 20);
      assert.equal(crowd.server.counters.sessionsEvicted, 1);
      assert.deepEqual(crowd.closed, [{ entry: crowd.closed[0]?.entry, code: 'ERR_DTLS_EVICTED' }]);
    });

    test('a full endpoint accepts a new client at once while another host holds all places with unfinished handshakes', () => {
      const crowd = new Crowd(version, { maxHandshakes: 20, maxSessions: 20 });
      crowd.clients(20, oneHost, true);
      assert.deepEqual([crowd.server.size, crowd.server.handshakes], [20, 20]);
      const newClient = crowd.client(NEW_CLIENT, 1);
      assert.equal(newClient.entry.connection.phase, 'open');
      assert.deepEqual([crowd.server.size, crowd.server.handshakes], [20, 19]);
      assert.equal(crowd.server.counters.handshakesEvicted, 1);
    });

    test('a full endpoint accepts a new client within 2 s while many hosts hold all places with one unfinished handshake each', () => {
      const crowd = new Crowd(version, { maxHandshakes: 30 });
      crowd.clients(30, manyHosts, true);
      const newClient = crowd.client(NEW_CLIENT, 1);
      assert.equal(newClient.openedAt, undefined);
      const time = crowd.timeToOpen(newClient, SOON);
      assert.ok(time !== undefined && time <= SOON);
      assert.equal(crowd.server.handshakes, 29);
    });

    test('a full endpoint accepts a new client within 2 s when many hosts with one session each were silent for evictAfter', () => {
      const crowd = new Crowd(version, { maxSessions: 30 });
      vanish(crowd.clients(30, manyHosts));
      crowd.wait(EVICT_AFTER);
      const time = crowd.timeToOpen(crowd.client(NEW_CLIENT, 1), SOON);
      assert.ok(time !== undefined && time <= SOON);
    });

    test('a host counts a session whose client is there now, and no more one whose client has left', () => {
      const crowd = new Crowd(version, { maxSessionsPerHost: 1, evictAfter: 0 }, { connectionId: 8 });
      const member = crowd.client('10.0.0.1', 1);
      crowd.say(crowd.move(member, { address: '10.7.7.7', family: 'IPv4', port: 2 }));
      crowd.wait(SOON);
      assert.equal(crowd.client('10.7.7.7', 3).openedAt, undefined);
      assert.deepEqual(
        crowd.refusals.map(({ peer, reason }) => [peer.address, reason]),
        [['10.7.7.7', 'max_sessions_per_host']],
      );
      assert.notEqual(crowd.client('10.0.0.1', 4).openedAt, undefined);
    });

    test('a full host gets another client in when its other sessions were silent for evictAfter', () => {
      const crowd = new Crowd(version, { maxSessionsPerHost: 10 });
      vanish(crowd.clients(10, oneHost));
      const early = crowd.client(oneHost(), 1);
      assert.equal(early.openedAt, undefined);
      crowd.wait(EVICT_AFTER);
      const time = crowd.timeToOpen(early, 60_000);
      assert.ok(time !== undefined);
      assert.equal(crowd.server.size, 10);
    });

    test('a full endpoint keeps active sessions, however many clients come, and evicts the one that was silent longest', () => {
      const crowd = new Crowd(version, { maxSessions: 4 });
      const [first = assert.fail(), second = assert.fail(), ...rest] = crowd.clients(4, manyHosts);
      const speakers = [first, ...rest];
      for (let i = 0; i < 3; i++) {
        crowd.wait(EVICT_AFTER / 2);
        for (const speaker of speakers) crowd.say(speaker);
      }
      second.silent = true;
      crowd.client('10.2.0.1', 1);
      assert.deepEqual(
        crowd.closed.map(({ entry }) => entry.peer),
        [second.address],
      );
      for (let i = 2; i < 30; i++) crowd.client(`10.2.0.${i}`, 1);
      assert.equal(crowd.closed.length, 1);
      for (const speaker of speakers) assert.equal(speaker.entry.connection.phase, 'open');
      assert.equal(crowd.server.counters.refusedBy.max_sessions, 28);
    });

    test('a crowd of hosts with many associations takes no place from a quiet session whose host has few', () => {
      const crowd = new Crowd(version, { maxSessions: 12, maxSessionsPerHost: 6 });
      const [quiet = assert.fail()] = crowd.clients(1, () => '10.5.0.1');
      crowd.wait(EVICT_AFTER);
      // Two hosts hold the other places and go on coming.
      for (let i = 0; i < 60; i++) {
        crowd.client(`10.6.0.${i & 1}`, 1000 + i);
        crowd.wait(100);
      }
      assert.equal(quiet.entry.connection.phase, 'open');
      assert.equal(crowd.server.size, 12);
    });

    test('a host with many unfinished handshakes takes at most one place from quiet hosts', () => {
      const crowd = new Crowd(version, { maxSessions: 20 });
      const quiet = crowd.clients(20, manyHosts);
      crowd.wait(EVICT_AFTER);
      for (let i = 0; i < 10; i++) crowd.client('10.7.0.1', 3000 + i, true);
      const open = quiet.filter(({ entry }) => entry.connection.phase === 'open');
      assert.equal(open.length, 19);
    });

    test('a handshake in progress is not evicted by others of its own host', () => {
      const crowd = new Crowd(version, { maxHandshakes: 3 });
      const [first = assert.fail()] = crowd.clients(3, oneHost, true);
      for (let i = 0; i < 10; i++) crowd.client(oneHost(), 2000 + i, true);
      first.silent = false;
      crowd.wait(500);
      assert.equal(crowd.server.counters.handshakesEvicted, 0);
      assert.ok((crowd.server.counters.refusedBy.max_handshakes ?? 0) >= 10);
    });

    test('a crowd of unfinished handshakes does not lower maxSessions', () => {
      const crowd = new Crowd(version, { maxSessions: 10, maxHandshakes: 5 });
      crowd.clients(5, oneHost, true);
      const honest = Array.from({ length: 10 }, (_, i) => crowd.client(manyHosts(i), 1));
      crowd.wait(SOON);
      assert.ok(honest.every(({ openedAt }) => openedAt !== undefined));
      assert.deepEqual([crowd.server.size, crowd.server.handshakes], [10, 0]);
    });

    test('an endpoint never holds more than its limits, whatever comes', () => {
      const limits = { maxSessions: 12, maxSessionsPerHost: 5, maxHandshakes: 4 };
      const crowd = new Crowd(version, limits);
      for (let i = 0; i < 150; i++) {
        crowd.client(`10.3.0.${i % 7}`, 3000 + i, i % 3 === 0);
        crowd.wait((i % 5) * 700);
        assert.ok(crowd.server.size <= limits.maxSessions, `${crowd.server.size} associations`);
        assert.ok(crowd.server.handshakes <= limits.maxHandshakes);
      }
    });

    test('clients that begin again at one address have a place each where connection IDs keep their sessions apart', () => {
      for (const [limits, reason] of [
        [{ maxSessions: 5 }, 'max_sessions'],
        [{ maxSessionsPerHost: 5 }, 'max_sessions_per_host'],
      ] as const) {
        const crowd = new Crowd(version, limits, { connectionId: true });
        for (let i = 0; i < 20; i++) crowd.client(oneHost(), 1);
        assert.equal(crowd.server.size, 5);
        assert.deepEqual(crowd.server.counters.refusedBy, { [reason]: 15 });
      }
    });

    test('a client that begins again takes the place of its session, which has no connection ID, on a full endpoint', () => {
      for (const manner of [{}, { connectionId: true }]) {
        const crowd = new Crowd(version, { maxSessions: 1, maxSessionsPerHost: 1 }, manner);
        const none = manner.connectionId === true ? { connectionId: false } : {};
        crowd.client(oneHost(), 1, false, none);
        const again = crowd.client(oneHost(), 1, false, none);
        assert.equal(again.entry.connection.phase, 'open');
        assert.equal(crowd.server.size, 1);
      }
    });

    test('evictAfter 0 evicts no session, only handshakes', () => {
      const crowd = new Crowd(version, { maxSessions: 2, evictAfter: 0 });
      vanish(crowd.clients(2, oneHost));
      crowd.wait(1_000_000);
      crowd.client(NEW_CLIENT, 1);
      assert.equal(crowd.server.counters.sessionsEvicted, 0);
      assert.deepEqual(crowd.server.counters.refusedBy, { max_sessions: 1 });
    });

    test('an evicted session gets close_notify', () => {
      const crowd = new Crowd(version, { maxSessions: 1 });
      const idle = crowd.client('10.0.0.1', 1);
      crowd.wait(EVICT_AFTER);
      crowd.client(NEW_CLIENT, 1);
      assert.equal(idle.entry.connection.phase, 'closed');
    });

    test('an IPv6 /64 is one host, and another prefix where requested', () => {
      const address = (i: number): string => `2001:db8:0:${i % 2}::${i.toString(16)}`;
      const crowd = new Crowd(version, { maxSessionsPerHost: 4 });
      crowd.clients(20, address);
      assert.equal(crowd.server.size, 8);
      const wider = new Crowd(version, { maxSessionsPerHost: 4, hostPrefix: { ipv4: 32, ipv6: 56 } });
      wider.clients(20, address);
      assert.equal(wider.server.size, 4);
    });

    test('refusals are reported with address, reason and number, at most once a second for each reason', () => {
      const crowd = new Crowd(version, { maxSessions: 1, maxSessionsPerHost: 1 });
      crowd.client(oneHost(), 1);
      for (let i = 2; i < 50; i++) crowd.client(oneHost(), i).silent = true;
      for (let i = 1; i < 40; i++) crowd.client(manyHosts(i), i).silent = true;
      assert.deepEqual(
        crowd.refusals.map(({ peer, reason, count }) => [peer.address, peer.port, reason, count]),
        [
          ['10.0.0.1', 2, 'max_sessions_per_host', 1],
          ['10.1.0.1', 1, 'max_sessions', 1],
        ],
      );
      assert.deepEqual(crowd.server.counters.refusedBy, { max_sessions_per_host: 48, max_sessions: 39 });
      crowd.wait(1000);
      crowd.client(manyHosts(99), 1);
      assert.deepEqual(crowd.refusals.at(-1), {
        peer: { address: '10.1.0.99', family: 'IPv4', port: 1 },
        reason: 'max_sessions',
        count: 39,
      });
    });
  });

  suite(`idleTimeout, ${version}`, () => {
    const limit = 60_000;

    test('idleTimeout ends a session whose peer was silent for that long, with close_notify and a code', () => {
      const crowd = new Crowd(version, {}, { idleTimeout: limit });
      const client = crowd.client('10.0.0.1', 1);
      crowd.wait(limit - 1);
      assert.equal(crowd.server.size, 1);
      crowd.wait(1);
      assert.equal(crowd.server.size, 0);
      assert.deepEqual(
        crowd.closed.map(({ code }) => code),
        ['ERR_DTLS_IDLE_TIMEOUT'],
      );
      assert.equal(client.entry.connection.phase, 'closed');
      assert.equal(crowd.server.pollTimeout(), undefined);
    });

    test('any authentic record counts as a sign of life, and forged datagrams do not', () => {
      const crowd = new Crowd(version, {}, { idleTimeout: limit });
      const client = crowd.client('10.0.0.1', 1);
      crowd.wait(limit - 1);
      crowd.say(client);
      crowd.wait(limit - 1);
      assert.equal(crowd.server.size, 1);
      crowd.inject(forgery(version), client);
      crowd.wait(1);
      assert.equal(crowd.server.size, 0);
    });

    test('a received record does not move the endpoint’s wake-up', () => {
      const crowd = new Crowd(version, {}, { idleTimeout: limit });
      const client = crowd.client('10.0.0.1', 1);
      // What the handshake still keeps is forgotten.
      crowd.wait(10_000);
      // It rested, and a pause begins with the first record.
      crowd.say(client);
      crowd.wait(1);
      const before = crowd.server.pollTimeout();
      for (let records = 0; records < 3; records++) crowd.say(client);
      assert.equal(crowd.server.pollTimeout(), before);
    });

    test('idleTimeout is half an hour on a server by default', () => {
      const crowd = new Crowd(version);
      vanish([crowd.client('10.0.0.1', 1)]);
      crowd.wait(1_799_999);
      assert.equal(crowd.server.size, 1);
      crowd.wait(1);
      assert.equal(crowd.server.size, 0);
    });

    test('idleTimeout 0 lets a session live without limit', () => {
      const crowd = new Crowd(version, {}, { idleTimeout: 0 });
      vanish([crowd.client('10.0.0.1', 1)]);
      crowd.wait(1e12);
      assert.equal(crowd.server.size, 1);
    });
  });
}

suite('a full endpoint without cookies', () => {
  // In DTLS 1.2 the first flight is too large for an address that is not validated.
  test('an association whose path is not validated gives no place to a client that begins again at its address', () => {
    const crowd = new Crowd('DTLSv1.3', { maxSessions: 1, cookies: 'under-load' });
    crowd.client(oneHost(), 1, true);
    assert.equal(crowd.server.handshakes, 0);
    crowd.client(NEW_CLIENT, 1);
    const again = crowd.client(oneHost(), 1);
    assert.equal(again.openedAt, undefined);
    assert.deepEqual(crowd.server.counters.refusedBy, { max_sessions: 1 });
  });
});

function vanish(members: readonly Member[]): void {
  for (const member of members) member.silent = true;
}

/** A record of the session's epoch that is not authentic. */
function forgery(version: (typeof VERSIONS)[number]): Uint8Array {
  const junk = new Uint8Array(40).fill(0x5a);
  if (version === 'DTLSv1.3') return unifiedRecord(3, 77, junk);
  const header = [ContentType.application_data, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 77, 0, junk.length];
  return Uint8Array.of(...header, ...junk);
}
