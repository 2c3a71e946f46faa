import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex, utf8 } from '#lib/base/bytes.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { encodeAck, type RecordNumber } from '#lib/wire/messages/ack.js';
import { ConnectionIdUsage, encodeNewConnectionId } from '#lib/wire/messages/new-connection-id.js';
import { encodeRequestConnectionId } from '#lib/wire/messages/request-connection-id.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import type { Side } from '../../support/side.js';

const { cid_immediate, cid_spare } = ConnectionIdUsage;
const { new_connection_id, request_connection_id } = HandshakeType;

interface Talk {
  readonly pair: Pair;
  readonly tested: Side;
  /** The IDs that it has made, in order. */
  readonly made: readonly Uint8Array[];
  /** A post-handshake message of the other side, under the connection ID `cid`. */
  readonly say: (type: number, body: Uint8Array, cid?: Uint8Array) => void;
  /** Data of the other side. */
  readonly talk: (cid: Uint8Array) => void;
  /** The other side has all handshake records that the tested one has sent since. */
  readonly acknowledge: () => void;
}

/** `role` is tested, and asks for IDs of `own` bytes; the other side, for `peers`, is one whose keys the test has. */
function talkTo(
  role: Role,
  own = 8,
  peers: BehaviourOptions['connectionId'] = 8,
  next = (cid: Uint8Array) => cid,
  // Without checks nothing is given or asked for in advance.
  returnRoutability: BehaviourOptions['returnRoutability'] = 'never',
): Talk {
  const peer: Role = role === 'client' ? 'server' : 'client';
  const made: Uint8Array[] = [];
  const generate = (): Uint8Array => {
    made.push(next(Uint8Array.of(0xca, 0xfe, 0, 0, 0, 0, 0, made.length)));
    return made.at(-1) as Uint8Array;
  };
  const asks = own === 0 ? 0 : { length: own, generate };
  const pair = new Pair({
    version: 'DTLSv1.3',
    client: { ciphers: 'TLS_AES_128_GCM_SHA256' },
    server: { ticketKeys: false },
    clientBehaviour: { connectionId: role === 'client' ? asks : peers, returnRoutability },
    serverBehaviour: { connectionId: role === 'server' ? asks : peers, returnRoutability },
  }).handshake();
  const insider = new Insider13(pair);
  let sequence = 500;
  let messageSeq = peer === 'client' ? 3 : 6;
  const tested = pair[role];
  const first = pair.idsOf(tested).receive;
  const sent: RecordNumber[] = [];
  pair.onDeparture = (side, data) => {
    if (side !== tested) return;
    const cidLength = pair.idsOf(tested).send.length;
    for (const { type, epoch, sequence } of insider.open(role, data, 3, cidLength))
      if (type === ContentType.handshake) sent.push({ epoch, sequenceNumber: sequence });
  };
  const put = (record: Uint8Array): void => {
    // What the tested side answers does not reach the other one, which knows nothing of this.
    pair.intercept = () => [];
    pair.inject(tested, record);
  };
  return {
    pair,
    tested,
    made,
    say: (type, body, cid = first) =>
      put(insider.message(peer, 3, { type, messageSeq: messageSeq++, body }, sequence++, cid)),
    acknowledge: () => {
      const cid = made.at(-1) ?? first;
      const body = encodeAck({ recordNumbers: sent.splice(0) });
      put(insider.seal(peer, 3, ContentType.ack, body, sequence++, cid));
    },
    talk: (cid) => put(insider.seal(peer, 3, ContentType.application_data, utf8('data'), sequence++, cid)),
  };
}

