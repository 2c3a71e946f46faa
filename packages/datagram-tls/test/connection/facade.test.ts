// Nothing outside of the library reaches the inside of a connection.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { connectionAround } from '#lib/connection/connection.js';
import { Connection } from '#lib/core.js';
import { PlainWriter } from '#lib/record/plain.js';
import { ContentType } from '#lib/wire/codes.js';
import { Pair } from '../support/pair.js';
import { Random } from '../support/random.js';
import { recordsOf } from '../support/records.js';
import { behaviour, security, VERSIONS } from '../support/settings.js';

const GETTERS = [
  'connectionIds',
  'counters',
  'earlyData',
  'isFinishing',
  'lastHeard',
  'maxMessageSize',
  'maySend',
  'path',
  'phase',
  'security',
  'session',
];
const METHODS = [
  'abandon',
  'answer',
  'checkpoint',
  'close',
  'closeSending',
  'confirmCheckpoint',
  'handleTimeout',
  'hibernate',
  'hibernates',
  'handleTooLarge',
  'handleUnreachable',
  'leavePath',
  'pollEvent',
  'pollTimeout',
  'pollTransmit',
  'receive',
  'refusePath',
  'renewConnectionId',
  'save',
  'send',
  'start',
  'updateKeys',
  'validatePath',
];
const PEER = { address: '192.0.2.1', family: 'IPv4', port: 1 } as const;
const NOWHERE = { serverName: undefined, verifyName: undefined };

function fresh(role: 'client' | 'server', version: (typeof VERSIONS)[number]): Connection {
  return Connection.create(security(role, version), behaviour(), NOWHERE, PEER);
}

suite('a connection of the core', () => {
  test('has its documented members and no others', () => {
    const connection = fresh('client', 'DTLSv1.3');
    assert.deepEqual(Reflect.ownKeys(connection), []);
    const members = Object.getOwnPropertyNames(Connection.prototype).sort();
    assert.deepEqual(members, [...GETTERS, ...METHODS, 'constructor'].sort());
    assert.deepEqual(Object.getOwnPropertySymbols(Connection.prototype), []);
    assert.deepEqual(Object.getOwnPropertyNames(Connection).sort(), [
      'create',
      'length',
      'name',
      'prototype',
      'restore',
    ]);
  });

  test('shows those members in its type, and no others', () => {
    const report = readFileSync(new URL('../../../api/core.api.md', import.meta.url), 'utf8').replaceAll(
      '\r',
      '',
    );
    const type = /\nexport class Connection \{\n(.*?)\n\}\n/s.exec(report)?.[1] ?? assert.fail();
    const members = [...type.matchAll(/^ {4}(?:static )?(?:get )?(\w+)[(:]/gm)].map(([, name]) => name);
    assert.deepEqual(members.sort(), [...GETTERS, ...METHODS, 'create', 'restore'].sort());
  });

  test('is made by its own function only', () => {
    assert.throws(() => Reflect.apply(connectionAround, undefined, [{}]) as unknown, TypeError);
    assert.throws(() => Reflect.construct(Connection, []), TypeError);
    assert.throws(() => Reflect.get(Connection.prototype, 'phase', {}), TypeError);
  });

  test('begins once', () => {
    const started = fresh('client', 'DTLSv1.2');
    started.start(0);
    assert.throws(() => started.start(0), { code: 'ERR_INVALID_STATE' });
    const closed = fresh('client', 'DTLSv1.2');
    closed.close(0);
    assert.throws(() => closed.start(0), { code: 'ERR_INVALID_STATE' });
    assert.equal(closed.phase, 'closed');
  });

  test('takes nothing in before it begins', () => {
    const server = fresh('server', 'DTLSv1.3');
    assert.equal(server.receive(new Uint8Array(100).fill(22), PEER, 0), false);
    assert.equal(server.pollTransmit(), undefined);
    assert.equal(server.pollEvent(), undefined);
  });
});

for (const version of VERSIONS) {
  suite(`what associations have in common while it is empty, ${version}`, () => {
    test('cannot be changed by the caller of one of them', () => {
      const [one, other] = [new Pair({ version }).handshake(), new Pair({ version }).handshake()];
      const { session, counters } = one.server.entry.connection;
      const chain = session?.peer.chain as unknown[];
      assert.throws(() => chain.push('forged'), TypeError);
      assert.throws(() => Object.assign(counters.dropped, { replayed: 1 }), TypeError);
      assert.deepEqual(other.server.entry.connection.session?.peer.chain, []);
      assert.deepEqual(other.server.entry.connection.counters.dropped, {});
    });
  });
}

for (const version of VERSIONS)
  test(`the end is the last event, also where the last alert makes a checkpoint due, ${version}`, () => {
    const pair = new Pair({ version, serverBehaviour: { idleTimeout: 60_000 } }).handshake();
    pair.runFor(1000);
    const { server } = pair;
    const { connection } = server.entry;
    connection.checkpoint(16, pair.now);
    connection.confirmCheckpoint(pair.now);
    for (let left = 7; left > 0; left--) pair.send(server, utf8('half of them but one'));
    pair.runFor(1000);
    assert.equal(server.checkpointsDue, 0);
    pair.runFor(60_000);
    assert.equal(server.error?.code, 'ERR_DTLS_IDLE_TIMEOUT');
    assert.equal(server.checkpointsDue, 0);
  });

suite('application data in epoch 0', () => {
  test('is not written by what writes that epoch', () => {
    const writer = new PlainWriter();
    const out = new Uint8Array(100);
    assert.throws(() => writer.seal(ContentType.application_data, utf8('secret'), out, 0), /epoch 0/);
    assert.deepEqual(out, new Uint8Array(100));
    assert.equal(writer.sequence, 0);
  });

  for (const version of VERSIONS) {
    test(`is never sent, whatever is called whenever, ${version}`, () => {
      for (let seed = 1; seed <= 15; seed++) {
        const pair = new Pair({ version, seed });
        const random = new Random(seed);
        pair.onDelivery = ({ data }) => {
          for (const { epoch, type } of recordsOf(data))
            assert.ok(epoch > 0 || type !== ContentType.application_data, `seed ${seed}`);
        };
        pair.connect();
        for (let i = 0; i < 60; i++) {
          const side = random.below(2) === 0 || pair.server.entries.length === 0 ? pair.client : pair.server;
          const { connection } = side.entry;
          const call = [
            () => connection.send(utf8('secret')),
            () => side.endpoint.send(side.entry, utf8('secret')),
            () => connection.updateKeys({ requestPeer: true }, pair.now),
            () => connection.start(pair.now),
            () => connection.handleTimeout(pair.now + random.below(100)),
            () => connection.handleTooLarge(300, pair.now),
            () => (i > 50 ? connection.close(pair.now) : undefined),
          ][random.below(7)];
          try {
            call?.();
          } catch (error) {
            assert.match(String((error as { code?: unknown }).code), /^ERR_INVALID_STATE$/);
          }
          side.endpoint.touch(side.entry);
          pair.runFor(random.below(30));
        }
      }
    });
  }
});
