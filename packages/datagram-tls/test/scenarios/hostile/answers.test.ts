// Siege cases A1, A6 and C9: what one datagram may cause to be sent.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { encodeAck } from '#lib/wire/messages/ack.js';
import { assertAlive } from '../../support/alive.js';
import { CA, SERVERS } from '../../support/identities.js';
import { Insider12, Spy12 } from '../../support/insider12.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { encodeFragment, plainFragments, plainRecord, recordsOf } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

/** Empty fragments in one record. */
const MANY = 1300;
const ROLES = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;

/** Empty fragments of the message with this number. */
function stuffed(messageSeq: number, type: number = HandshakeType.client_hello, count = MANY): Uint8Array {
  const one = encodeFragment({ type, messageSeq, fragment: new Uint8Array(0) });
  return concat(...Array.from({ length: count }, () => one));
}

/** What `role` sends at once when `datagram` comes. */
function answersOf(pair: Pair, role: Role, datagram: Uint8Array): Uint8Array[] {
  const { endpoint } = pair[role];
  const { address, port, family } = pair[other[role]].address;
  endpoint.receive(datagram, address, port, family, pair.now);
  const answers: Uint8Array[] = [];
  for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit())
    answers.push(out.data);
  return answers;
}

function bytesOf(datagrams: readonly Uint8Array[]): number {
  return datagrams.reduce((sum, { length }) => sum + length, 0);
}

/** A server whose flight has arrived, and a client that says nothing after it; makes records of that client. */
function halfOpen(version: (typeof VERSIONS)[number]) {
  const pair = new Pair({ version });
  const spy = new Spy12(pair);
  let flight = 0;
  pair.intercept = (data, from) => {
    spy.see(data);
    if (from === 'server' && plainFragments(data)[0]?.messageSeq !== 0) flight += data.length;
    if (from === 'server') return [data];
    const open = recordsOf(data).filter(({ epoch }) => epoch === 0);
    return open.length === 0 ? [] : [concat(...open.map(({ whole }) => whole))];
  };
  pair.connect().runFor(100);
  const [insider12, insider13] = [version === 'DTLSv1.2' ? spy.insider() : undefined, new Insider13(pair)];
  const seal = (content: Uint8Array, sequence: number): Uint8Array =>
    insider12?.seal('client', ContentType.handshake, content, sequence) ??
    insider13.seal('client', 2, ContentType.handshake, content, sequence);
  return { pair, seal, flight };
}

for (const version of VERSIONS) {
  suite(`answers to one datagram, ${version}`, () => {
    /** message_seq of the last message that the server's flight or the client's own answers. */
    const answered = version === 'DTLSv1.2' ? [1, 2] : [0, 1];

    test('a record of many empty fragments brings the flight of the server once, and not right after its last transmission', () => {
      const repeated: number[] = [];
      for (const seq of answered) {
        const { pair, seal, flight } = halfOpen(version);
        const counters = pair.server.entry.connection.counters;
        const again = answersOf(pair, 'server', seal(stuffed(seq), 500));
        assert.ok(bytesOf(again) <= flight + 100);
        assert.ok(counters.retransmissions <= 1);
        const before = counters.retransmissions;
        repeated.push(before);
        assert.equal(bytesOf(answersOf(pair, 'server', seal(stuffed(seq), 501))), 0);
        assert.equal(counters.retransmissions, before);
      }
      assert.ok(repeated.includes(1), 'a repeated message brings the flight');
    });

    test('a half-open client that asks all the time gets a flight at doubling intervals, then once per timeout', () => {
      const { pair, seal } = halfOpen(version);
      const { counters } = pair.server.entry.connection;
      for (let i = 0; i < 2000; i++) {
        answersOf(pair, 'server', concat(seal(stuffed(answered[0] ?? 0, 1, 20), 500 + 2 * i)));
        answersOf(pair, 'server', concat(seal(stuffed(answered[1] ?? 0, 1, 20), 501 + 2 * i)));
        pair.runFor(5);
      }
      // In 10 s: after 50, 150, 350, 750 ms and then once each second, beside the timer's own.
      assert.ok(
        counters.retransmissions >= 3 && counters.retransmissions <= 16,
        `${counters.retransmissions}`,
      );
      assert.ok((counters.dropped.repeated_too_soon ?? 0) > 1000);
    });

    for (const role of ROLES) {
      test(`an open ${role} rarely repeats a flight for many empty fragments of its peer`, () => {
        const pair = new Pair({ version });
        const sender = other[role];
        let silent = false;
        pair.intercept = (data, from) => (silent && from === sender ? [] : [data]);
        pair.connect();
        assert.ok(pair.runUntil(() => pair[role].isConnected, 1000));
        silent = true;
        pair.runFor(100);
        const { counters, session } = pair[role].entry.connection;
        const insider12 = version === 'DTLSv1.2' ? Insider12.ofSession(session ?? assert.fail()) : undefined;
        const insider13 = new Insider13(pair);
        const seal = (content: Uint8Array, sequence: number) =>
          insider12?.seal(sender, ContentType.handshake, content, sequence) ??
          insider13.seal(sender, 3, ContentType.handshake, content, sequence);
        for (let seq = 0; seq < 6; seq++) {
          const before = counters.retransmissions;
          const datagram = seal(stuffed(seq, HandshakeType.finished), 500 + seq);
          const answers = answersOf(pair, role, datagram);
          assert.ok(bytesOf(answers) <= 3 * datagram.length);
          assert.ok(counters.retransmissions <= before + 1);
        }
        assert.ok(counters.retransmissions <= 2);
      });
    }

    test('a duplicated datagram is not a loss: no flight is sent again, whenever the copies arrive', () => {
      for (const latency of [0, 30, 200, 700]) {
        const pair = new Pair({ version, jobs: 300 });
        const copies: { at: number; data: Uint8Array; to: Role }[] = [];
        pair.onDelivery = ({ data, from }) => {
          copies.push({ at: pair.now + latency, data: data.slice(), to: other[from] });
        };
        pair.connect();
        while (!(pair.client.isConnected && pair.server.isConnected) && pair.now < 5000) {
          pair.runFor(10);
          for (const copy of copies.filter(({ at }) => at <= pair.now)) {
            copies.splice(copies.indexOf(copy), 1);
            if (pair[copy.to].entries.length > 0) pair.inject(pair[copy.to], copy.data);
          }
        }
        pair.explain(() => {
          assert.ok(pair.client.isConnected && pair.server.isConnected);
          assert.equal(pair.client.entry.connection.counters.retransmissions, 0);
          assert.equal(pair.server.entry.connection.counters.retransmissions, 0);
        });
      }
    });
  });
}