for (const role of ['client', 'server'] as const) {
  suite(`further connection IDs, ${role}`, () => {
    test('a new ID that is to be used at once is on every record from then on', () => {
      const { pair, tested, say } = talkTo(role);
      const cid = Uint8Array.of(1, 2, 3);
      say(new_connection_id, encodeNewConnectionId({ cids: [cid, Uint8Array.of(4)], usage: cid_immediate }));
      assert.deepEqual(pair.idsOf(tested).send, cid);
      const sent: Uint8Array[] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === role) sent.push(data);
      };
      pair.send(tested, utf8('under it'));
      pair.runFor(100);
      assert.ok(sent.length > 0);
      for (const data of sent) assert.deepEqual(data.slice(1, 4), cid);
      assert.equal(tested.isConnected, true);
    });

    test('an ID that leaves no room in the datagrams of a small path ends nothing: messages go in larger ones', () => {
      const { pair, tested, say, acknowledge } = talkTo(role);
      const cid = new Uint8Array(255).fill(7);
      say(new_connection_id, encodeNewConnectionId({ cids: [cid], usage: cid_immediate }));
      assert.deepEqual(pair.idsOf(tested).send, cid);
      // What is known to pass goes down to 256 bytes, less than the header and the tag take.
      pair.systemLimit[role] = 300;
      pair.send(tested, new Uint8Array(200));
      assert.throws(() => tested.endpoint.send(tested.entry, utf8('data')), {
        code: 'ERR_OUT_OF_RANGE',
        message: /the 0 byte maximum/,
      });
      const sent: number[] = [];
      const note = pair.onDeparture;
      pair.onDeparture = (from, data, to) => {
        if (from === tested) sent.push(data.length);
        note?.(from, data, to);
      };
      tested.endpoint.updateKeys(tested.entry, { requestPeer: false }, pair.now);
      pair.drain();
      assert.deepEqual(sent, [290]);
      acknowledge();
      assert.equal(tested.isConnected, true);
    });

    test('a spare ID is used when the peer moves, and not before', () => {
      const { pair, tested, say, talk } = talkTo(role);
      const { send, receive } = pair.idsOf(tested);
      say(new_connection_id, encodeNewConnectionId({ cids: [Uint8Array.of(9, 9)], usage: cid_spare }));
      assert.deepEqual(pair.idsOf(tested).send, send);
      pair.rebind(role === 'client' ? pair.server : pair.client);
      talk(receive);
      assert.deepEqual(pair.idsOf(tested).send, Uint8Array.of(9, 9));
    });

    test('a request is answered with spare IDs, of which any may be used; the one before stays for late records', () => {
      const { pair, tested, made, say, talk } = talkTo(role);
      const first = pair.idsOf(tested).receive;
      say(request_connection_id, encodeRequestConnectionId({ numCids: 2 }));
      assert.deepEqual(tested.flights('sent').at(-1), ['new_connection_id']);
      assert.equal(made.length, 3);
      const [, , third] = made;
      assert.ok(third);
      talk(first);
      assert.deepEqual(pair.idsOf(tested).receive, first);
      talk(third);
      assert.deepEqual(pair.idsOf(tested).receive, third);
      talk(first);
      assert.equal(tested.messages.length, 3);
    });

    test('a peer that has given no ID is asked for one when it asks itself, and not again where it then gives none', () => {
      const same = { length: 8, generate: () => new Uint8Array(8).fill(7) };
      const { pair, tested, say, talk, acknowledge } = talkTo(role, 8, same, undefined, 'basic');
      const { receive } = pair.idsOf(tested);
      pair.runFor(5000);
      const asks = () =>
        tested
          .flights('sent')
          .flat()
          .filter((name) => name === 'request_connection_id').length;
      assert.equal(asks(), 0);
      say(request_connection_id, encodeRequestConnectionId({ numCids: 1 }));
      acknowledge();
      assert.equal(asks(), 1);
      acknowledge();
      say(new_connection_id, encodeNewConnectionId({ cids: [], usage: cid_spare }));
      pair.rebind(role === 'client' ? pair.server : pair.client);
      talk(receive);
      assert.equal(tested.entry.connection.counters.migrations, 1);
      assert.equal(asks(), 1);
      assert.equal(tested.isConnected, true);
    });

    test('requests get no more than eight IDs in all, and then none', () => {
      const { tested, made, say } = talkTo(role);
      say(request_connection_id, encodeRequestConnectionId({ numCids: 255 }));
      assert.equal(made.length, 8);
      assert.equal(tested.isConnected, true);
    });

    test('a peer that asks after each sleep, and takes the next ID each time, gets no more than nine at a time', () => {
      const { pair, tested, made, say, talk, acknowledge } = talkTo(role);
      const ids = new Set<string>();
      for (let round = 0; round < 40; round++) {
        acknowledge();
        assert.ok(tested.endpoint.hibernate(tested.entry, pair.now), `awake in round ${round}`);
        say(request_connection_id, encodeRequestConnectionId({ numCids: 255 }), made.at(-1));
        acknowledge();
        assert.ok(tested.endpoint.hibernate(tested.entry, pair.now));
        talk(made.at(-1) ?? assert.fail());
        const { receive } = pair.idsOf(tested);
        assert.deepEqual(receive, made.at(-1));
        ids.add(receive.join());
      }
      assert.ok(ids.size > 1);
      assert.equal(tested.isConnected, true);
      assert.ok(made.length <= 8 + 40, `${made.length} were made`);
    });

    test('a function that repeats itself gives no ID twice, and is asked eight times', () => {
      const { tested, made, say } = talkTo(role, 8, 8, (cid) => cid.fill(0, 2));
      say(request_connection_id, encodeRequestConnectionId({ numCids: 3 }));
      assert.equal(made.length, 1 + 8);
      assert.deepEqual(tested.flights('sent').at(-1), ['new_connection_id']);
      assert.equal(tested.isConnected, true);
    });

    test('a function that fails in an open session ends it, and is heard', () => {
      const { tested, say } = talkTo(role, 8, 8, (cid) => {
        if (cid.at(-1) === 2) throw new Error('no entropy');
        return cid;
      });
      say(request_connection_id, encodeRequestConnectionId({ numCids: 3 }));
      assert.deepEqual(tested.alerts('sent'), ['fatal internal_error']);
      assert.equal(tested.error?.code, 'ERR_DTLS_CALLBACK');
      assert.match(tested.error.message, /no entropy/);
    });

    test('requests that come before the answer to the last one could be sent have one answer', () => {
      const { tested, made, say, acknowledge } = talkTo(role);
      const before = made.length;
      const ask = (numCids: number): void =>
        say(request_connection_id, encodeRequestConnectionId({ numCids }));
      ask(1);
      for (const numCids of [1, 3, 2]) ask(numCids);
      assert.equal(made.length - before, 1);
      acknowledge();
      assert.equal(made.length - before, 1 + 3);
      acknowledge();
      assert.equal(made.length - before, 1 + 3);
      assert.equal(tested.isConnected, true);
    });

    test('an ID that is in use, or was given before, is kept once', () => {
      const { pair, tested, say, talk } = talkTo(role);
      const { send, receive } = pair.idsOf(tested);
      const [one, two] = [Uint8Array.of(1, 1), Uint8Array.of(2, 2)];
      say(new_connection_id, encodeNewConnectionId({ cids: [send, one, one, send], usage: cid_spare }));
      say(new_connection_id, encodeNewConnectionId({ cids: [one, two, two], usage: cid_spare }));
      const used = [send];
      for (let moves = 0; moves < 4; moves++) {
        pair.rebind(role === 'client' ? pair.server : pair.client);
        talk(receive);
        used.push(pair.idsOf(tested).send);
      }
      // Each was taken once; then there is no other one.
      assert.deepEqual(used, [send, one, two, two, two]);
      assert.equal(tested.isConnected, true);
    });

    test('the ID in use, given again to be used at once, changes nothing', () => {
      const { pair, tested, say } = talkTo(role);
      const { send } = pair.idsOf(tested);
      say(new_connection_id, encodeNewConnectionId({ cids: [send], usage: cid_immediate }));
      assert.deepEqual(pair.idsOf(tested).send, send);
      assert.equal(tested.isConnected, true);
    });

    test('many new IDs are kept within a bound', () => {
      const { pair, tested, say } = talkTo(role);
      for (let i = 0; i < 100; i++) {
        const cids = Array.from({ length: 100 }, (_, n) => Uint8Array.of(i, n, 1));
        say(new_connection_id, encodeNewConnectionId({ cids, usage: cid_spare }));
      }
      assert.equal(tested.isConnected, true);
      assert.equal(pair.idsOf(tested).send.length, 8);
    });

    const wrong: readonly [string, number, Uint8Array, string][] = [
      ['an unknown usage', new_connection_id, Uint8Array.of(0, 2, 1, 7, 2), 'illegal_parameter'],
      ['an empty ID', new_connection_id, Uint8Array.of(0, 1, 0, 1), 'illegal_parameter'],
      ['no ID to use at once', new_connection_id, Uint8Array.of(0, 0, 0), 'illegal_parameter'],
      ['a NewConnectionId cut short', new_connection_id, Uint8Array.of(0, 5, 1), 'decode_error'],
      ['an empty RequestConnectionId', request_connection_id, Uint8Array.of(), 'decode_error'],
      ['a long RequestConnectionId', request_connection_id, Uint8Array.of(1, 1), 'decode_error'],
    ];
    for (const [what, type, body, alert] of wrong) {
      test(`${what} ends the session with ${alert}`, () => {
        const { tested, say } = talkTo(role);
        say(type, body);
        assert.deepEqual(tested.alerts('sent'), [`fatal ${alert}`]);
      });
    }

    test('a side that sends without an ID refuses a NewConnectionId, and one that asked for none a request', () => {
      const given = encodeNewConnectionId({ cids: [Uint8Array.of(1)], usage: cid_spare });
      const sendsNone = talkTo(role, 8, 0);
      sendsNone.say(new_connection_id, given);
      assert.deepEqual(sendsNone.tested.alerts('sent'), ['fatal unexpected_message']);
      const asksNone = talkTo(role, 0, 8);
      asksNone.say(request_connection_id, encodeRequestConnectionId({ numCids: 1 }));
      assert.deepEqual(asksNone.tested.alerts('sent'), ['fatal unexpected_message']);
    });

    test('without connection IDs both messages end the session', () => {
      for (const [type, body] of [
        [new_connection_id, Uint8Array.of(0, 2, 1, 7, 1)],
        [request_connection_id, Uint8Array.of(1)],
      ] as const) {
        const { tested, say } = talkTo(role, 0, 0);
        say(type, body);
        assert.deepEqual(tested.alerts('sent'), ['fatal unexpected_message']);
      }
    });
  });
}

