// Statistics are live, and have the reasons of what was dropped.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { DTLSEndpoint, type DTLSSession, listen } from '#lib/index.js';
import { client, echoServer, roundTrip, until } from '../driver/echo.js';
import { SERVERS } from '../support/identities.js';

const OF_SESSION = [
  'createdAt',
  'destroyedAt',
  'closingAt',
  'handshakeCompletedAt',
  'bytesReceived',
  'bytesSent',
  'messagesReceived',
  'messagesSent',
  'retransmitCount',
] as const;

const OF_ENDPOINT = [
  'createdAt',
  'destroyedAt',
  'bytesReceived',
  'bytesSent',
  'packetsReceived',
  'packetsSent',
  'serverSessions',
  'clientSessions',
  'serverBusyCount',
  'serverRejectedCount',
  'serverRefusedCount',
] as const;

suite('statistics', () => {
  test('each is the same object each time, and lives', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    const { stats } = session;
    const ofServer = server.endpoint.stats;
    assert.equal(stats.handshakeCompletedAt, 0n);
    assert.equal(ofServer.serverSessions, 0n);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.ok(stats.handshakeCompletedAt >= stats.createdAt);
    assert.deepEqual(
      [stats.messagesSent > 0n, stats.messagesReceived > 0n, stats.bytesSent % 5n],
      [true, true, 0n],
    );
    assert.equal(ofServer.serverSessions, 1n);
    assert.equal(session.endpoint.stats.clientSessions, 1n);
    assert.equal(session.stats, stats);
    assert.equal(server.endpoint.stats, ofServer);
    await session.close();
  });

  test('every number of node:dtls is a bigint, from the start', () => {
    const endpoint = new DTLSEndpoint();
    for (const name of OF_ENDPOINT) assert.equal(typeof endpoint.stats[name], 'bigint', name);
    assert.equal(endpoint.stats.isConnected, true);
    endpoint.destroy();
    assert.equal(endpoint.stats.isConnected, false);
    assert.ok(endpoint.stats.destroyedAt >= endpoint.stats.createdAt);
  });

  test('a session that is over keeps its last numbers, also where it was never asked before', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    const { stats } = session;
    await session.opened;
    const other = server.sessions[0] as DTLSSession;
    await roundTrip(session, 'hello');
    assert.equal(stats.isConnected, true);
    const { messagesReceived } = stats;
    await session.close();
    await other.closed;
    for (const name of OF_SESSION) assert.equal(typeof stats[name], 'bigint', name);
    assert.equal(stats.isConnected, false);
    assert.equal(stats.messagesReceived, messagesReceived);
    assert.ok(stats.closingAt >= stats.handshakeCompletedAt && stats.destroyedAt >= stats.closingAt);
    assert.equal(other.stats.isConnected, false);
    assert.equal(other.stats.messagesReceived, stats.messagesSent);
    assert.equal(other.stats.closingAt, 0n, 'the peer closed');
  });

  test('they are JSON of decimal strings, and are shown by name', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    for (const [stats, name, fields] of [
      [session.stats, 'DTLSSessionStats', OF_SESSION],
      [server.endpoint.stats, 'DTLSEndpointStats', OF_ENDPOINT],
    ] as const) {
      const json = stats.toJSON();
      assert.equal(Object.getPrototypeOf(json), null);
      assert.equal(json['connected'], true);
      for (const field of fields) assert.match(json[field] as string, /^\d+$/, field);
      assert.deepEqual(Object.keys(JSON.parse(stats.toString()) as object), Object.keys(json));
      assert.match(inspect(stats), new RegExp(`^${name} \\{`));
      assert.match(inspect(stats), /connected: true/);
      assert.equal(inspect({ stats }, { depth: 0 }), `{ stats: [${name}] }`);
      assert.throws(() => new (stats.constructor as new () => unknown)(), {
        code: 'ERR_ILLEGAL_CONSTRUCTOR',
      });
    }
    await session.close();
  });

  test('an endpoint has the reasons of its own drops and of those of all its sessions', async (t) => {
    const sessions: DTLSSession[] = [];
    const endpoint = listen((session) => void sessions.push(session), {
      host: '127.0.0.1',
      port: 0,
      ...SERVERS.p256,
      maxUnreadBytes: 2000,
    });
    t.after(() => endpoint.destroy());
    const port = endpoint.address?.port ?? 0;
    const session = client(port);
    await session.opened;
    const { stats } = endpoint;
    assert.deepEqual([stats.drops.not_client_hello, stats.drops.slow_reader], [undefined, undefined]);
    const unvalidated = createSocket('udp4');
    t.after(() => unvalidated.close());
    await until(
      () => (stats.drops.not_client_hello ?? 0n) > 0n,
      () => unvalidated.send('this is no ClientHello', port, '127.0.0.1'),
    );
    const other = sessions[0] as DTLSSession;
    await until(
      () => (other.stats.drops.slow_reader ?? 0n) > 0n,
      () => session.send('unread'),
    );
    assert.equal(other.stats.drops.slow_reader, BigInt(other.drops.slow_reader ?? 0));
    assert.equal(stats.drops.slow_reader, other.stats.drops.slow_reader);
    other.destroy();
    assert.equal(stats.drops.slow_reader, other.stats.drops.slow_reader, 'also when it is over');
    assert.equal(
      other.stats.droppedCount,
      Object.values(other.stats.drops).reduce((sum, count) => sum + count, 0n),
    );
    assert.equal(stats.serverRejectedCount, stats.drops.not_client_hello);
    const { drops } = JSON.parse(stats.toString()) as { drops: Record<string, string> };
    assert.equal(drops['slow_reader'], String(stats.drops.slow_reader));
    session.destroy();
  });
});
