// Damaged states that are taken for good are sessions like others: they end nothing but themselves.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { decodeState, encodeState } from '#lib/connection/saved-state.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { Reader, Writer } from '#lib/wire/cursor.js';
import { assertAlive } from '../../support/alive.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../../support/settings.js';

const LOSSY = { loss: 0.15, duplication: 0.1, jitter: 30 } as const;
const WITH_IDS = { clientBehaviour: { connectionId: 8 }, serverBehaviour: { connectionId: 8 } } as const;
const HOUR = 3_600_000;
const TIMES = { age: 0, now: 0 };

/** What a call of the application may throw for a session that is not as it should be. */
const EXPECTED = new Set([
  'ERR_DTLS_STATE',
  'ERR_INVALID_STATE',
  'ERR_OUT_OF_RANGE',
  'ERR_DTLS_REBIND',
  'ERR_DTLS_KEY_LIMIT',
]);

interface Export {
  readonly state: Uint8Array;
  /** Datagrams of its client. */
  readonly datagrams: readonly Uint8Array[];
}

/** States of a server's session at different moments. */
function exportsOf(version: TestedVersion): readonly Export[] {
  return [
    exportAt(version, 1, (pair) => void pair.runFor(100)),
    exportAt(version, 2, (pair) => {
      if (version === 'DTLSv1.3')
        pair.server.endpoint.updateKeys(pair.server.entry, { requestPeer: true }, pair.now);
    }),
    exportAt(version, 3, ({ server: { endpoint, entry } }) => void endpoint.send(entry, new Uint8Array(30))),
    exportAt(version, 4, (pair) => {
      pair.rebind(pair.client);
      pair.send(pair.client, new Uint8Array(9));
      pair.runFor(5);
    }),
    exportAt(version, 5, (pair) => {
      pair.runFor(300_000);
      pair.server.entry.connection.checkpoint(64, pair.now);
    }),
  ];
}

function exportAt(version: TestedVersion, seed: number, prepare: (pair: Pair) => void): Export {
  const pair = new Pair({ version, seed, weather: LOSSY, ...WITH_IDS }).handshake();
  const datagrams: Uint8Array[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from === 'client') datagrams.push(data);
  };
  for (let i = 0; i < 3; i++) {
    pair.send(pair.client, new Uint8Array(20));
    pair.send(pair.server, new Uint8Array(20));
    pair.runFor(50);
  }
  prepare(pair);
  const state = pair.server.endpoint.save(pair.server.entry, pair.now);
  // For afterwards.
  for (let i = 0; i < 3; i++) pair.send(pair.client, new Uint8Array(20));
  pair.runFor(100);
  return { state, datagrams };
}

function damaged(state: Uint8Array, random: Random): Uint8Array {
  const bytes = state.slice();
  for (let flips = random.below(4); flips >= 0; flips--)
    bytes[random.below(bytes.length)] = random.pick([0, 1, 255, random.below(256)]);
  if (random.chance(0.8)) return bytes;
  const at = random.below(bytes.length);
  return random.chance(0.5)
    ? Uint8Array.of(...bytes.subarray(0, at), ...random.bytes(1 + random.below(3)), ...bytes.subarray(at))
    : Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(3)));
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(EXPECTED.has(String((error as { code?: unknown }).code)), (error as Error).stack);
    return undefined;
  }
}

/** What an application and a peer do to a session; `receive` and timers throw nothing at all. */
function use(
  endpoint: Endpoint,
  entry: ConnectionEntry,
  { datagrams }: Export,
  { address, port, family }: PeerAddress,
  now: number,
  random: Random,
): void {
  const calls: readonly (() => unknown)[] = [
    () => endpoint.send(entry, new Uint8Array(random.below(100))),
    () => endpoint.hibernate(entry, now),
    () => endpoint.updateKeys(entry, { requestPeer: random.chance(0.5) }, now),
    () => endpoint.renewConnectionId(entry, now),
    () => endpoint.leavePath(entry, now),
    () => endpoint.closeSending(entry, now),
    () => endpoint.close(entry, now),
    () => endpoint.save(entry, now),
    () => endpoint.validatePath(entry),
    () => endpoint.refusePath(entry, now),
    () => endpoint.handleTooLarge(entry, 600 + random.below(900), now),
    () => [entry.connection.session, entry.connection.path, entry.connection.connectionIds, entry.peer],
  ];
  for (let i = 0; i < 4; i++) {
    if (random.chance(0.6)) endpoint.receive(random.pick(datagrams), address, port, family, now);
    else attempt(random.pick(calls));
  }
}