suite('answers to one datagram, DTLSv1.2', () => {
  for (const role of ROLES) {
    test(`${role} refuses to renegotiate once, however often one datagram asks for it`, () => {
      const pair = new Pair({ version: 'DTLSv1.2' }).handshake();
      pair.runFor(1000);
      const insider = Insider12.ofSession(pair.server.entry.connection.session ?? assert.fail());
      const type = role === 'server' ? HandshakeType.client_hello : HandshakeType.hello_request;
      const record = (sequence: number) =>
        insider.seal(other[role], ContentType.handshake, stuffed(0, type), sequence);
      const answers = answersOf(pair, role, concat(record(20), record(21), record(22)));
      assert.equal(answers.length, 1);
      assert.equal(pair[role].dropped['renegotiation'], 3 * MANY - 1);
      assertAlive(pair);
    });
  }
});

test('a last flight of DTLS 1.2 that is requested too soon is sent again after the minimum interval', () => {
  const pair = new Pair({
    version: 'DTLSv1.2',
    clientBehaviour: { retransmission: { initial: 30, max: 60_000 } },
  });
  let lost = 0;
  let asked = 0;
  // The server's last flight is lost, and the client asks for it once, right after it went out.
  pair.intercept = (data, from) => {
    if (!pair.server.isConnected) return [data];
    if (from === 'server') return lost++ === 0 ? [] : [data];
    return asked++ === 0 ? [data] : [];
  };
  pair.connect();
  assert.ok(pair.runUntil(() => pair.client.isConnected, 200));
  assert.deepEqual([lost, asked], [2, 1]);
});