for (const role of ['client', 'server'] as const)
  test(`a ${role} whose peer moves twice between two checkpoints writes nothing with the second ID before one is kept`, () => {
    const { pair, tested, say, talk } = talkTo(role);
    const { send, receive } = pair.idsOf(tested);
    const [one, two] = [Uint8Array.of(1, 1, 1), Uint8Array.of(2, 2, 2)];
    say(new_connection_id, encodeNewConnectionId({ cids: [one, two], usage: cid_spare }));
    pair.runFor(1000);
    const sent: string[] = [];
    pair.onDeparture = (side, data) => {
      if (side === tested) sent.push(toHex(data.subarray(1, 4)));
    };
    const { endpoint, entry } = tested;
    const keep = (): void => {
      entry.connection.checkpoint(50, pair.now);
      entry.connection.confirmCheckpoint(pair.now);
      endpoint.touch(entry);
    };
    const move = (): void => {
      pair.rebind(role === 'client' ? pair.server : pair.client);
      talk(receive);
    };
    const idOf = (cid: Uint8Array): string => toHex(cid.subarray(0, 3));
    const sentBy = (work: () => void): string[] => {
      sent.length = 0;
      work();
      endpoint.send(entry, utf8('here'));
      pair.drain();
      return [...new Set(sent)];
    };
    keep();
    assert.deepEqual(
      sentBy(() => undefined),
      [idOf(send)],
    );
    assert.deepEqual(sentBy(move), [idOf(one)]);
    tested.checkpointsDue = 0;
    assert.deepEqual(sentBy(move), []);
    assert.equal(tested.checkpointsDue, 1);
    assert.deepEqual(sentBy(keep), [idOf(two)]);
    assert.equal(tested.isConnected, true);
  });