/** The same state with an empty connection ID of its own. */
function withEmptyId(state: Uint8Array): Uint8Array {
  const saved = decodeState(state);
  const r = new Reader(saved.current);
  const w = new Writer().u8(r.u8()).u8(r.u8()).vec8(r.vec8());
  const count = r.u8();
  w.u8(count);
  for (let i = 0; i < count; i++) {
    const cid = r.vec8();
    w.vec8(i === count - 1 ? new Uint8Array(0) : cid);
  }
  return encodeState({ ...saved, current: w.bytes(r.rest()).finish() });
}

/** Where both limits of records are, of 16 KiB each, of which a connection ID may take a byte. */
function limitsAt(bytes: Uint8Array): number {
  const at = Math.max(
    ...['40004000', '3fff4000'].map((limits) => Buffer.from(bytes).indexOf(limits, 0, 'hex')),
  );
  assert.ok(at >= 0);
  return at;
}

suite('sessions that go on from damaged states', () => {
  for (const version of VERSIONS) {
    test(`${version}: do not get the records of others by an empty connection ID`, () => {
      const { state } = exportAt(version, 7, (pair) => void pair.runFor(100));
      const pair = new Pair({ version, seed: 92, ...WITH_IDS });
      const service = { security: security('server', version), behaviour: behaviour() };
      const address = { address: '198.51.100.1', family: 'IPv4', port: 1 } as const;
      assert.throws(
        () => pair.server.endpoint.restore(withEmptyId(state), service, { age: 0, now: 0 }, address),
        { code: 'ERR_DTLS_STATE' },
      );
      pair.handshake();
      pair.rebind(pair.client);
      assertAlive(pair);
    });

    test(`${version}: are refused as damaged with a port that is none`, () => {
      const { state } = exportAt(version, 7, (pair) => void pair.runFor(100));
      const saved = decodeState(state);
      const service = { security: security('server', version), behaviour: behaviour() };
      const restore = (port: number): ConnectionEntry =>
        new Endpoint(UNLIMITED).restore(
          encodeState({ ...saved, peer: { ...saved.peer, port } }),
          service,
          TIMES,
        );
      assert.equal(restore(65_535).peer.port, 65_535);
      for (const port of [65_536, 1_857_306])
        assert.throws(() => restore(port), { code: 'ERR_DTLS_STATE', reason: 'UNREADABLE' });
    });

    test(`${version}: are refused as damaged with records that no two sides agree on`, () => {
      const { state } = exportAt(version, 7, (pair) => void pair.runFor(100));
      const saved = decodeState(state);
      const service = { security: security('server', version), behaviour: behaviour() };
      const restore = (send: readonly [number, number]): ConnectionEntry => {
        const fixed = saved.fixed.slice();
        fixed.set(send, limitsAt(fixed));
        const current = saved.current.slice();
        current.set(send, limitsAt(current));
        const address = { address: '198.51.100.1', family: 'IPv4', port: 1 } as const;
        return new Endpoint(UNLIMITED).restore(
          encodeState({ ...saved, fixed, current }),
          service,
          TIMES,
          address,
        );
      };
      assert.equal(restore([0x00, 0x40]).peer.port, 1);
      for (const send of [
        [0, 0],
        [0, 12],
        [0x40, 0x01],
      ] as const)
        assert.throws(() => restore(send), { code: 'ERR_DTLS_STATE' });
    });

    test(`${version}: leave a sound one of their endpoint alone, and end`, () => {
      const exports = exportsOf(version);
      new Pair({ version, seed: 92, ...WITH_IDS }).handshake().explain((pair) => {
        const { endpoint } = pair.server;
        const service = {
          security: security('server', version),
          behaviour: behaviour({ hibernateAfter: 6000, idleTimeout: HOUR }),
        };
        const random = new Random(92);
        const newest = new Map<Export, ConnectionEntry>();
        let taken = 0;
        for (let i = 0; i < casesOf(10_000); i++) {
          const of = random.pick(exports);
          // Two of one session have the same connection IDs.
          const before = newest.get(of);
          if (before !== undefined && before.connection.phase !== 'closed')
            endpoint.abandon(before, undefined);
          pair.drain();
          const address = { address: '198.51.100.1', family: 'IPv4', port: 1 + i } as const;
          const times = { age: random.below(3) * 9000, now: pair.now };
          const entry = attempt(() => endpoint.restore(damaged(of.state, random), service, times, address));
          if (entry !== undefined) {
            taken++;
            newest.set(of, entry);
            use(endpoint, entry, of, address, pair.now, random);
            pair.drain();
          }
          if (i % 50 === 0) assertAlive(pair);
          if (i % 200 === 0) pair.runFor(20_000);
        }
        assert.ok(taken > 50, `${taken}`);
        pair.runFor(1000);
        assertAlive(pair);
        for (const each of [...endpoint.entries()])
          if (each !== pair.server.entry) endpoint.abandon(each, undefined);
        pair.drain();
        assert.equal(endpoint.size, 1);
        assert.equal(endpoint.heldBytes, 0);
        assertAlive(pair);
      });
    });
  }
});