suite('answers to one datagram, DTLSv1.3', () => {
  const version = 'DTLSv1.3';

  test('ACKs of one record each bring at most one transmission per datagram, and lost records slowly', () => {
    const server = { cert: SERVERS.rsa.cert + CA.repeat(7), key: SERVERS.rsa.key };
    const pair = new Pair({ version, server, client: { recordSizeLimit: 64 } });
    const insider = new Insider13(pair);
    const sent: number[] = [];
    pair.intercept = (data, from) => {
      if (from === 'server')
        for (const { epoch, sequence } of recordsOf(data).length > 0 ? insider.open(from, data) : [])
          if (epoch === 2) sent.push(sequence);
      return from === 'client' && sent.length > 0 ? [] : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => sent.length > 0, 1000));
    const { counters } = pair.server.entry.connection;
    let [bytesIn, bytesOut] = [0, 0];
    for (let i = 0; i < 200; i++) {
      // The newest alone, so that all before it seems lost.
      const acks = [sent.at(-1), sent.at(-2)].map((sequenceNumber = 0, n) =>
        insider.seal(
          'client',
          2,
          ContentType.ack,
          encodeAck({ recordNumbers: [{ epoch: 2, sequenceNumber }] }),
          1000 + 2 * i + n,
        ),
      );
      const before = counters.retransmissions;
      const datagram = concat(...acks);
      const answers = answersOf(pair, 'server', datagram);
      bytesIn += datagram.length;
      bytesOut += bytesOf(answers);
      assert.ok(counters.retransmissions <= before + 1);
      for (const data of answers)
        for (const { epoch, sequence } of insider.open('server', data)) if (epoch === 2) sent.push(sequence);
      pair.runFor(1);
    }
    assert.ok(bytesOut < 3 * bytesIn + 40_000, `${bytesIn} in, ${bytesOut} out`);
  });

  for (const role of ROLES) {
    test(`${role} sends one flight for a datagram whose sender predicts the record numbers`, () => {
      const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
      const insider = new Insider13(pair);
      const sender = other[role];
      pair.runFor(1000);
      pair.intercept = () => [];
      // A KeyUpdate that asks for one of ours, and ACKs of all numbers that ours may have.
      const messageSeq = sender === 'client' ? 3 : 6;
      const body = Uint8Array.of(1);
      const ask = insider.message(sender, 3, { type: HandshakeType.key_update, messageSeq, body }, 60);
      const recordNumbers = Array.from({ length: 20 }, (_, sequenceNumber) => ({ epoch: 3, sequenceNumber }));
      const ack = insider.seal(sender, 3, ContentType.ack, encodeAck({ recordNumbers }), 61);
      const before = pair[role].flights('sent').length + pair[role].flights('sent', true).length;
      answersOf(pair, role, concat(ask, ack, ask));
      pair.drain();
      const after = pair[role].flights('sent').length + pair[role].flights('sent', true).length;
      assert.equal(after, before + 1);
    });

    test(`${role} ends the session when a datagram updates the keys of its peer twice`, () => {
      const { pair, updates } = twoUpdates(role, false);
      pair.inject(pair[role], concat(...updates));
      assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
    });

    test(`${role} sets no timer after a datagram that ended the session and also requested new keys`, () => {
      const { pair, updates } = twoUpdates(role, true);
      pair.inject(pair[role], concat(...updates));
      assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
      assert.ok(pair[role].isClosed);
      assert.equal(pair[role].entry.connection.pollTimeout(), undefined);
      assert.equal(pair[role].endpoint.pollTimeout(), undefined);
    });
  }

  test('at most 32 messages are processed per datagram, and the rest with the next one', () => {
    const pair = new Pair({ version, server: { ticketKeys: false } }).handshake();
    const insider = new Insider13(pair);
    pair.runFor(1000);
    const type = HandshakeType.new_session_ticket;
    const ticket = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 1, 9, 0, 1, 7, 0, 0);
    const record = (i: number) => {
      const body = i === 35 ? new Uint8Array(3) : ticket;
      return insider.message('server', 3, { type, messageSeq: 6 + i, body }, 100 + i);
    };
    pair.inject(pair.client, concat(...Array.from({ length: 38 }, (_, i) => record(i))));
    assert.equal(pair.client.dropped['too_many_messages'], 6);
    assert.ok(pair.client.isConnected, 'the malformed one, the 36th, waits');
    pair.inject(pair.client, record(38));
    assert.deepEqual(pair.client.alerts('sent'), ['fatal decode_error']);
  });
});

suite('answers before an address is proved', () => {
  for (const version of VERSIONS) {
    test(`server of ${version} sends an unvalidated address at most three bytes per received byte, for any ClientHello`, () => {
      const pair = new Pair({ version });
      const hellos: Uint8Array[] = [];
      pair.intercept = (data, from) => {
        if (from === 'client' && hellos.length === 0) hellos.push(data.slice());
        return [data];
      };
      pair.handshake();
      const [hello] = hellos;
      assert.ok(hello !== undefined);
      let sequence = 5000;
      const [fragment] = plainFragments(hello);
      assert.ok(fragment !== undefined);
      const from = { address: '198.51.100.7', port: 999, family: 'IPv4' } as const;
      for (const data of [
        hello,
        concat(hello, hello),
        concat(
          ...Array.from({ length: 20 }, () => plainRecord(22, stuffed(0, 1, 5), { sequence: sequence++ })),
        ),
        plainRecord(22, encodeFragment({ ...fragment, fragment: fragment.fragment.slice(0, 60) })),
      ]) {
        const { endpoint } = pair.server;
        endpoint.receive(data, from.address, from.port, from.family, pair.now);
        let out = 0;
        for (let sent = endpoint.pollTransmit(); sent !== undefined; sent = endpoint.pollTransmit())
          out += sent.data.length;
        assert.ok(out <= 3 * data.length, `${data.length} in, ${out} out`);
      }
    });
  }
});

/** Two KeyUpdates of the peer of `role`, each of which it sent after an ACK for the one before; they are not delivered. */
function twoUpdates(role: Role, requestPeer: boolean): { pair: Pair; updates: Uint8Array[] } {
  const pair = new Pair({ version: 'DTLSv1.3', server: { ticketKeys: false } }).handshake();
  const sender = other[role];
  pair.runFor(1000);
  pair.intercept = () => [];
  const updates: Uint8Array[] = [];
  const { entry, endpoint } = pair[sender];
  const numbers = Array.from({ length: 20 }, (_, sequenceNumber) => ({ epoch: 3, sequenceNumber }));
  for (let i = 0; i < 2; i++) {
    entry.connection.updateKeys({ requestPeer: requestPeer && i === 1 }, pair.now);
    endpoint.touch(entry);
    for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit())
      updates.push(out.data);
    pair.drain();
    const ack = encodeAck({ recordNumbers: numbers });
    pair.inject(pair[sender], new Insider13(pair).seal(role, 3, ContentType.ack, ack, 60 + i));
  }
  assert.equal(updates.length, 2);
  return { pair, updates };
}
