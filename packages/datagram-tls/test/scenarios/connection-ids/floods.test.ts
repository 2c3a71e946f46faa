// Unknown, short and forged connection IDs, of an attacker who guesses, and of one who has seen the ID.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { machineOf } from '#lib/connection/connection.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { behaviour, security, VERSIONS } from '../../support/settings.js';

/** Each datagram of a flood comes from another one. */
function unvalidatedPeer(n: number): PeerAddress {
  return { address: `198.51.${100 + (n >>> 16)}.${(n >>> 8) & 255}`, family: 'IPv4', port: 1024 + (n & 255) };
}

for (const version of VERSIONS) {
  const at = version === 'DTLSv1.3' ? 1 : 11;

  /** A session whose records to the server have IDs of 20 bytes, and one of them, which did not arrive. */
  const seen = (): { pair: Pair; record: Uint8Array } => {
    const pair = new Pair({ version, serverBehaviour: { connectionId: 20 } }).handshake();
    let record: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from !== 'client' || record !== undefined) return [data];
      record = data.slice();
      return [];
    };
    pair.send(pair.client, utf8('seen'));
    pair.runFor(100);
    pair.intercept = undefined;
    assert.ok(record);
    return { pair, record };
  };

  /** The server has sent nothing to unvalidated peers, and holds nothing for them. */
  const keepsQuiet = (pair: Pair, home: PeerAddress): void => {
    pair.runFor(1000);
    assert.deepEqual(pair.strays, []);
    const { endpoint } = pair.server;
    assert.deepEqual(
      [endpoint.size, endpoint.handshakes, endpoint.heldBytes, endpoint.partHelloBytes],
      [1, 0, 0, 0],
    );
    assert.deepEqual([pair.server.entry.peer, pair.server.migrated], [home, []]);
    assertAlive(pair);
  };

  suite(`connection IDs and the addresses of others, ${version}`, () => {
    test('a client that sends from an address of another keeps no session of ours from it', () => {
      const { pair, record } = seen();
      const { endpoint, entry } = pair.server;
      const other = unvalidatedPeer(1);
      pair.inject(pair.server, record, other);
      assert.deepEqual([entry.peer, entry.connection.path.validated], [other, false]);
      const destination = { serverName: 'localhost', verifyName: 'localhost' };
      const connect = (): ConnectionEntry =>
        endpoint.connect(other, security('client', version), behaviour(), destination, pair.now);
      const ours = connect();
      assert.equal(endpoint.find(other), ours);
      assert.throws(connect, { code: 'ERR_DTLS_ADDRESS_IN_USE' }, 'it goes on');
      endpoint.abandon(ours, undefined);
      pair.drain();
      assertAlive(pair);
      assert.deepEqual(entry.peer, pair.client.address);
      assert.equal(endpoint.size, 1);
    });
  });

  suite(`floods of connection IDs, ${version}`, () => {
    test('guesses are counted and forgotten, those that miss by one bit included', () => {
      const { pair, record } = seen();
      const home = pair.client.address;
      const { counters } = pair.server.endpoint;
      const before = counters.unknownConnectionIds;
      for (let bit = 0; bit < 160; bit++) {
        const near = record.slice();
        near[at + (bit >>> 3)] = (near[at + (bit >>> 3)] as number) ^ (1 << (bit & 7));
        pair.inject(pair.server, near, unvalidatedPeer(bit));
      }
      const random = new Random(7);
      for (let n = 160; n < 20_000; n++) {
        const guess = record.slice();
        guess.set(random.bytes(20), at);
        pair.server.endpoint.receive(
          guess,
          unvalidatedPeer(n).address,
          unvalidatedPeer(n).port,
          'IPv4',
          pair.now,
        );
      }
      assert.equal(counters.unknownConnectionIds - before, 20_000);
      assert.deepEqual(pair.server.dropped, {});
      keepsQuiet(pair, home);
    });

    test('forged records with the right ID end nothing, move nothing, and cost three openings a datagram', () => {
      const { pair, record } = seen();
      const home = pair.client.address;
      const forged = record.slice();
      forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
      const full = Uint8Array.from(
        { length: 20 * forged.length },
        (_, i) => forged[i % forged.length] as number,
      );
      for (let n = 0; n < 500; n++) pair.inject(pair.server, full, unvalidatedPeer(n));
      assert.deepEqual(pair.server.dropped, { bad_record: 1500, rest_of_datagram: 500 });
      const { paths } = machineOf(pair.server.entry.connection);
      assert.equal(paths.hasMoved, false);
      keepsQuiet(pair, home);
    });

    test('a ClientHello behind a record with the right ID begins nothing', () => {
      const { pair, record } = seen();
      const home = pair.client.address;
      const hello = Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
      const forged = record.slice();
      forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
      for (let n = 0; n < 100; n++)
        pair.inject(pair.server, Uint8Array.of(...forged, ...hello), unvalidatedPeer(n));
      assert.deepEqual(pair.server.dropped, { bad_record: 100, other_path: 100 });
      keepsQuiet(pair, home);
    });

    test('every beginning of a record with the right ID is dropped', () => {
      const { pair, record } = seen();
      const home = pair.client.address;
      for (let length = 0; length < record.length; length++)
        pair.inject(pair.server, record.slice(0, length), unvalidatedPeer(length));
      keepsQuiet(pair, home);
    });

    test('an ID in the place where the other version has it names no session', () => {
      const { pair, record } = seen();
      const home = pair.client.address;
      const cid = record.slice(at, at + 20);
      const other =
        version === 'DTLSv1.3'
          ? Uint8Array.of(25, 0xfe, 0xfd, 0, 3, 0, 0, 0, 0, 0, 9, ...cid, 0, 24, ...new Uint8Array(24))
          : Uint8Array.of(0x3d, ...cid, 0, 9, 0, 24, ...new Uint8Array(24));
      for (let n = 0; n < 100; n++) pair.inject(pair.server, other, unvalidatedPeer(n));
      keepsQuiet(pair, home);
    });
  });
}
