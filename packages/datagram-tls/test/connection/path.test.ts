// A connection owns its path.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Path } from '#lib/connection/path.js';
import { Connection } from '#lib/core.js';
import { Pair } from '../support/pair.js';
import { behaviour, security, VERSIONS } from '../support/settings.js';

const NOWHERE = { serverName: undefined, verifyName: undefined };
const PEER = { address: '192.0.2.9', family: 'IPv4', port: 9 } as const;

suite('a path', () => {
  test('that is not validated takes three times what came from its end', () => {
    const path = new Path(PEER, 1200, false);
    assert.equal(path.grants(1), false);
    path.bytesReceived = 100;
    assert.equal(path.grants(300), true);
    path.bytesSent = 200;
    assert.deepEqual([path.grants(100), path.grants(101)], [true, false]);
    path.validated = true;
    assert.equal(path.grants(1_000_000), true);
  });

  test('ends at one address and port', () => {
    const path = new Path(PEER, 1200, true);
    assert.equal(path.endsAt({ ...PEER }), true);
    assert.equal(path.endsAt({ ...PEER, port: 10 }), false);
    assert.equal(path.endsAt({ ...PEER, address: '192.0.2.10' }), false);
  });
});

for (const version of VERSIONS) {
  suite(`the path of a connection, ${version}`, () => {
    test('is where its datagrams go to', () => {
      const client = Connection.create(security('client', version), behaviour(), NOWHERE, PEER);
      client.start(0);
      const out = client.pollTransmit() ?? assert.fail();
      assert.deepEqual(out.to, PEER);
      const { address, validated, bytesSent, bytesReceived, maxDatagramSize } = client.path;
      assert.deepEqual([address, validated, bytesSent], [PEER, true, out.data.length]);
      assert.deepEqual([bytesReceived, maxDatagramSize], [0, behaviour().mtu]);
    });

    test('brings nothing from another address', () => {
      const pair = new Pair({ version }).handshake();
      const { connection } = pair.client.entry;
      const before = connection.path.bytesReceived;
      pair.intercept = (data) => {
        assert.equal(connection.receive(data, { ...pair.server.address, port: 1 }, pair.now), false);
        return [];
      };
      pair.send(pair.server, Uint8Array.of(1));
      pair.runFor(100);
      assert.equal(connection.counters.dropped.other_path, 1);
      assert.equal(connection.path.bytesReceived, before);
      assert.deepEqual(pair.client.messages, []);
    });

    test('of a server begins with a ClientHello from its own address only', () => {
      const client = Connection.create(security('client', version), behaviour(), NOWHERE, PEER);
      const server = Connection.create(security('server', version), behaviour(), NOWHERE, PEER);
      client.start(0);
      server.start(0);
      const hello = client.pollTransmit()?.data ?? assert.fail();
      assert.equal(server.receive(hello, { ...PEER, port: 1 }, 0), false);
      assert.equal(server.counters.dropped.other_path, 1);
      assert.equal(server.pollEvent(), undefined);
      assert.equal(server.receive(hello, PEER, 0), true);
      assert.notEqual(server.pollEvent(), undefined);
    });

    test('counts the bytes of both directions', () => {
      const pair = new Pair({ version }).handshake();
      const [ours, theirs] = [pair.client.entry.connection.path, pair.server.entry.connection.path];
      // The server's stateless answer, and the ClientHello before it, belong to no connection.
      assert.ok(ours.bytesReceived > theirs.bytesSent && ours.bytesSent > theirs.bytesReceived);
      const before = [ours.bytesSent, theirs.bytesReceived];
      pair.send(pair.client, new Uint8Array(100));
      pair.runFor(100);
      const after = [ours.bytesSent, theirs.bytesReceived];
      assert.equal((after[0] ?? 0) - (before[0] ?? 0), (after[1] ?? 0) - (before[1] ?? 0));
    });
  });
}
