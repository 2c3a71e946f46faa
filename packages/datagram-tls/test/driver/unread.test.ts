// Siege cases A5 and A11, over sockets: messages that an application does not read, and what endpoints hold for later.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type DTLSSession, type ListenOptions, listen } from '#lib/index.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { SERVERS } from '../support/identities.js';
import { fragmentRecord } from '../support/records.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, echoServer, until } from './echo.js';
import { type Nat, openNat } from './nat.js';

/** Bytes of a message, and what one costs. */
const SIZE = 100;
const COST = SIZE + 512;

/** A server whose application reads nothing. */
function deafServer(options: Partial<ListenOptions>): EchoServer {
  const sessions: DTLSSession[] = [];
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
  };
  const endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
  return { endpoint, port: endpoint.address?.port ?? 0, sessions };
}

function received({ stats }: DTLSSession): number {
  return Number(stats.messagesReceived);
}

function dropped({ drops }: DTLSSession): number {
  return drops.slow_reader ?? 0;
}

/** Such as records that the peer sends again on a busy machine. */
function droppedOtherwise({ drops }: DTLSSession): number {
  return Object.entries(drops).reduce((sum, [reason, n]) => (reason === 'slow_reader' ? sum : sum + n), 0);
}

/** Sends numbered messages until `count` have arrived; what the system loses counts for nothing. */
async function fill(from: DTLSSession, to: DTLSSession, count: number): Promise<void> {
  let next = 0;
  await until(
    () => received(to) >= count,
    () => void from.send(Buffer.alloc(SIZE, next++)),
  );
}

/** What waits in the session, by the first byte of each message. */
function waitingIn(session: DTLSSession): number[] {
  const found: number[] = [];
  session.onmessage = (data) => void found.push(data[0] ?? -1);
  return found;
}

async function opened(server: EchoServer, options = {}): Promise<[DTLSSession, DTLSSession]> {
  const session = client(server.port, options);
  const port = (): number | undefined => session.endpoint.address?.port;
  await session.opened;
  const at = server.sessions.find(({ remoteAddress }) => remoteAddress?.port === port());
  return [session, at ?? assert.fail('no session')];
}

/** Ends both ends without a wait for each other. */
function destroy(server: EchoServer, clients: readonly DTLSSession[]): Promise<unknown> {
  for (const session of clients) session.destroy();
  server.endpoint.destroy();
  return Promise.all([server.endpoint.closed, ...clients.map(({ closed }) => closed)]);
}

for (const version of VERSIONS) {
  suite(`an application that reads nothing, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version };

    test('its session keeps the newest messages within maxUnreadBytes and counts the others as slow_reader', async () => {
      const server = deafServer({ ...versions, maxUnreadBytes: 20 * COST });
      const [session, slow] = await opened(server);
      await fill(session, slow, 100);
      const total = received(slow);
      assert.equal(dropped(slow), total - 20);
      assert.equal(Number(slow.stats.droppedCount) - droppedOtherwise(slow), total - 20);
      const waiting = waitingIn(slow);
      await until(() => waiting.length >= 20);
      assert.deepEqual(
        waiting,
        [...waiting].sort((a, b) => a - b),
      );
      assert.equal(dropped(slow), total - 20);
      await destroy(server, [session]);
    });

    test('all its sessions together keep what maxUnreadBytesInAll allows, and one that is read loses nothing', async () => {
      const server = deafServer({ ...versions, maxUnreadBytesInAll: 50 * COST });
      const pairs: [DTLSSession, DTLSSession][] = [];
      for (let i = 0; i < 10; i++) pairs.push(await opened(server));
      const [reading, ...others] = pairs;
      const [sender, reader] = reading ?? assert.fail();
      const read: number[] = [];
      reader.onmessage = (data) => void read.push(data.length);
      await Promise.all(others.map(([from, to]) => fill(from, to, 20)));
      await fill(sender, reader, 20);
      const slow = others.map(([, session]) => session);
      const total = slow.reduce((sum, session) => sum + received(session), 0);
      const lost = slow.reduce((sum, session) => sum + dropped(session), 0);
      assert.equal(total - lost, 50);
      assert.deepEqual([read.length, dropped(reader)], [received(reader), 0]);
      const waiting = slow.map(waitingIn);
      await until(() => waiting.flat().length >= 50);
      await destroy(
        server,
        pairs.map(([session]) => session),
      );
    });

    test('a session that is over gives back what it kept, to those that remain', async () => {
      const server = deafServer({ ...versions, maxUnreadBytesInAll: 10 * COST });
      const [first, second] = [await opened(server), await opened(server)];
      await fill(first[0], first[1], 10);
      first[1].destroy();
      await fill(second[0], second[1], 10);
      assert.equal(dropped(second[1]), received(second[1]) - 10);
      await destroy(server, [first[0], second[0]]);
    });
  });
}

suite('what an endpoint holds for later, over sockets', () => {
  const LIMIT = 40_000;
  const PIECE = 1000;

  /** A client that goes silent after its cookie. */
  async function halfOpen(server: EchoServer): Promise<Nat> {
    const before = server.sessions.length;
    const nat = await openNat(server.port);
    const session = client(nat.port, { maxVersion: 'DTLSv1.2' });
    session.onerror = () => undefined;
    await until(() => server.sessions.length > before);
    nat.forget();
    session.destroy();
    return nat;
  }

  /** Pieces of a Certificate that is never whole. */
  function stuff(nat: Nat): void {
    for (let i = 0; i < 12; i++) {
      const fragment = new Uint8Array(PIECE).fill(i);
      const shape = { type: HandshakeType.certificate, messageSeq: 2, length: 60_000, fragment };
      nat.inject(fragmentRecord({ ...shape, fragmentOffset: 2 * i * PIECE }, { sequence: 100 + i }));
    }
  }

  test('bytesHeld rises with parts of messages, stays within maxHeldBytes by evictions, and falls with the sessions', async () => {
    const server = echoServer({ maxVersion: 'DTLSv1.2', maxHeldBytes: LIMIT });
    const { endpoint } = server;
    const held = (): number => Number(endpoint.stats.bytesHeld);
    const evictions = (): number => Number(endpoint.stats.heldEvictions);
    const nats: Nat[] = [];
    for (let i = 0; i < 4; i++) nats.push(await halfOpen(server));
    const [first, second, ...others] = nats;
    assert.ok(first && second);
    assert.deepEqual([held(), evictions()], [0, 0]);
    await until(
      () => held() > 12 * PIECE,
      () => stuff(first),
    );
    const ofOne = held();
    assert.ok(ofOne < LIMIT && evictions() === 0);
    await until(
      () => held() > ofOne + 12 * PIECE,
      () => stuff(second),
    );
    assert.equal(evictions(), 0);
    await until(
      () => evictions() >= 2,
      () => {
        for (const nat of others) stuff(nat);
        assert.ok(held() <= LIMIT, `${held()} bytes are held`);
      },
    );
    const oldest = server.sessions[0] ?? assert.fail();
    assert.equal(oldest.drops.evicted, 1);
    for (const session of server.sessions) {
      const before = held();
      session.destroy();
      assert.ok(held() <= before);
    }
    assert.equal(held(), 0);
    for (const nat of nats) nat.close();
    await endpoint.close();
  });
});
