import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ListenOptions } from '#lib/index.js';
import { NO_IPV6 } from '../support/loopback.js';
import { client, type EchoServer, echoServer, roundTrip, until } from './echo.js';
import { type Nat, openNat } from './nat.js';

/** Sends all `datagrams` to a port from a new socket, no faster than a server in this process can read them. */
async function pour(port: number, datagrams: Iterable<Uint8Array>): Promise<void> {
  const socket = createSocket('udp4');
  let n = 0;
  for (const datagram of datagrams) {
    socket.send(datagram, port, '127.0.0.1');
    if (++n % 16 === 0) await nextTurn();
  }
  await sleep(50);
  socket.close();
}

/** Deterministic bytes; the first of each looks like a record now and then. */
function* junk(count: number): Iterable<Uint8Array> {
  let state = 0x9e3779b9;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < count; i++) {
    const datagram = Uint8Array.from({ length: next() % 80 }, () => next());
    if (i % 3 === 0 && datagram.length > 13)
      datagram.set([22, 0xfe, 0xfd, 0, i % 2, 0, 0, 0, 0, 0, 0, 0, datagram.length - 13]);
    yield datagram;
  }
}

/** A ClientHello without a cookie: any host can send it. Its random is all ones. */
const CLIENT_HELLO = Uint8Array.of(
  ...[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 54],
  ...[1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42],
  ...[0xfe, 0xfd, ...new Array<number>(32).fill(1), 0, 0, 0, 2, 0xc0, 0x2b, 1, 0],
);

/** An echo server, and a NAT before it. */
async function behindNat(
  options: Partial<ListenOptions> = {},
): Promise<{ server: EchoServer; nat: Nat; close: () => Promise<void> }> {
  const server = echoServer(options);
  const nat = await openNat(server.port);
  const close = async (): Promise<void> => {
    nat.close();
    await server.endpoint.close();
  };
  return { server, nat, close };
}

describe('one server socket', () => {
  for (const host of ['127.0.0.1', '::1']) {
    const skip = host === '::1' && NO_IPV6;
    it(`a server serves 50 clients at once over ${host}`, { skip }, async () => {
      const server = echoServer({ host });
      const clients = Array.from({ length: 50 }, () => client(server.port, {}, host));
      await Promise.all(clients.map((session) => session.opened));
      const answers = await Promise.all(clients.map((session, i) => roundTrip(session, `message ${i}`)));
      assert.deepEqual(
        answers,
        clients.map((_, i) => `message ${i}`),
      );
      await Promise.all(clients.map((session) => session.close()));
      await server.endpoint.close();
      assert.equal(server.sessions.length, 50);
      assert.ok(server.sessions.every((session) => session.destroyed));
    });
  }

  it('a server accepts a client that restarts on the same port, and ends its old session when the new one is proved', async () => {
    const { server, nat, close } = await behindNat();
    const first = client(nat.port);
    await first.opened;
    nat.forget();
    const second = client(nat.port);
    await second.opened;
    assert.equal(await roundTrip(second, 'again'), 'again');
    assert.equal(server.sessions.length, 2);
    assert.equal(server.sessions[0]?.destroyed, true);
    assert.equal(server.sessions[1]?.destroyed, false);
    await second.close();
    first.destroy();
    await close();
  });

  it('a server accepts a restarted client also when it is full', async () => {
    const { server, nat, close } = await behindNat({ maxSessionsPerHost: 1 });
    const first = client(nat.port);
    await first.opened;
    nat.forget();
    const second = client(nat.port);
    await second.opened;
    assert.equal(server.endpoint.stats.serverRefusedCount, 0n);
    await second.close();
    first.destroy();
    await close();
  });

  it('a server keeps a session when a ClientHello comes from its address', async () => {
    const { server, nat, close } = await behindNat();
    const session = client(nat.port);
    await session.opened;
    nat.inject(CLIENT_HELLO);
    assert.equal(await roundTrip(session, 'still here'), 'still here');
    assert.equal(server.sessions.length, 1);
    await session.close();
    await close();
  });

  it('a server is not delayed by a peer that stops during its handshake', async () => {
    const { server, nat, close } = await behindNat();
    const silent = client(nat.port);
    await nat.untilSent(2);
    nat.forget();
    const lively = client(server.port);
    await lively.opened;
    assert.equal(await roundTrip(lively, 'quick'), 'quick');
    const [stuck = assert.fail()] = server.sessions;
    assert.deepEqual([stuck.protocol, stuck.destroyed], [undefined, false]);
    stuck.destroy();
    silent.destroy();
    await lively.close();
    await close();
  });

  it('a server ends a handshake whose client is silent for handshakeTimeout', async () => {
    const { server, nat, close } = await behindNat({ handshakeTimeout: 100, maxVersion: 'DTLSv1.2' });
    const silent = client(nat.port);
    await until(() => server.sessions.length > 0);
    nat.forget();
    await assert.rejects(server.sessions[0]?.opened ?? assert.fail(), { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
    silent.destroy();
    await close();
  });

  it('a server drops and counts 100,000 junk datagrams, and keeps nothing of them', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    await pour(server.port, junk(100_000));
    assert.equal(await roundTrip(session, 'unharmed'), 'unharmed');
    const { serverRejectedCount, packetsReceived, serverSessions } = server.endpoint.stats;
    assert.equal(serverSessions, 1n);
    assert.ok(serverRejectedCount > 50_000n, `only ${serverRejectedCount} of ${packetsReceived} rejected`);
    await session.close();
    await server.endpoint.close();
  });

  it('a server may answer a message whose sender closed in the same datagram: the answer is dropped and counted', async () => {
    const { server, nat, close } = await behindNat();
    const session = client(nat.port);
    await session.opened;
    await server.sessions[0]?.opened;
    nat.joinNext(2);
    session.send('goodbye');
    await session.close();
    await server.sessions[0]?.closed;
    assert.equal(server.sessions[0]?.drops.peer_closed, 1);
    await close();
  });

  it('a session survives junk from the address of its peer', async () => {
    const { server, nat, close } = await behindNat();
    const session = client(nat.port);
    await session.opened;
    let n = 0;
    for (const datagram of junk(2000)) {
      nat.inject(datagram);
      if (++n % 16 === 0) await nextTurn();
    }
    await sleep(50);
    assert.equal(await roundTrip(session, 'unharmed'), 'unharmed');
    assert.ok((server.sessions[0]?.stats.droppedCount ?? 0n) > 100n);
    await session.close();
    await close();
  });
});
