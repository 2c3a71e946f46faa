import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, plainRecord, recordsOf } from '../../support/records.js';
import { Log } from './log.js';

const version = 'DTLSv1.2';
/** Twice the maximum segment lifetime of TCP, which is two minutes (RFC 9293 §3.4.2), ms. */
const TWICE_MSL = 240_000;
const BOTH = 60_000;

suite('flights of DTLS 1.2', () => {
  test('server sends its last flight again for twice the maximum segment lifetime', () => {
    // The client repeats its own at 1, 3, 7, 15, 31, 63 s and from there on every 44 s: the last time at 239 s.
    const clientBehaviour = { handshakeTimeout: 0, retransmission: { max: 44_000 } };
    const pair = new Pair({ version, clientBehaviour });
    let connectedAt: number | undefined;
    pair.intercept = (data) => {
      if (pair.server.isConnected) connectedAt ??= pair.now;
      const early = connectedAt === undefined || pair.now < connectedAt + TWICE_MSL - 2000;
      // The server's flight is lost, and so is all that the client says until just before the end.
      return early && isProtected(data) && pair.server.isConnected ? [] : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.isConnected, 2 * TWICE_MSL));
    assert.equal(pair.server.entry.connection.counters.retransmissions, 1);
    assert.ok(pair.now - (connectedAt ?? 0) > TWICE_MSL - 2000);
  });

  for (const role of ['client', 'server'] as const) {
    test(`${role} retransmits ChangeCipherSpec with its Finished`, () => {
      const pair = new Pair({ version });
      const log = new Log(pair);
      pair.intercept = (data, from) => (from === role && isProtected(data) && pair.now < 900 ? [] : [data]);
      pair.handshake();
      const sent = log.of(role).filter(isProtected);
      assert.ok(sent.length > 1);
      for (const datagram of sent) {
        const types = recordsOf(datagram).map(({ type }) => type);
        assert.deepEqual(types.slice(-2), [ContentType.change_cipher_spec, ContentType.handshake]);
      }
    });
  }

  test('client reads epoch 0 until its handshake is done: a repeated flight causes its own again', () => {
    const pair = new Pair({ version });
    const log = new Log(pair);
    pair.intercept = (data, from) => (from === 'server' && isProtected(data) ? [] : [data]);
    pair.connect();
    assert.ok(pair.runUntil(() => pair.server.isConnected, 900));
    const { counters } = pair.client.entry.connection;
    assert.equal(counters.retransmissions, 0);
    const done = log
      .of('server')
      .find((data) => plainFragments(data).some(({ type }) => type === HandshakeType.server_hello_done));
    pair.runFor(100);
    pair.inject(pair.client, renumbered(done ?? assert.fail('there was no ServerHelloDone')));
    assert.equal(counters.retransmissions, 1);
    pair.intercept = undefined;
    assert.ok(pair.runUntil(() => pair.client.isConnected, BOTH));
  });

  test('server reads epoch 0 until its handshake is done: a repeated flight causes its own again', () => {
    const pair = new Pair({ version });
    let before: Uint8Array[] = [];
    pair.intercept = (data, from) => {
      if (from === 'server' || !isProtected(data)) return [data];
      before = recordsOf(data).flatMap(({ epoch, whole }) => (epoch === 0 ? [whole] : []));
      return before;
    };
    pair.connect();
    assert.ok(pair.runUntil(() => before.length > 0, 900));
    const { counters } = pair.server.entry.connection;
    assert.equal(counters.retransmissions, 0);
    pair.runFor(100);
    for (const record of before) pair.inject(pair.server, renumbered(record));
    assert.equal(counters.retransmissions, 1);
    pair.intercept = undefined;
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, BOTH));
  });

  test('client delivers application data that overtook the Finished after it and not before', () => {
    const pair = new Pair({ version });
    const late: Uint8Array[] = [];
    pair.intercept = (data, from) => {
      if (from === 'client' || !isProtected(data) || late.length > 0) return [data];
      late.push(data);
      return [];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.server.isConnected && late.length > 0, 900));
    pair.send(pair.server, utf8('early'));
    pair.runFor(20);
    assert.equal(pair.client.phase, 'handshaking');
    assert.deepEqual(pair.client.messages, []);
    pair.inject(pair.client, late[0] ?? assert.fail());
    assert.ok(pair.client.isConnected);
    assert.deepEqual(pair.client.messages, [utf8('early')]);
  });

  test('client never delivers application data whose Finished does not come, and keeps little of it', () => {
    const pair = new Pair({ version });
    pair.intercept = (data, from) => {
      const types = recordsOf(data).map(({ type }) => type);
      const isData = types.includes(ContentType.application_data);
      return from === 'server' && isProtected(data) && !isData ? [] : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.server.isConnected, 900));
    for (let count = 0; count < 100; count++) pair.send(pair.server, new Uint8Array(1000));
    pair.runFor(BOTH);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    assert.deepEqual(pair.client.messages, []);
    assert.ok((pair.client.dropped['over_budget'] ?? 0) > 80);
  });
});

/** The plaintext records of `datagram` as a peer sends them again: under new numbers. */
function renumbered(datagram: Uint8Array): Uint8Array {
  return concat(
    ...recordsOf(datagram).map(({ type, body, sequence }) =>
      plainRecord(type, body, { sequence: sequence + 500 }),
    ),
  );
}

function isProtected(datagram: Uint8Array): boolean {
  return recordsOf(datagram).some(({ epoch }) => epoch === 1);
}
