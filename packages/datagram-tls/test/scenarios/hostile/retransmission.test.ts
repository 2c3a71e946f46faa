import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sameBytes } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import type { JobAnswer } from '#lib/handshake/jobs.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, recordsOf } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;

for (const version of VERSIONS) {
  suite(`retransmission, ${version}`, () => {
    for (const role of ROLES) {
      test(`${role} retransmits after 1 s, then twice as long each time up to 60 s`, () => {
        const seconds = flightTimes(version, role, { handshakeTimeout: 400_000 }).map((ms) => ms / 1000);
        assert.deepEqual(seconds, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
      });

      test(`${role} has first timeout and cap from its options`, () => {
        const retransmission = { initial: 100, max: 300 };
        assert.deepEqual(
          flightTimes(version, role, { retransmission, handshakeTimeout: 1500 }),
          [0, 100, 300, 600, 900, 1200],
        );
      });

      test(`${role} gives up after the handshake timeout, 60 s by default`, () => {
        const { pair, began } = stalled(version, role, {});
        pair.runUntil(() => pair[role].isClosed, 100_000);
        assert.equal(pair.now - began, 60_000);
        assert.equal(pair[role].error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
        assert.equal(pair[role].error.source, 'network');
        assert.equal(pair[role].endpoint.size, 0);
      });

      test(`${role} never gives up when the handshake timeout is 0`, () => {
        const { pair } = stalled(version, role, { handshakeTimeout: 0 });
        pair.runFor(3_600_000);
        assert.equal(pair[role].phase, 'handshaking');
      });

      test(`${role} makes its datagrams smaller after repeated loss`, () => {
        const { pair, sent } = stalled(version, role, { mtu: 2000, handshakeTimeout: 200_000 });
        pair.runFor(64_000);
        const largest = sent.map((flight) => Math.max(...flight.datagrams.map((d) => d.length)));
        const bounds = [2000, 2000, 1232, 1232, 548, 548, 256];
        assert.equal(largest.length, bounds.length);
        for (const [i, bound] of bounds.entries())
          assert.ok((largest[i] ?? 0) <= bound, `transmission ${i}: ${largest[i]}`);
      });

      test(`${role} never changes a retransmitted message`, () => {
        const { pair, sent } = stalled(version, role, { mtu: 700, handshakeTimeout: 200_000 });
        pair.runFor(64_000);
        const [first, ...others] = sent.map((flight) => messagesOf(flight.datagrams));
        assert.ok(first && first.size > 0 && others.length > 4);
        for (const other of others) {
          assert.deepEqual([...other.keys()], [...first.keys()]);
          for (const [seq, body] of other) assert.ok(sameBytes(body, first.get(seq) ?? assert.fail()));
        }
      });
    }

    test('no record number is used twice in an epoch, whatever is retransmitted', () => {
      for (let seed = 0; seed < 20; seed++) {
        // Every other client has a ClientHello that goes out whole and cut in turn.
        const client = seed % 2 === 0 ? {} : { alpn: [1, 2, 3].map((n) => String(n).repeat(200)) };
        const pair = new Pair({ version, seed, client, weather: { loss: 0.3, jitter: 100 } });
        const used = new Map<string, Uint8Array>();
        pair.intercept = (data, from) => {
          for (const { epoch, sequence, whole } of recordsOf(data)) {
            const number = `${from} ${epoch}/${sequence}`;
            assert.ok(sameBytes(whole, used.get(number) ?? whole), number);
            used.set(number, whole);
          }
          return [data];
        };
        pair.explain(() => pair.handshake());
      }
    });

    for (const sender of ROLES) {
      test(`a handshake succeeds when the last flight of the ${sender} is lost repeatedly`, () => {
        const pair = new Pair({ version });
        let lost = 0;
        pair.intercept = (data, from) => {
          const last = from === sender && recordsOf(data).some(({ epoch }) => epoch > 0);
          return last && lost++ < 3 ? [] : [data];
        };
        pair.explain(() => pair.handshake());
        assert.ok(lost >= 3);
        pair.intercept = undefined;
        assertAlive(pair);
      });
    }

    test('server, long connected, answers a client that still repeats its last flight', () => {
      const pair = new Pair({ version, clientBehaviour: { handshakeTimeout: 500_000 } });
      // Lost is what the server says when it is done: its Finished in 1.2, its ACK in 1.3.
      pair.intercept = (data, from) => {
        const done = version === 'DTLSv1.2' || pair.server.isConnected;
        return done && from === 'server' && recordsOf(data).some(({ epoch }) => epoch > 0) ? [] : [data];
      };
      pair.connect().runFor(200_000);
      assert.ok(pair.server.isConnected);
      const { counters } = pair.client.entry.connection;
      const before = counters.retransmissions;
      assert.ok(before > 3);
      pair.intercept = undefined;
      pair.runFor(200_000);
      assert.equal(counters.retransmissions, before + 1);
      assertAlive(pair);
    });

    test('a peer that repeats its plaintext flight is answered once for each of our own timeouts', () => {
      const pair = new Pair({ version });
      const flights: Uint8Array[] = [];
      pair.intercept = (data, from) => {
        if (from === 'server' && plainFragments(data).length > 1) flights.push(data);
        return from === 'client' && flights.length > 0 ? [] : [data];
      };
      pair.connect();
      pair.runUntil(() => flights.length > 0, 500);
      const before = pair.client.entry.connection.counters.retransmissions;
      for (let i = 0; i < 1000; i++) for (const flight of flights) pair.inject(pair.client, flight);
      assert.ok(pair.client.entry.connection.counters.retransmissions - before <= 1);
    });
  });

  suite(`a peer that stops in the middle of the handshake, ${version}`, () => {
    for (const silent of ROLES) {
      test(`the peer of a ${silent} that became silent fails with a timeout and keeps nothing`, () => {
        for (let after = 0; after < 5; after++) {
          const pair = new Pair({ version });
          let heard = 0;
          pair.intercept = (data, from) => (from === silent && heard++ >= after ? [] : [data]);
          pair.connect().runFor(400_000);
          const other = pair[silent === 'client' ? 'server' : 'client'];
          if (other.entries.length === 0 || other.isConnected) continue;
          pair.explain(() => {
            assert.equal(other.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
            assert.equal(other.endpoint.size, 0);
            assert.equal(other.endpoint.pollTimeout(), undefined);
          });
        }
      });
    }
  });

  suite(`answers that take their time, ${version}`, () => {
    const MUTUAL = { client: CLIENTS.ed25519, server: { requestCert: true } };

    test('signatures and verdicts may take longer than several retransmissions', () => {
      const patient = { handshakeTimeout: 200_000 };
      const patience = { clientBehaviour: patient, serverBehaviour: patient };
      const weather = { loss: 0.1, jitter: 50 };
      const pair = new Pair({ version, ...MUTUAL, jobs: 9000, weather, ...patience });
      pair.explain(() => pair.handshake());
      assert.ok(pair.now > 4 * 9000);
      pair.network.weather = { ...pair.network.weather, loss: 0 };
      assertAlive(pair);
    });

    test('messages of the peer during a job are neither lost nor answered twice', () => {
      const pair = new Pair({ version, ...MUTUAL, jobs: 'by-hand' }).connect();
      pair.runFor(5000);
      while (pair.client.jobs.length + pair.server.jobs.length > 0) {
        pair.answer(pair.client.jobs.length > 0 ? pair.client : pair.server);
        pair.runFor(2500);
      }
      pair.explain(() => assert.ok(pair.client.isConnected && pair.server.isConnected));
      // The second is the end of the handshake in DTLS 1.2, and a ticket in 1.3.
      assert.equal(pair.server.flights('sent').length, 2);
      assertAlive(pair);
    });

    test('an answer of another kind, a second one and one that was not asked for throw and change nothing', () => {
      const pair = new Pair({ version, jobs: 'by-hand' }).connect().runFor(500);
      const { entry, id, job } = pair.server.jobs[0] ?? assert.fail();
      assert.equal(job.kind, 'sign');
      const signature = { kind: 'sign', signature: new Uint8Array(64) } as const;
      const refused = (jobId: number, answer: JobAnswer): void =>
        assert.throws(() => pair.server.endpoint.answer(entry, jobId, answer, pair.now), {
          code: 'ERR_DTLS_JOB',
        });
      refused(id, { kind: 'verify-peer', verdict: { ok: true } });
      for (const other of [0, -1, 0.5, id + 1, Number.NaN]) refused(other, signature);
      assert.equal(entry.connection.phase, 'handshaking');
      pair.answer(pair.server);
      refused(id, signature);
      pair.runFor(500);
      pair.answer(pair.client);
      pair.runFor(500);
      if (version === 'DTLSv1.2') {
        assert.equal(pair.server.jobs[0]?.job.kind, 'seal-ticket');
        pair.answer(pair.server);
        pair.runFor(500);
      }
      pair.explain(() => assert.ok(pair.client.isConnected && pair.server.isConnected));
      refused(id, signature);
      assertAlive(pair);
      pair.close(pair.client);
      pair.runFor(2000);
      refused(id, signature);
      pair.drain();
      assert.ok(pair.server.isClosed);
    });

    test('an answer to a job after the handshake timeout does nothing', () => {
      const pair = new Pair({ version, jobs: 'by-hand' }).connect().runFor(70_000);
      assert.ok(pair.server.isClosed);
      pair.answer(pair.server);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    });
  });
}

interface SentFlight {
  readonly at: number;
  readonly datagrams: Uint8Array[];
}

/**
 * A pair in which the first flight that `role` sends after the cookie is not answered, and what it sends of that flight,
 * one entry a transmission.
 */
function stalled(
  version: (typeof VERSIONS)[number],
  role: Role,
  behaviour: NonNullable<PairOptions['clientBehaviour']>,
) {
  const options = role === 'client' ? { clientBehaviour: behaviour } : { serverBehaviour: behaviour };
  const pair = new Pair({ version, ...options, weather: { latency: 0 } });
  const sent: SentFlight[] = [];
  pair.intercept = (data, from) => {
    if (role === 'server' && from === 'client') return sent.length > 0 ? [] : [data];
    if (role === 'server' && plainFragments(data)[0]?.messageSeq === 0) return [data];
    const last = sent.at(-1);
    if (last?.at === pair.now) last.datagrams.push(data);
    else sent.push({ at: pair.now, datagrams: [data] });
    return [];
  };
  pair.connect();
  pair.runUntil(() => sent.length > 0, 10);
  return { pair, sent, began: pair.now };
}

/** When the flights of a stalled side came, ms after the first. */
function flightTimes(
  version: (typeof VERSIONS)[number],
  role: Role,
  behaviour: NonNullable<PairOptions['clientBehaviour']>,
): number[] {
  const { pair, sent, began } = stalled(version, role, behaviour);
  pair.runUntil(() => pair[role].isClosed, 1_000_000);
  return sent.filter((flight) => !isAlert(flight)).map((flight) => flight.at - began);
}

function isAlert({ datagrams }: SentFlight): boolean {
  return datagrams.every((datagram) => plainFragments(datagram).length === 0);
}

/** Bodies by message_seq, put together from the fragments of one transmission. */
function messagesOf(datagrams: readonly Uint8Array[]): Map<number, Uint8Array> {
  const bodies = new Map<number, Uint8Array>();
  for (const { messageSeq, length, fragmentOffset, fragment } of datagrams.flatMap(plainFragments)) {
    const body = bodies.get(messageSeq) ?? new Uint8Array(length);
    body.set(fragment, fragmentOffset);
    bodies.set(messageSeq, body);
  }
  return bodies;
}
