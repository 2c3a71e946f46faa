// What an endpoint keeps of sessions that hibernate.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import { asleepIn } from '#lib/connection/connection.js';
import { decodeState, encodeState } from '#lib/connection/saved-state.js';
import { type ConnectionEntry, type Holder, stateOf } from '#lib/endpoint/connection-entry.js';
import { dormantIn, Endpoint } from '#lib/endpoint/endpoint.js';
import { Reader, Writer } from '#lib/wire/cursor.js';
import { Crowd, type Member } from '../support/crowd.js';
import { collectGarbage } from '../support/garbage.js';
import { Random } from '../support/random.js';
import { behaviour, security, UNLIMITED, VERSIONS } from '../support/settings.js';

const AFTER = 10_000;
const IDLE = 100_000;
/** So long a server of DTLS 1.2 keeps its last flight. */
const LAST_FLIGHT = 250_000;
/** Timers that one call handles. */
const MAX_WAKES = 32;
/** Full collections. They must free every unreferenced object. */
const COLLECTIONS = 20;
const ownHost = (i: number): string => `10.1.${i >> 8}.${i & 255}`;

/** The owner of one entry, as the driver is. */
class Keeper implements Holder {
  mayLetGo = true;
  /** Its place while there is no entry. */
  place: number | undefined;
  readonly received: string[] = [];
  readonly #server: Endpoint;
  #entry: ConnectionEntry | undefined;

  constructor(server: Endpoint, entry: ConnectionEntry) {
    this.#server = server;
    this.#entry = entry;
  }

  get entry(): ConnectionEntry | undefined {
    return this.place === undefined ? this.#entry : dormantIn(this.#server).recall(this.place);
  }

  onDormant(place: number): void {
    this.place = place;
    this.#entry = undefined;
  }

  onRecalled(entry: ConnectionEntry): void {
    assert.equal(stateOf(entry).holder, this);
    this.place = undefined;
    this.#entry = entry;
  }
}

/** A server whose sessions hibernate, with a keeper of each of them, in the order of their beginning. */
class House extends Crowd {
  readonly keepers: Keeper[] = [];
  /** Clients that come from now on get other ones. */
  readonly replaceSettings: () => void;
  /** How many sessions have no entry, found without making one. */
  get dormant(): number {
    return dormantIn(this.server).size;
  }

  constructor(
    version: (typeof VERSIONS)[number],
    limits: Partial<EndpointLimits> = {},
    manner: BehaviourOptions = {},
  ) {
    const whole = { hibernateAfter: AFTER, idleTimeout: IDLE, ...manner };
    super(version, limits, whole);
    this.replaceSettings = () =>
      this.server.serve({ security: security('server', version), behaviour: behaviour(whole) });
    this.onsession = (entry) => {
      const keeper = new Keeper(this.server, entry);
      stateOf(entry).holder = keeper;
      this.keepers.push(keeper);
    };
    this.onmessage = (entry, data) => keeperOf(entry).received.push(String.fromCharCode(...data));
  }

  /** All sessions without traffic hibernate. */
  sleep(): void {
    this.wait(2 * AFTER + 1);
  }

  text(member: Member, text: string): void {
    member.endpoint.send(member.entry, new TextEncoder().encode(text));
    this.exchange();
  }

  /** A message of the server, which the member receives. */
  answer(keeper: Keeper, member: Member): void {
    const before = member.entry.connection.counters.messagesReceived;
    this.server.send(keeper.entry ?? assert.fail(), Uint8Array.of(1));
    this.exchange();
    assert.equal(member.entry.connection.counters.messagesReceived, before + 1);
  }
}

function keeperOf(entry: ConnectionEntry): Keeper {
  const { holder } = stateOf(entry);
  return holder instanceof Keeper ? holder : assert.fail('it has no holder');
}

