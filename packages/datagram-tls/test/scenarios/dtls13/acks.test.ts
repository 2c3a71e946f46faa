import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { decodeAck, encodeAck, type RecordNumber } from '#lib/wire/messages/ack.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, plainRecord, recordsOf } from '../../support/records.js';
import type { Side } from '../../support/side.js';

const version = 'DTLSv1.3';
const ROLES = ['client', 'server'] as const;

/** The ACKs that `role` sent, as far as they can be opened, and the epoch of each. */
function watchAcks(pair: Pair, role: Role): { epoch: number; numbers: readonly RecordNumber[] }[] {
  const insider = new Insider13(pair);
  const acks: { epoch: number; numbers: readonly RecordNumber[] }[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from !== role) return;
    for (const { type, epoch, content } of insider.open(from, data))
      if (type === ContentType.ack) acks.push({ epoch, numbers: decodeAck(content)?.recordNumbers ?? [] });
  };
  return acks;
}

function acksOf(side: Side, direction: 'sent' | 'received'): number[] {
  return side.traced.flatMap((event) =>
    event.kind === 'ack' && event.direction === direction ? [event.records] : [],
  );
}

/** A server with a certificate so large, and an MTU so small, that its flight needs several datagrams. */
function smallFlight(options: Partial<PairOptions> = {}): Pair {
  return new Pair({ version, server: SERVERS.rsa, serverBehaviour: { mtu: 256 }, ...options });
}

/** Loses the datagrams of the server's first flight for whose index `lost` returns true. */
function loseOfFlight(pair: Pair, lost: (place: number) => boolean): { arrived: number } {
  const seen = { arrived: 0 };
  let place = 0;
  pair.intercept = (data, from) => {
    if (from === 'client' || plainFragments(data)[0]?.messageSeq === 0 || pair.now >= 100) return [data];
    if (lost(place++)) return [];
    seen.arrived++;
    return [data];
  };
  return seen;
}