test('a client that goes on from a checkpoint takes no spare ID, which the process before may have used', () => {
  const pair = new Pair({
    version: 'DTLSv1.3',
    clientBehaviour: { connectionId: 0 },
    serverBehaviour: { connectionId: 8 },
  }).handshake();
  pair.leave(pair.client);
  pair.runFor(1000);
  const { connection } = pair.client.entry;
  const { send } = pair.idsOf(pair.client);
  const state = connection.checkpoint(50, pair.now);
  connection.confirmCheckpoint(pair.now);
  pair.leave(pair.client);
  assert.notDeepEqual(pair.idsOf(pair.client).send, send);
  pair.goOn('client', state);
  pair.leave(pair.client);
  assert.deepEqual(pair.idsOf(pair.client).send, send);
});

for (const role of ['client', 'server'] as const)
  test(`a ${role} that goes on from checkpoints, each time with the ID of before, is known by it`, () => {
    const behaviour = { connectionId: 8 };
    const pair = new Pair({ version: 'DTLSv1.3', clientBehaviour: behaviour, serverBehaviour: behaviour });
    pair.handshake();
    pair.runFor(1000);
    const { send } = pair.idsOf(pair[role]);
    for (let round = 0; round < 3; round++) {
      const { connection } = pair[role].entry;
      const state = connection.checkpoint(50, pair.now);
      connection.confirmCheckpoint(pair.now);
      pair.drain();
      pair.leave(pair[role]);
      pair.runFor(1000);
      assert.notDeepEqual(pair.idsOf(pair[role]).send, send, `no other ID in round ${round}`);
      pair.goOn(role, state);
      assert.deepEqual(pair.idsOf(pair[role]).send, send);
      pair.runFor(1000);
      assertAlive(pair);
    }
  });