/** Of a client that begins. */
function firstHello(version: (typeof VERSIONS)[number]): Uint8Array {
  const endpoint = new Endpoint(UNLIMITED);
  const peer = { address: '192.0.2.2', family: 'IPv4', port: 4433 } as const;
  const destination = { serverName: 'localhost', verifyName: 'localhost' };
  endpoint.connect(peer, security('client', version), behaviour(), destination, 0);
  return endpoint.pollTransmit()?.data ?? assert.fail();
}

for (const version of VERSIONS) {
  suite(`${version}: a session that hibernates`, () => {
    test('has no entry, and is found again by a datagram and by its holder', () => {
      const house = new House(version);
      const members = house.clients(20, ownHost);
      for (let round = 0; round < 3; round++) {
        house.sleep();
        assert.deepEqual([house.dormant, house.server.size, house.server.hibernating], [20, 20, 20]);
        for (const [i, member] of members.entries()) house.text(member, `${round}.${i}`);
        assert.deepEqual([house.dormant, house.server.hibernating], [0, 0]);
        house.sleep();
        for (const [i, member] of members.entries()) house.answer(house.keepers[i] ?? assert.fail(), member);
        assert.deepEqual([house.dormant, house.server.size], [0, 20]);
      }
      for (const [i, { received }] of house.keepers.entries())
        assert.deepEqual(received, [`0.${i}`, `1.${i}`, `2.${i}`]);
    });

    test('stays an entry without a holder, and where its holder refers to it', () => {
      const house = new House(version);
      house.clients(3, ownHost);
      const [first, second] = house.keepers;
      assert.ok(first !== undefined && second !== undefined);
      first.mayLetGo = false;
      stateOf(second.entry ?? assert.fail()).holder = undefined;
      house.sleep();
      assert.deepEqual([house.dormant, house.server.hibernating], [1, 3]);
    });

    test('shows the same to a look at it, and stays as it is', () => {
      const house = new House(version);
      const [member] = house.clients(1, ownHost);
      assert.ok(member !== undefined);
      house.text(member, 'hello');
      const [keeper] = house.keepers;
      const { connection } = keeper?.entry ?? assert.fail();
      const { counters, lastHeard, maxMessageSize, path } = connection;
      const before = structuredClone({ counters, lastHeard, maxMessageSize, address: path.address });
      house.sleep();
      const looked = dormantIn(house.server).look(keeper?.place ?? assert.fail());
      const after = {
        counters: looked.counters,
        lastHeard: looked.lastHeard,
        maxMessageSize: looked.maxMessageSize,
        address: looked.path.address,
      };
      assert.deepEqual(after, before);
      assert.equal(looked.session?.version, version);
      assert.equal(house.dormant, 1);
    });

    test('is told apart from others by address and port, of both families and of none', () => {
      const house = new House(version);
      const addresses = [
        '10.0.0.1',
        '10.0.0.10',
        '2001:db8::1',
        '2001:db8:0:1::1',
        'fe80::1%eth0',
        '::ffff:10.0.0.9',
      ];
      const members = addresses.map((address, i) => house.client(address, 1000 + (i % 2)));
      house.sleep();
      assert.equal(house.dormant, members.length);
      for (const { address } of members) {
        assert.equal(house.server.find({ ...address, port: address.port + 1 }), undefined);
        assert.deepEqual(house.server.find(address)?.peer, address);
      }
      assert.equal(house.dormant, 0);
    });

    test('ends by its idle timeout', () => {
      const house = new House(version);
      const members = house.clients(40, ownHost);
      for (const member of members) member.silent = true;
      house.sleep();
      assert.equal(house.dormant, 40);
      house.wait(IDLE);
      assert.deepEqual([house.dormant, house.server.size, house.closed.length], [0, 0, 40]);
      assert.ok(house.closed.every(({ entry }) => stateOf(entry).holder instanceof Keeper));
    });

    test('gets an entry while another session of its host is there', () => {
      const house = new House(version);
      const first = house.client('10.0.0.1', 1);
      house.sleep();
      assert.equal(house.dormant, 1);
      const second = house.client('10.0.0.1', 2);
      assert.equal(house.dormant, 0);
      house.sleep();
      assert.deepEqual([house.dormant, house.server.hibernating], [0, 2]);
      house.text(first, 'first');
      house.text(second, 'second');
      assert.deepEqual(
        house.keepers.map(({ received }) => received),
        [['first'], ['second']],
      );
      house.server.close(house.keepers[1]?.entry ?? assert.fail(), house.now);
      house.exchange();
      house.sleep();
      assert.deepEqual([house.dormant, house.server.size], [1, 1]);
    });

    test('counts as a session of its host', () => {
      const house = new House(version, { maxSessionsPerHost: 1, evictAfter: 0 });
      const first = house.client('10.0.0.1', 1);
      house.sleep();
      const second = house.client('10.0.0.1', 2);
      assert.equal(second.openedAt, undefined);
      assert.deepEqual(
        house.refusals.map(({ reason }) => reason),
        ['max_sessions_per_host'],
      );
      house.text(first, 'still here');
      assert.deepEqual(house.keepers[0]?.received, ['still here']);
    });

    test('gives way to a new client on a full endpoint when it was silent for the longest time', () => {
      const house = new House(version, { maxSessions: 10, evictAfter: 2 * AFTER });
      const members = house.clients(10, ownHost);
      house.sleep();
      for (const member of members)
        if (member !== members[3] && member !== members[7]) house.text(member, 'x');
      house.wait(1);
      house.text(members[3] ?? assert.fail(), 'x');
      house.sleep();
      assert.equal(house.dormant, 10);
      assert.ok(house.timeToOpen(house.client('10.9.9.9', 1), 2000) !== undefined);
      assert.deepEqual(
        house.closed.map(({ entry }) => keeperOf(entry)),
        [house.keepers[7]],
      );
      assert.equal(house.server.size, 10);
    });

    test('stays as it is while anybody sends ClientHellos from its address', () => {
      const house = new House(version);
      const [member] = house.clients(1, ownHost);
      const [keeper] = house.keepers;
      assert.ok(member && keeper);
      house.sleep();
      const { address, port } = member.address;
      let recalls = 0;
      const recalled = keeper.onRecalled.bind(keeper);
      keeper.onRecalled = (entry) => {
        recalls++;
        recalled(entry);
      };
      const before = house.server.counters.cookiesSent;
      for (let i = 0; i < 5; i++) {
        const hello = firstHello(version);
        assert.ok(house.server.mayConcernHandshake(hello, address, port));
        assert.equal(house.server.hostUnderWay(address, port), undefined);
        house.inject(hello, member);
      }
      assert.equal(house.server.counters.cookiesSent, before + 5);
      assert.deepEqual([recalls, house.dormant], [0, 1]);
      house.text(member, 'awake');
      assert.deepEqual([recalls, keeper.received], [1, ['awake']]);
    });

    test('is replaced by its client that restarts, and not by a repeated ClientHello', (t) => {
      const house = new House(version);
      const receive = t.mock.method(house.server, 'receive');
      const first = house.client('10.0.0.1', 1);
      const withCookie = receive.mock.calls[1]?.arguments[0];
      first.silent = true;
      house.sleep();
      const { handshakesBegun } = house.server.counters;
      house.inject(withCookie ?? assert.fail(), first);
      house.sleep();
      assert.deepEqual([house.server.counters.handshakesBegun, house.dormant], [handshakesBegun, 1]);
      const restarted = house.client('10.0.0.1', 1);
      assert.notEqual(restarted.openedAt, undefined);
      assert.equal(house.server.size, 1);
      assert.equal(house.closed.length, 1);
      house.text(restarted, 'again');
      assert.deepEqual(house.keepers[1]?.received, ['again']);
    });

    test('hears of a datagram that the system refused after its entry was let go', () => {
      const house = new House(version);
      const [member] = house.clients(1, ownHost);
      const [keeper] = house.keepers;
      const former = keeper?.entry ?? assert.fail();
      const { maxMessageSize } = former.connection;
      house.sleep();
      house.server.handleTooLarge(former, 1200, house.now);
      house.exchange();
      const current = keeper?.entry ?? assert.fail();
      assert.notEqual(current, former);
      assert.ok(current.connection.maxMessageSize < maxMessageSize);
      house.text(member ?? assert.fail(), 'hello');
      assert.deepEqual(keeper?.received, ['hello']);
    });

    test('is among the entries of the endpoint, which come with entries again', () => {
      const house = new House(version);
      house.clients(20, ownHost);
      house.sleep();
      assert.equal([...house.server.entries()].length, 20);
      house.exchange();
      assert.deepEqual([house.dormant, house.server.size], [20, 20]);
    });

    test('is found by its connection ID from a new address', () => {
      const house = new House(version, {}, { connectionId: 8 });
      const [member] = house.clients(1, ownHost);
      assert.ok(member !== undefined);
      house.text(member, 'before');
      house.sleep();
      assert.equal(house.dormant, 1);
      const there = house.move(member, { address: '10.7.7.7', port: 9, family: 'IPv4' });
      house.text(there, 'after');
      const [keeper] = house.keepers;
      assert.deepEqual(keeper?.received, ['before', 'after']);
      house.wait(1000);
      assert.deepEqual(keeper.entry?.peer, there.address);
      house.sleep();
      assert.equal(house.dormant, 1);
      assert.equal(house.server.find(there.address), keeper.entry);
    });

    test('is found by each of its connection IDs', () => {
      const house = new House(version, {}, { connectionId: 8 });
      const members = house.clients(20, ownHost);
      for (let round = 0; round < 3; round++) {
        house.sleep();
        assert.equal(house.dormant, 20);
        if (version === 'DTLSv1.3')
          for (const { entry } of house.keepers)
            house.server.renewConnectionId(entry ?? assert.fail(), house.now);
        house.exchange();
        house.sleep();
        assert.equal(house.dormant, 20);
        // Peers that checked paths have asked for spare IDs, and use them where they move.
        for (const [i, member] of members.entries()) {
          const there = { ...member.address, address: `10.2.${round}.${i}` };
          members[i] = house.move(member, there);
          if (i % 2 === 0) member.endpoint.leavePath(member.entry, house.now);
          house.text(members[i] ?? assert.fail(), `${round}.${i}`);
        }
        house.wait(1000);
        assert.ok(house.keepers.every(({ entry }, i) => entry?.peer.address === `10.2.${round}.${i}`));
      }
      for (const [i, { received }] of house.keepers.entries())
        assert.deepEqual(received, [`0.${i}`, `1.${i}`, `2.${i}`]);
      assert.equal(house.server.counters.unknownConnectionIds, 0);
    });

    test('is not woken by other connection IDs than its own', () => {
      const house = new House(version, {}, { connectionId: 8 });
      const members = house.clients(20, ownHost);
      const made = members.map(({ entry }) => entry.connection.connectionIds?.send ?? assert.fail());
      house.sleep();
      for (const [i, cid] of made.entries())
        for (let bit = 0; bit < 64; bit += 7) {
          const near = cid.slice();
          near[bit >>> 3] = (near[bit >>> 3] as number) ^ (1 << (bit & 7));
          const header = version === 'DTLSv1.3' ? [0x3f] : [25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9];
          const data = Uint8Array.of(...header, ...near, 0, 1, 0, 32, ...new Uint8Array(32));
          // From an address without a session: the one at an address of a session is woken by that.
          house.inject(data, {
            ...(members[i] as Member),
            address: { address: '10.9.9.9', family: 'IPv4', port: 1 },
          });
        }
      assert.equal(house.dormant, 20);
      assert.equal(house.server.counters.unknownConnectionIds, 20 * 10);
    });

    test('keeps its connection IDs from being given to others', () => {
      const given = [7, 7, 8, 7, 8, 9].map((first) => Uint8Array.of(first, 1, 2, 3));
      const generate = (): Uint8Array => given.shift() ?? Uint8Array.of(given.length, 0xff, 0, 0);
      const manner = { connectionId: { length: 4, generate }, returnRoutability: 'never' } as const;
      const house = new House(version, {}, manner);
      const ids = (): (number | undefined)[] => {
        const member = house.client(ownHost(house.keepers.length), 1000);
        return [member.entry.connection.connectionIds?.send[0]];
      };
      assert.deepEqual(ids(), [7]);
      house.sleep();
      assert.equal(house.dormant, 1);
      assert.deepEqual(ids(), [8]);
      house.sleep();
      assert.equal(house.dormant, 2);
      assert.deepEqual(ids(), [9]);
      assert.equal(house.dormant, 2);
    });

    test('counts for its own host while the path to another one is not validated', () => {
      const manner = { connectionId: 8, returnRoutability: 'never' } as const;
      const house = new House(version, { maxSessionsPerHost: 2, evictAfter: 0 }, manner);
      for (let i = 0; i < 2; i++) {
        const there = house.move(house.client('10.0.0.1', 1000 + i), {
          address: '10.7.7.7',
          port: 2000 + i,
          family: 'IPv4',
        });
        house.text(there, 'from elsewhere');
        there.silent = true;
        house.sleep();
      }
      assert.ok(house.keepers.every(({ entry }) => entry?.peer.address === '10.7.7.7'));
      assert.equal(house.client('10.0.0.1', 1002).openedAt, undefined);
      assert.deepEqual(
        house.refusals.map(({ peer, reason }) => [peer.address, reason]),
        [['10.0.0.1', 'max_sessions_per_host']],
      );
      assert.notEqual(house.client('10.7.7.7', 5).openedAt, undefined);
    });

    test('needs no entry any more when the other session of its host has moved away', () => {
      const house = new House(version, {}, { connectionId: 8 });
      const stays = house.client('10.0.0.1', 1);
      const leaves = house.client('10.0.0.1', 2);
      house.sleep();
      assert.deepEqual([house.dormant, house.server.hibernating], [0, 2]);
      const there = house.move(leaves, { address: '10.7.7.7', port: 9, family: 'IPv4' });
      house.text(there, 'from elsewhere');
      house.wait(1000);
      assert.equal(house.keepers[1]?.entry?.connection.path.validated, true);
      assert.equal(house.dormant, 1);
      house.sleep();
      assert.equal(house.dormant, 2);
      house.text(stays, 'still here');
      assert.deepEqual(house.keepers[0]?.received, ['still here']);
    });

    for (const [others, title] of [
      [1, 'while another one hibernates'],
      [0, 'and was the last that hibernated'],
    ] as const)
      test(`does not keep replaced settings of its server when it is over ${title}`, async () => {
        const house = new House(version);
        const settings = replacedSettings(house, others);
        for (let i = 0; i < COLLECTIONS && settings.deref() !== undefined; i++) {
          // What a turn has looked at lives until its end.
          await turn();
          collectGarbage();
        }
        assert.equal(settings.deref(), undefined);
        assert.deepEqual([house.dormant, house.server.size], [others, others]);
      });
  });
}

