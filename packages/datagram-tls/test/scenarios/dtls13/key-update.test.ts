import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { pack } from '#lib/base/packed.js';
import type { Role } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { suiteByName } from '#lib/crypto/suites.js';
import { Context } from '#lib/handshake/context.js';
import type { Message } from '#lib/handshake/message.js';
import {
  canUpdate13,
  type Established13,
  hasNextKeys13,
  onPostHandshake13,
  updateKeys13,
} from '#lib/handshake/v13/post-handshake.js';
import { writerState } from '#lib/record/limits.js';
import { RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { unifiedRecord } from '../../support/records.js';
import { behaviour, security } from '../../support/settings.js';
import type { Side } from '../../support/side.js';

// Siege case C14.
const version = 'DTLSv1.3';
const ROLES = ['client', 'server'] as const;

/** The epochs that a side began, as the key log and the trace name them. */
function epochsOf(side: Side, direction: 'sent' | 'received'): number[] {
  return side.traced.flatMap((event) =>
    event.kind === 'key-update' && event.direction === direction ? [event.epoch] : [],
  );
}

function update(pair: Pair, role: Role, requestPeer = false): void {
  pair[role].entry.connection.updateKeys({ requestPeer }, pair.now);
  pair[role].endpoint.touch(pair[role].entry);
  pair.drain();
}

/** An open session that writes in `epoch`. */
function established(epoch: number): Established13 {
  return {
    at: 'established',
    suite: suiteByName('TLS_AES_128_GCM_SHA256') ?? assert.fail(),
    clientRandom: pack(nodeProvider.randomBytes(32)),
    read: { epoch: 3, secret: pack(new Uint8Array(32)) },
    write: { epoch, secret: pack(new Uint8Array(32)) },
    unacknowledged: undefined,
    due: undefined,
    ticketDue: undefined,
    cidsDue: undefined,
    renewalDue: false,
    idRequest: undefined,
    resumption: undefined,
  };
}

function peerOf(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

suite('KeyUpdate', () => {
  for (const role of ROLES) {
    const peer = peerOf(role);

    test(`${role} switches to new keys when its peer has acknowledged the KeyUpdate`, () => {
      const pair = new Pair({ version }).handshake();
      update(pair, role);
      assert.deepEqual(epochsOf(pair[role], 'sent'), []);
      pair.runFor(100);
      assert.deepEqual(epochsOf(pair[role], 'sent'), [4]);
      assert.deepEqual(epochsOf(pair[peer], 'received'), [4]);
      assert.deepEqual(epochsOf(pair[peer], 'sent'), []);
      assertAlive(pair);
    });

    test(`${role} has its peer update its keys, too, on request`, () => {
      const pair = new Pair({ version }).handshake();
      update(pair, role, true);
      pair.runFor(100);
      for (const side of [pair.client, pair.server]) {
        assert.deepEqual(epochsOf(side, 'sent'), [4]);
        assert.deepEqual(epochsOf(side, 'received'), [4]);
      }
      assertAlive(pair);
    });

    test(`${role} sends under the old keys until the ACK, and repeats its KeyUpdate`, () => {
      const pair = new Pair({ version }).handshake();
      pair.intercept = (data, from) => (from === peer ? [] : [data]);
      update(pair, role);
      // The path is short, so the timer starts at half a second.
      pair.runFor(3000);
      assert.equal(pair[role].entry.connection.counters.retransmissions, 2);
      pair.send(pair[role], Uint8Array.of(7));
      pair.runFor(100);
      assert.deepEqual(pair[peer].messages, [Uint8Array.of(7)]);
      pair.intercept = undefined;
      pair.runFor(10_000);
      assert.deepEqual(epochsOf(pair[role], 'sent'), [4]);
      assertAlive(pair);
    });

    test(`${role} that is asked to update during an update does so once more`, () => {
      const pair = new Pair({ version }).handshake();
      for (let i = 0; i < 5; i++) update(pair, role);
      pair.runFor(500);
      assert.deepEqual(epochsOf(pair[role], 'sent'), [4, 5]);
      assertAlive(pair);
    });

    test(`${role} reads late records under the previous keys`, () => {
      const pair = new Pair({ version }).handshake();
      const late: Uint8Array[] = [];
      pair.intercept = (data) => {
        late.push(data);
        return [];
      };
      pair.send(pair[peer], Uint8Array.of(1));
      pair.runFor(50);
      pair.intercept = undefined;
      update(pair, peer);
      pair.runFor(100);
      pair.send(pair[peer], Uint8Array.of(2));
      pair.runFor(100);
      for (const data of late) pair.inject(pair[role], data);
      assert.deepEqual(pair[role].messages, [Uint8Array.of(2), Uint8Array.of(1)]);
    });

    test(`${role} does not read the previous keys forever`, () => {
      const pair = new Pair({ version }).handshake();
      const insider = new Insider13(pair);
      update(pair, peer);
      pair.runFor(100);
      assertAlive(pair);
      pair.runFor(120_000);
      pair.inject(pair[role], insider.seal(peer, 3, ContentType.application_data, Uint8Array.of(1), 100));
      assert.equal(pair[role].messages.length, 1);
      assert.equal(pair[role].dropped['unknown_epoch'], 1);
    });

    test(`${role} keeps the previous keys until the new ones are in use, however long that takes`, () => {
      const pair = new Pair({ version }).handshake();
      // The ACKs are lost: the peer continues with its old keys.
      pair.intercept = (data, from) => (from === role ? [] : [data]);
      update(pair, peer);
      pair.runFor(500_000);
      pair.send(pair[peer], Uint8Array.of(9));
      pair.runFor(100);
      assert.deepEqual(pair[role].messages, [Uint8Array.of(9)]);
    });

    test(`${role} updates its keys by itself before they are used up`, () => {
      const records = { recordsPerKey: 20 };
      const pair = new Pair({ version, clientBehaviour: records, serverBehaviour: records }).handshake();
      for (let i = 0; i < 110; i++) {
        pair.send(pair[role], Uint8Array.of(i));
        pair.runFor(25);
      }
      assert.equal(pair[peer].messages.length, 110);
      const epochs = epochsOf(pair[role], 'sent');
      assert.ok(epochs.length >= 4, epochs.join());
      assert.deepEqual(epochsOf(pair[peer], 'sent'), []);
      assertAlive(pair);
    });

    test(`${role} whose KeyUpdates are never acknowledged sends close_notify with the last record`, (t) => {
      const pair = new Pair({ version }).handshake();
      t.mock.getter(RecordWriter13.prototype, 'state', () => 'last');
      assert.equal(pair[role].endpoint.send(pair[role].entry, Uint8Array.of(1)), false);
      pair.runFor(1000);
      assert.deepEqual(pair[role].alerts('sent'), ['warning close_notify']);
      assert.equal(pair[role].error?.code, 'ERR_DTLS_KEY_LIMIT');
      assert.deepEqual(pair[peer].alerts('received'), ['warning close_notify']);
    });

    test(`${role} ends a session whose peer sends a new message in an epoch that its KeyUpdate ended`, () => {
      const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
      const insider = new Insider13(pair);
      const messageSeq = peer === 'client' ? 3 : 6;
      const [type, body] = [HandshakeType.key_update, Uint8Array.of(0)];
      pair.inject(pair[role], insider.message(peer, 3, { type, messageSeq, body }, 60));
      assert.ok(pair[role].isConnected);
      pair.inject(pair[role], insider.message(peer, 3, { type, messageSeq: messageSeq + 1, body }, 61));
      assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
    });

    test(`${role} refuses undefined values in a KeyUpdate`, () => {
      for (const [body, alert] of [
        [Uint8Array.of(2), 'illegal_parameter'],
        [Uint8Array.of(255), 'illegal_parameter'],
        [Uint8Array.of(), 'decode_error'],
        [Uint8Array.of(0, 0), 'decode_error'],
      ] as const) {
        const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
        const message = { type: HandshakeType.key_update, messageSeq: peer === 'client' ? 3 : 6, body };
        pair.inject(pair[role], new Insider13(pair).message(peer, 3, message));
        assert.deepEqual(pair[role].alerts('sent'), [`fatal ${alert}`]);
      }
    });
  }

  test("KeyUpdates of both sides at once, each requesting the other's: two generations each, and traffic goes on", () => {
    const pair = new Pair({ version }).handshake();
    for (const role of ROLES) update(pair, role, true);
    pair.runFor(500);
    for (const side of [pair.client, pair.server]) {
      assert.deepEqual(epochsOf(side, 'sent'), [4, 5]);
      assert.deepEqual(epochsOf(side, 'received'), [4, 5]);
    }
    assertAlive(pair);
  });

  test('a KeyUpdate waits until the last flight is acknowledged', () => {
    const pair = new Pair({ version });
    pair.intercept = (data, from) => (from === 'server' && pair.server.isConnected ? [] : [data]);
    pair.connect().runFor(100);
    update(pair, 'client');
    pair.runFor(100);
    assert.deepEqual(pair.client.flights('sent').at(-1), ['finished']);
    pair.intercept = undefined;
    pair.runFor(5000);
    assert.deepEqual(epochsOf(pair.client, 'sent'), [4]);
    assertAlive(pair);
  });

  test('KeyUpdates through many generations, whose epochs look alike in a header', () => {
    const pair = new Pair({ version }).handshake();
    for (let i = 0; i < 40; i++) {
      update(pair, i % 3 === 0 ? 'server' : 'client', i % 2 === 0);
      pair.runFor(100);
      assertAlive(pair);
    }
    for (const side of [pair.client, pair.server]) assert.ok((epochsOf(side, 'sent').at(-1) ?? 0) > 20);
  });

  test('the key log has the secret of each generation', () => {
    const pair = new Pair({ version }).handshake();
    update(pair, 'client', true);
    pair.runFor(100);
    const labels = ['CLIENT_TRAFFIC_SECRET_1', 'SERVER_TRAFFIC_SECRET_1'];
    for (const label of labels) {
      const [ours, theirs] = [pair.client, pair.server].map((side) =>
        side.secrets.find((secret) => secret.label === label),
      );
      assert.ok(ours);
      assert.deepEqual(ours.secret, theirs?.secret);
    }
  });

  test('updateKeys throws before the handshake is done, after the end, and in DTLS 1.2', () => {
    const fresh = new Pair({ version }).connect();
    assert.throws(() => update(fresh, 'client'), { code: 'ERR_INVALID_STATE' });
    const closed = new Pair({ version }).handshake();
    closed.close(closed.client);
    closed.runFor(1000);
    assert.throws(() => update(closed, 'client'), { code: 'ERR_INVALID_STATE' });
    const older = new Pair({ version: 'DTLSv1.2' }).handshake();
    assert.throws(() => update(older, 'client'), { code: 'ERR_INVALID_STATE' });
  });

  for (const [what, spent] of [
    ['epoch', (s: Established13) => ({ ...s, write: { ...s.write, epoch: 0xffff } })],
    [
      'epoch, announced but not acknowledged',
      (s: Established13) => ({
        ...s,
        write: { ...s.write, epoch: 0xfffe },
        unacknowledged: 'key-update' as const,
      }),
    ],
  ] as const) {
    test(`updateKeys throws with a code after the last ${what}`, () => {
      const destination = { serverName: undefined, verifyName: undefined };
      const ctx = new Context(security('client', version), behaviour(), destination, 5);
      assert.equal(hasNextKeys13(ctx, established(4)), true);
      assert.equal(hasNextKeys13(ctx, spent(established(4))), false);
    });
  }

  test('updateKeys throws with a code after the last message number, and the session goes on', (t) => {
    const pair = new Pair({ version }).handshake();
    t.mock.getter(Context.prototype, 'numbersLeft', () => 0);
    for (const role of ROLES) assert.throws(() => update(pair, role), { code: 'ERR_DTLS_KEY_LIMIT' });
    assertAlive(pair);
  });

  test('neither epochs nor message numbers exceed 2^16 - 1', () => {
    const destination = { serverName: undefined, verifyName: undefined };
    const context = (seq: number) => new Context(security('client', version), behaviour(), destination, seq);
    for (const [seq, epoch, may] of [
      [5, 0xfffe, true],
      [5, 0xffff, false],
      [0xffff, 4, true],
      [0x10000, 4, false],
    ] as const) {
      const ctx = context(seq);
      assert.equal(canUpdate13(ctx, established(epoch)), may);
      updateKeys13(ctx, established(epoch), { requestPeer: false });
      assert.equal(ctx.takeActions().length > 0, may);
    }
  });
});

/** Records that a key may seal in tests of the last keys. */
const SEALED = 20;

/** Both sides have used up their message numbers, as after 65,536 messages: the keys that they have are their last. */
function useLastKeys(t: TestContext): void {
  t.mock.getter(Context.prototype, 'numbersLeft', () => 0);
  t.mock.getter(RecordWriter13.prototype, 'state', function state(this: RecordWriter13) {
    return writerState(this.sequence, { sealed: SEALED, forged: SEALED });
  });
}

suite('the last keys', () => {
  for (const role of ROLES) {
    test(`${role} sends as much as they may protect, then the session ends with a code and close_notify`, (t) => {
      const pair = new Pair({ version }).handshake();
      const [side, other] = [pair[role], pair[peerOf(role)]];
      useLastKeys(t);
      assert.throws(() => update(pair, role), { code: 'ERR_DTLS_KEY_LIMIT' });
      let sent = 0;
      while (sent < 2 * SEALED && side.endpoint.send(side.entry, Uint8Array.of(sent))) {
        sent++;
        pair.runFor(100);
      }
      pair.runFor(1000);
      assert.deepEqual(epochsOf(side, 'sent'), []);
      assert.ok(sent > SEALED / 2 && sent < SEALED, String(sent));
      assert.deepEqual([side.dropped['key_limit'], side.error?.code], [1, 'ERR_DTLS_KEY_LIMIT']);
      assert.deepEqual([other.messages.length, other.isClosed, other.error], [sent, true, undefined]);
      assert.throws(() => update(pair, role), { code: 'ERR_INVALID_STATE' });
    });

    test(`${role} that can ask for no others goes on reading when forgeries have worn out the peer's`, (t) => {
      const pair = new Pair({ version }).handshake();
      useLastKeys(t);
      t.mock.getter(RecordReader13.prototype, 'worn', () => true);
      for (let i = 0; i < 5; i++) pair.inject(pair[role], unifiedRecord(3, 900 + i, new Uint8Array(40)));
      pair.runFor(500);
      assert.deepEqual(pair[role].flights('sent').flat().includes('key_update'), false);
      assertAlive(pair);
    });

    for (const [message, outcome] of [
      [undefined, 'is not taken for gone'],
      ['are you there?', "is asked by the application's message"],
    ] as const) {
      test(`a silent peer of a ${role} ${outcome}`, (t) => {
        const keepAlive = { interval: 1000, timeout: 3000, ...(message === undefined ? {} : { message }) };
        const pair = new Pair({ version, [`${role}Behaviour`]: { keepAlive } }).handshake();
        useLastKeys(t);
        pair.runFor(10_000);
        const [side, other] = [pair[role], pair[peerOf(role)]];
        assert.equal(other.messages.length > 0, message !== undefined);
        assert.equal(side.error?.code, message === undefined ? undefined : 'ERR_DTLS_PEER_GONE');
      });
    }
  }

  const keyUpdate = (request: number): Message => ({
    ...{ type: HandshakeType.key_update, seq: 9, epoch: 3 },
    body: Uint8Array.of(request),
  });
  const context = () => {
    const destination = { serverName: undefined, verifyName: undefined };
    return new Context(security('client', version), behaviour(), destination, 5);
  };

  test('a peer may go on to epoch 2^16 - 1, and a KeyUpdate beyond it ends the session', () => {
    const reading = (epoch: number): Established13 => ({
      ...established(4),
      read: { epoch, secret: pack(new Uint8Array(32)) },
    });
    assert.equal(onPostHandshake13(context(), reading(0xfffe), keyUpdate(0)).read.epoch, 0xffff);
    assert.throws(() => onPostHandshake13(context(), reading(0xffff), keyUpdate(0)), {
      alert: 'internal_error',
    });
  });

  test('a KeyUpdate that asks for one of ours is acknowledged, and the wish is ignored (RFC 9147 §8)', () => {
    const ctx = context();
    const next = onPostHandshake13(ctx, established(0xffff), keyUpdate(1));
    assert.deepEqual([next.read.epoch, next.write.epoch, next.due], [4, 0xffff, undefined]);
    const done = ctx.takeActions().map((action) => action.do);
    assert.ok(done.includes('acknowledge'));
    assert.ok(!done.includes('send'), done.join());
  });
});

suite('forgeries', () => {
  for (const role of ROLES) {
    test(`${role} asks its peer for new keys, once, after too many forgeries under the old ones`, (t) => {
      const pair = new Pair({ version }).handshake();
      t.mock.getter(RecordReader13.prototype, 'worn', () => true);
      for (let i = 0; i < 5; i++) pair.inject(pair[role], unifiedRecord(3, 900 + i, new Uint8Array(40)));
      pair.runFor(500);
      t.mock.reset();
      assert.deepEqual(epochsOf(pair[peerOf(role)], 'sent'), [4]);
      assertAlive(pair);
    });

    test(`${role} drops the previous keys, not the session, when only those are used up`, (t) => {
      const pair = new Pair({ version }).handshake();
      update(pair, peerOf(role));
      pair.runFor(100);
      assertAlive(pair);
      t.mock.method(RecordReader13.prototype, 'open', () => 'forgery_limit');
      pair.inject(pair[role], unifiedRecord(3, 900, new Uint8Array(40)));
      t.mock.reset();
      pair.inject(pair[role], unifiedRecord(3, 901, new Uint8Array(40)));
      assert.equal(pair[role].dropped['unknown_epoch'], 1);
      assertAlive(pair);
    });
  }
});