suite('acknowledgements of DTLS 1.3', () => {
  test('a handshake without loss has one ACK: of the last flight, by the server, in epoch 3', () => {
    const pair = new Pair({
      version,
      client: CLIENTS.ed25519,
      server: { requestCert: true, ticketKeys: false },
    });
    const acks = watchAcks(pair, 'server');
    pair.handshake();
    assert.deepEqual(acksOf(pair.client, 'sent'), []);
    assert.deepEqual(acks, [
      {
        epoch: 3,
        numbers: [{ epoch: 2, sequenceNumber: 0 }],
      },
    ]);
    assert.equal(pair.client.entry.connection.counters.retransmissions, 0);
  });

  test('the received part of a flight is acknowledged after a quarter of the timeout, and only the rest is retransmitted', () => {
    const pair = smallFlight();
    const seen = loseOfFlight(pair, (place) => place === 3);
    pair.connect().runFor(100);
    assert.ok(seen.arrived >= 3);
    pair.runFor(250);
    assert.ok(pair.client.isConnected, 'long before the timer of 1 s');
    const again = pair.server.traced.filter((event) => event.kind === 'flight' && event.retransmission);
    assert.equal(again.length, 1);
    assert.ok(again[0]?.kind === 'flight' && again[0].datagrams === 1);
    pair.runFor(100);
    assertAlive(pair);
  });

  test('a gap is reported at once, and only once', () => {
    const pair = smallFlight();
    loseOfFlight(pair, (place) => place === 1 || place === 2);
    pair.connect().runFor(60);
    assert.equal(acksOf(pair.client, 'sent').length, 1);
  });

  test('an ACK is sent in at least the epoch of the acknowledged records, with numbers in order', () => {
    for (let seed = 0; seed < 60; seed++) {
      const patient = { handshakeTimeout: 600_000 };
      const pair = smallFlight({
        seed,
        weather: { loss: 0.3, jitter: 40 },
        clientBehaviour: patient,
        serverBehaviour: { ...patient, mtu: 256 },
        limits: { cookieLifetime: 600_000 },
      });
      const acks = ROLES.map((role) => watchAcks(pair, role));
      pair.explain(() => {
        pair.handshake();
        for (const { epoch, numbers } of acks.flat()) {
          assert.notEqual(epoch, 1);
          for (const [i, number] of numbers.entries()) {
            assert.ok(number.epoch <= epoch);
            const before = numbers[i - 1];
            if (before === undefined) continue;
            const inOrder =
              number.epoch > before.epoch ||
              (number.epoch === before.epoch && number.sequenceNumber > before.sequenceNumber);
            assert.ok(inOrder);
          }
        }
      });
    }
  });

  test('an empty ACK speeds up a lost ServerHello, once DTLS 1.3 is chosen', () => {
    const pair = smallFlight();
    loseOfFlight(pair, (place) => place === 0);
    pair.connect().runFor(500);
    assert.equal(acksOf(pair.client, 'sent')[0], 0);
    pair.explain(() => assert.ok(pair.client.isConnected));
  });

  test('server repeats no plaintext to a client that shows the keys of the handshake', () => {
    const pair = smallFlight();
    // The client acknowledges protected records only, as some do, and the rest of them does not come.
    loseOfFlight(pair, (place) => place >= 3);
    const insider = new Insider13(pair);
    pair.connect().runUntil(() => pair.server.secrets.length >= 2, 100);
    pair.runFor(60);
    pair.intercept = () => [];
    const plain: number[] = [];
    const number = { epoch: 2, sequenceNumber: 0 };
    const ack = insider.seal('client', 2, ContentType.ack, encodeAck({ recordNumbers: [number] }));
    pair.inject(pair.server, ack);
    pair.intercept = (data, from) => {
      if (from === 'server') plain.push(recordsOf(data).filter(({ epoch }) => epoch === 0).length);
      return [];
    };
    pair.runFor(10_000);
    assert.ok(plain.length > 3, `${plain.length} datagrams`);
    assert.deepEqual(new Set(plain), new Set([0]));
  });

  test('a forged record of the handshake proves nothing about the plaintext', () => {
    const pair = smallFlight();
    loseOfFlight(pair, (place) => place >= 3);
    const insider = new Insider13(pair);
    pair.connect().runFor(60);
    const forged = insider.seal('client', 2, ContentType.ack, encodeAck({ recordNumbers: [] })).slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    pair.intercept = () => [];
    pair.inject(pair.server, forged);
    let plain = 0;
    pair.intercept = (data, from) => {
      if (from === 'server') plain += recordsOf(data).filter(({ epoch }) => epoch === 0).length;
      return [];
    };
    pair.runFor(10_000);
    assert.ok(plain > 0);
  });

  test('client repeats its last flight until it is acknowledged, and not after', () => {
    const pair = new Pair({ version });
    pair.intercept = (data, from) => (from === 'server' && pair.server.isConnected ? [] : [data]);
    // After 0.5, 1.5, 3.5 and 7.5 s: the path is short.
    pair.connect().runFor(8000);
    const { counters } = pair.client.entry.connection;
    assert.equal(counters.retransmissions, 4);
    pair.intercept = undefined;
    pair.runFor(600_000);
    assert.equal(counters.retransmissions, 5);
    assertAlive(pair);
  });

  test('client whose last flight never arrives fails with a timeout', () => {
    const pair = new Pair({ version });
    pair.intercept = (data, from) =>
      from === 'client' && recordsOf(data).some(({ epoch }) => epoch > 0) ? [] : [data];
    pair.connect().runFor(61_000);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    assert.equal(pair.client.sessions.length, 1);
  });

  test('client without an ACK continues with a server that has sent data', () => {
    const pair = new Pair({ version });
    const insider = new Insider13(pair);
    pair.intercept = (data, from) => {
      const isAck = () => insider.open(from, data).every(({ type }) => type === ContentType.ack);
      return from === 'server' && pair.server.isConnected && isAck() ? [] : [data];
    };
    pair.connect().runFor(100);
    pair.send(pair.server, Uint8Array.of(1));
    pair.runFor(70_000);
    const { retransmissions } = pair.client.entry.connection.counters;
    pair.runFor(300_000);
    assert.equal(pair.client.entry.connection.counters.retransmissions, retransmissions);
    assertAlive(pair);
  });

  test('neither side acknowledges anything before DTLS 1.3 is chosen', () => {
    const pair = new Pair({ version, client: { groups: 'X25519MLKEM768' } });
    let parts = 0;
    pair.intercept = (data, from) => {
      const [fragment] = plainFragments(data);
      return from === 'client' && fragment?.messageSeq === 0 && parts++ > 0 ? [] : [data];
    };
    pair.connect().runFor(900);
    assert.deepEqual(acksOf(pair.server, 'sent'), []);
    assert.deepEqual(acksOf(pair.client, 'sent'), []);
  });

  for (const role of ROLES) {
    test(`${role} ignores an ACK in epoch 0 before DTLS 1.3 is chosen, and after it has received protected records`, () => {
      const higher = encodeAck({ recordNumbers: [{ epoch: 3, sequenceNumber: 0 }] });
      const forged = plainRecord(ContentType.ack, higher);
      const pair = new Pair({ version });
      pair.connect();
      if (role === 'client') {
        pair.inject(pair.client, forged);
        assert.equal(pair.client.dropped['unauthenticated_ack'], 1);
      }
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900);
      pair.runFor(100);
      pair.inject(pair[role], forged);
      assert.equal(pair[role].dropped['unauthenticated_ack'], role === 'client' ? 2 : 1);
      assertAlive(pair);
    });

    test(`${role} ends the session on an ACK of an epoch beyond its own`, () => {
      const pair = new Pair({ version }).handshake();
      const insider = new Insider13(pair);
      const peer = role === 'client' ? 'server' : 'client';
      const body = encodeAck({ recordNumbers: [{ epoch: 4, sequenceNumber: 0 }] });
      pair.inject(pair[role], insider.seal(peer, 3, ContentType.ack, body));
      assert.deepEqual(pair[role].alerts('sent'), ['fatal illegal_parameter']);
    });

    test(`${role} ignores ACKs of records that it never sent, and of very many`, () => {
      const pair = new Pair({ version }).handshake();
      const insider = new Insider13(pair);
      const peer = role === 'client' ? 'server' : 'client';
      const recordNumbers = Array.from({ length: 1000 }, (_, i) => ({ epoch: 3, sequenceNumber: 7 * i }));
      for (let i = 0; i < 20; i++)
        pair.inject(pair[role], insider.seal(peer, 3, ContentType.ack, encodeAck({ recordNumbers }), 50 + i));
      assert.equal(pair[role].entry.connection.counters.retransmissions, 0);
      assertAlive(pair);
    });
  }

  test('a post-handshake message is acknowledged each time it is received', () => {
    const pair = new Pair({ version }).handshake();
    const insider = new Insider13(pair);
    const acks = watchAcks(pair, 'client');
    const ticket = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 1, 9, 0, 1, 7, 0, 0);
    const messageSeq = 6;
    for (const sequence of [40, 41, 42]) {
      const message = { type: HandshakeType.new_session_ticket, messageSeq, body: ticket };
      pair.inject(pair.client, insider.message('server', 3, message, sequence));
      pair.runFor(20);
    }
    assert.deepEqual(
      acks.map(({ epoch, numbers }) => [epoch, numbers]),
      [40, 41, 42].map((sequenceNumber) => [3, [{ epoch: 3, sequenceNumber }]]),
    );
    assertAlive(pair);
  });

  test('an ACK has no more numbers than fit, however many records were received', () => {
    const pair = new Pair({ version, serverBehaviour: { mtu: 256 }, clientBehaviour: { mtu: 256 } });
    const acks = watchAcks(pair, 'client');
    pair.intercept = (data, from) => {
      const lost = from === 'server' && recordsOf(data).some(({ epoch }) => epoch > 0);
      return lost && pair.random.chance(0.5) ? [] : [data];
    };
    pair.handshake();
    for (const { numbers } of acks) assert.ok(numbers.length <= 14);
  });
});