/** Those of a session that slept and is over; so many with others sleep. */
function replacedSettings(house: House, others: 0 | 1): WeakRef<object> {
  house.client('10.0.0.1', 1);
  const settings = new WeakRef(house.keepers[0]?.entry?.connection.security ?? assert.fail());
  house.sleep();
  house.replaceSettings();
  house.clients(others, ownHost);
  house.sleep();
  assert.equal(house.dormant, 1 + others);
  house.server.close(house.keepers[0]?.entry ?? assert.fail(), house.now);
  house.exchange();
  // Its end lingers for a while.
  house.sleep();
  house.keepers.length = 0;
  house.closed.length = 0;
  return settings;
}

/** So many sessions of different keys are made by handshakes; the others are copies with other addresses and connection IDs. */
const KINDS = 8;
const COPIES = 3000;

/** Bytes of states, and of slots, for each of {@link COPIES} sessions. */
function measure(version: (typeof VERSIONS)[number], connectionId: number) {
  const manner = { connectionId, idleTimeout: 0, returnRoutability: 'never' } as const;
  const house = new House(version, {}, manner);
  const { server } = house;
  const states = house.clients(KINDS, ownHost).map((member, i) => {
    house.text(member, 'hello');
    member.silent = true;
    house.wait(LAST_FLIGHT);
    return server.save(house.keepers[i]?.entry ?? assert.fail(), house.now);
  });
  house.exchange();
  const service = { security: security('server', version), behaviour: behaviour(manner) };
  for (let i = 0; i < COPIES; i++) {
    const saved = decodeState(states[i % KINDS] as Uint8Array);
    const current = connectionId > 0 ? withOtherIds(saved.current) : saved.current;
    const peer = { address: `10.2.${i >> 8}.${i & 255}`, family: 'IPv4', port: 5684 } as const;
    const entry = server.restore(encodeState({ ...saved, current, peer }), service, {
      age: 0,
      now: house.now,
    });
    stateOf(entry).holder = new Keeper(server, entry);
    assert.equal(server.hibernate(entry, house.now), true);
    house.exchange();
  }
  assert.deepEqual([house.dormant, server.size], [COPIES, COPIES]);
  const one = asleepIn(dormantIn(server).look(0)) ?? assert.fail();
  assert.equal(one.connectionIds?.receive.length ?? 0, connectionId);
  const { size } = one.settings.pool.sleeping;
  return { states: size / COPIES, slots: dormantIn(server).bytes / COPIES };
}