/** Bytes of messages, each as the number of its message and its offset. */
type Places = readonly string[];

/** What one side sends of its flight in epoch 2, and what it hears, in order; read afterwards, when the secrets are known. */
class FlightLog {
  readonly #pair: Pair;
  readonly #role: Role;
  readonly #log: { readonly from: Role; readonly data: Uint8Array }[] = [];
  /** Records of several messages, and places that ACKs named. */
  merged = 0;
  readonly named = new Set<string>();

  constructor(pair: Pair, role: Role) {
    this.#pair = pair;
    this.#role = role;
    pair.onDeparture = (side, data) => {
      if (side.role === role) this.#log.push({ from: role, data: data.slice() });
    };
    pair.onDelivery = ({ data, from }) => {
      if (from !== role) this.#log.push({ from, data: data.slice() });
    };
  }

  /** Nothing goes out again that an ACK has named. Returns all that went out. */
  check(): Set<string> {
    const insider = new Insider13(this.#pair);
    const held = new Map<number, Places>();
    for (const { from, data } of this.#log)
      for (const { type, epoch, sequence, content } of insider.open(from, data))
        if (from === this.#role && type === ContentType.handshake && epoch === 2)
          held.set(sequence, this.#sent(content));
        else if (from !== this.#role && type === ContentType.ack)
          for (const number of decodeAck(content)?.recordNumbers ?? [])
            if (number.epoch === 2)
              for (const place of held.get(number.sequenceNumber) ?? []) this.named.add(place);
    return new Set([...held.values()].flat());
  }

  #sent(content: Uint8Array): Places {
    const fragments = readHandshakeFragments(content) ?? [];
    if (fragments.length > 1) this.merged++;
    const places = fragments.flatMap(({ messageSeq, fragmentOffset, fragmentLength }) =>
      Array.from({ length: fragmentLength }, (_, i) => `${messageSeq} ${fragmentOffset + i}`),
    );
    for (const place of places) assert.ok(!this.named.has(place), `${place} was acknowledged`);
    return places;
  }
}

suite('a flight of which an ACK names a part, where messages share records', () => {
  for (const role of ROLES)
    test(`${role} sends again what no named record holds, and nothing else, whichever two datagrams are lost`, () => {
      const datagrams = 6;
      let partly = 0;
      for (let first = 0; first < datagrams; first++)
        for (let second = first; second < datagrams; second++) {
          const pair = new Pair({
            version,
            client: CLIENTS.p256,
            server: { ...SERVERS.rsa, requestCert: true, ticketKeys: false },
            clientBehaviour: { mtu: 256 },
            serverBehaviour: { mtu: 256 },
          });
          const log = new FlightLog(pair, role);
          let place = 0;
          pair.intercept = (data, from) => {
            const isFlight = from === role && recordsOf(data).every(({ epoch }) => epoch === 2);
            if (!isFlight) return [data];
            const isLost = place === first || place === second;
            place++;
            return isLost ? [] : [data];
          };
          pair.connect();
          pair.explain(() => {
            assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000));
            const sent = log.check();
            assert.ok(log.merged > 0);
            if (log.named.size > 0 && log.named.size < sent.size) partly++;
            pair.runFor(1000);
            assertAlive(pair);
          });
        }
      assert.ok(partly >= datagrams, `${partly} flights were acknowledged in part`);
    });
});