/** A state begins with connection IDs. */
function withOtherIds(current: Uint8Array): Uint8Array {
  const r = new Reader(current);
  const w = new Writer().u8(r.u8()).u8(r.u8()).vec8(r.vec8());
  const count = r.u8();
  w.u8(count);
  for (let i = 0; i < count; i++) w.vec8(randomBytes(r.vec8().length));
  return w.bytes(r.rest()).finish();
}

/** Bytes of a session and its inside, which its application has. */
const SESSION = 160;
const MAX_SLOTS = 56;
const MAX_WITH_ID = 510;

for (const version of VERSIONS)
  suite(`${version}: memory of sessions that hibernate`, () => {
    test('is some bytes in slots, and a few more with a connection ID', () => {
      const without = measure(version, 0);
      assert.ok(without.slots <= MAX_SLOTS, `${without.slots} bytes in slots`);
      const { slots, states } = measure(version, 8);
      // A hash and a slot, with a quarter of their cells empty at most.
      assert.ok(slots - without.slots <= 11, `${slots} bytes in slots, ${without.slots} without ID`);
      assert.ok(SESSION + slots + states <= MAX_WITH_ID, `${slots} and ${states} bytes`);
    });

    for (const connectionId of [0, 8])
      test(`is no object of the endpoint, with connection IDs of ${connectionId} bytes`, async () => {
        const house = new House(version, {}, { connectionId });
        house.clients(10, ownHost);
        const objects = house.keepers.flatMap(({ entry }) => {
          if (entry === undefined) return [];
          const { ids, member } = stateOf(entry);
          return [entry, entry.connection, entry.peer, member, ids].flatMap((each) =>
            each === undefined ? [] : [new WeakRef<object>(each)],
          );
        });
        assert.equal(objects.length, connectionId > 0 ? 50 : 40);
        house.sleep();
        const left = (): number => objects.filter((each) => each.deref() !== undefined).length;
        for (let i = 0; i < COLLECTIONS && left() > 0; i++) {
          // What a turn has looked at lives until its end.
          await turn();
          collectGarbage();
        }
        assert.deepEqual([house.dormant, left()], [10, 0]);
      });
  });

suite('timers of sessions that hibernate', () => {
  const MANY = 100;
  const silent = (): House => {
    const house = new House('DTLSv1.2');
    for (const member of house.clients(MANY, ownHost)) member.silent = true;
    house.sleep();
    assert.equal(house.dormant, MANY);
    return house;
  };

  test('wait for that of an association which is due before them', () => {
    const house = silent();
    house.client('10.9.9.9', 7, true);
    const awake = house.keepers.at(-1)?.entry ?? assert.fail();
    house.server.handleTimeout(house.now + 2 * IDLE);
    const told = new Set<ConnectionEntry | undefined>();
    for (let event = house.server.pollEvent(); event !== undefined; event = house.server.pollEvent())
      if (event.type === 'connection') told.add(event.entry);
    assert.ok(told.has(awake));
  });

  test('are handled a few in a call, and nothing else is looked at', () => {
    const house = silent();
    const now = house.now + 2 * IDLE;
    const looked: Holder[] = [];
    let calls = 0;
    for (; (house.server.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now; calls++) {
      const before = looked.length;
      house.server.handleTimeout(now, (entry) => void looked.push(keeperOf(entry)));
      assert.ok(looked.length - before <= MAX_WAKES);
      assert.ok(house.dormant >= MANY - looked.length);
      house.exchange();
    }
    assert.equal(calls, Math.ceil(MANY / MAX_WAKES));
    assert.equal(looked.length, MANY);
    assert.equal(new Set(looked).size, MANY);
  });
});

suite('sessions that hibernate and wake at random', () => {
  for (const seed of [1, 2, 3])
    test(`lose no message, and no place, seed ${seed}`, () => {
      const random = new Random(seed);
      const house = new House('DTLSv1.2');
      const open = new Map<Member, Keeper>();
      const expected = new Map<Keeper, string[]>();
      /** Some are silent for too long. */
      const forgetEnded = (): void => {
        const ended = new Set(house.closed.map(({ entry }) => keeperOf(entry)));
        for (const [each, owner] of open) if (ended.has(owner)) open.delete(each);
      };
      let next = 0;
      for (let step = 0; step < 400; step++) {
        const [member, keeper] = [...open][random.below(open.size || 1)] ?? [];
        const what = random.below(10);
        if (member === undefined || keeper === undefined || (what < 3 && open.size < 30)) {
          // Some share a host.
          const made = house.client(`10.0.0.${random.below(40)}`, ++next);
          const owner = house.keepers.at(-1) ?? assert.fail();
          open.set(made, owner);
          expected.set(owner, []);
        } else if (what < 6) {
          house.text(member, `${step}`);
          expected.get(keeper)?.push(`${step}`);
        } else if (what < 7) house.answer(keeper, member);
        else if (what < 8) {
          house.server.close(keeper.entry ?? assert.fail(), house.now);
          house.exchange();
          open.delete(member);
        } else house.wait(random.below(AFTER));
        house.exchange();
        forgetEnded();
        assert.ok(house.server.size >= open.size);
      }
      house.sleep();
      forgetEnded();
      assert.equal(house.server.size, open.size);
      const hosts = [...open.keys()].map(({ address }) => address.address);
      const alone = hosts.filter((host) => hosts.indexOf(host) === hosts.lastIndexOf(host));
      assert.equal(house.dormant, alone.length);
      for (const [keeper, texts] of expected) assert.deepEqual(keeper.received, texts);
    });
});
