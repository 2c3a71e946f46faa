import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { HelloFilter } from '#lib/driver/datagram-channel.js';
import {
  HandshakeShare,
  HandshakeTurns,
  type TurnsHost,
  WaitingDatagrams,
} from '#lib/driver/handshake-turns.js';

/** Moves only by itself; ms. */
class Clock {
  now = 1000;
  readonly read = (): number => this.now;
}

const HANDSHAKE = 0.6;
const MESSAGE = 0.015;
/** No clock is finer. */
const TICK = 0.001;

/** Handshakes that wait without end, beside sessions with a message each `gap` ms, and so many datagrams of a flood with each. */
function shareBeside(gap: number | undefined, flood = 0): number {
  const clock = new Clock();
  const share = new HandshakeShare(clock.read);
  const end = clock.now + 1000;
  let next = clock.now;
  let spent = 0;
  while (clock.now < end) {
    for (; gap !== undefined && next <= clock.now; next += gap) {
      share.onBusy();
      clock.now += MESSAGE;
      for (let i = 0; i < flood; i++) share.onRead();
    }
    const { wait } = share;
    if (wait === 0) {
      share.spend(() => {
        clock.now += HANDSHAKE;
      });
      spent += HANDSHAKE;
    } else clock.now = Math.min(clock.now + Math.max(wait, TICK), next);
  }
  return spent / 1000;
}

suite('the share of the time that handshakes get', () => {
  test('is all of it while no session is in use', () => {
    assert.ok(shareBeside(undefined) > 0.99);
  });

  test('is an eighth while messages come one after the other', () => {
    const share = shareBeside(0.03);
    assert.ok(share > 0.09 && share < 0.13, `${share}`);
  });

  test('pays for reading what waits or is dropped, and at most half of it does', () => {
    const some = shareBeside(0.2, 1);
    assert.ok(some > 0.09 && some < 0.115, `${some}`);
    for (const flood of [3, 1000]) {
      const share = shareBeside(0.1, flood);
      assert.ok(share > 0.045 && share < 0.07, `${share}`);
    }
    assert.ok(shareBeside(10, 1000) > 0.8);
  });

  test('is most of it beside sessions that are far away, and seldom have a message', () => {
    assert.ok(shareBeside(10) > 0.8);
    assert.ok(shareBeside(3) > 0.5);
  });

  test('is no greater where another process had the core, and messages waited meanwhile', () => {
    const clock = new Clock();
    const share = new HandshakeShare(clock.read);
    let spent = 0;
    for (let turn = 0; turn < 200; turn++) {
      clock.now += 5;
      share.onBusy();
      for (; share.wait === 0; spent += HANDSHAKE)
        share.spend(() => {
          clock.now += HANDSHAKE;
        });
    }
    assert.ok(spent > 0 && spent < (clock.now - 1000) / 8, `${spent}`);
  });

  test('is used up in advance by at most a little: a long one does not keep later ones waiting without end', () => {
    const clock = new Clock();
    const share = new HandshakeShare(clock.read);
    share.onBusy();
    share.spend(() => {
      clock.now += 10_000;
    });
    assert.ok(share.wait > 0 && share.wait <= 1);
    let waited = 0;
    for (; share.wait > 0; waited += 0.5) {
      share.onBusy();
      clock.now += 0.5;
    }
    assert.ok(waited >= 60 && waited <= 66, `${waited}`);
  });

  test('is no greater where a message that came before a handshake is told behind it', () => {
    const clock = new Clock();
    const share = new HandshakeShare(clock.read);
    const came = clock.now;
    share.spend(() => {
      clock.now += 8;
    });
    share.onBusy(came);
    assert.ok(share.wait > 0, `${share.wait}`);
  });

  test('counts what takes its time and throws', () => {
    const clock = new Clock();
    const share = new HandshakeShare(clock.read);
    share.onBusy();
    assert.ok(share.wait <= 0);
    assert.throws(() =>
      share.spend(() => {
        clock.now += 5;
        throw new Error('of the application');
      }),
    );
    share.onBusy();
    assert.ok(share.wait > 0);
  });
});

suite('datagrams of handshakes that wait', () => {
  /** The host of a client without an association. */
  const NEW = undefined;
  const peer = (port: number): PeerAddress => ({ address: '192.0.2.1', family: 'IPv4', port });
  const from = peer(1);
  const client = peer(2);

  test('go on first where a handshake is under way, each kind in its order', () => {
    const waiting = new WaitingDatagrams();
    for (const [number, host] of [
      [1, NEW],
      [2, 'a'],
      [3, NEW],
      [4, 'a'],
    ] as const)
      assert.ok(waiting.push(Uint8Array.of(number), host === NEW ? client : from, host));
    const order = Array.from({ length: 5 }, () => waiting.shift()?.datagram[0]);
    assert.deepEqual(order, [2, 4, 1, 3, undefined]);
  });

  test('of one peer stay in order: those that came before it had an association go on with the first that came then', () => {
    const waiting = new WaitingDatagrams();
    for (const [number, of] of [
      [1, client],
      [2, from],
      [3, client],
      [4, from],
    ] as const)
      assert.ok(waiting.push(Uint8Array.of(number), of, NEW));
    assert.equal(waiting.shift()?.datagram[0], 1);
    assert.ok(waiting.push(Uint8Array.of(5), from, 'a'));
    assert.equal(waiting.length, 4);
    const order = Array.from({ length: 5 }, () => waiting.shift()?.datagram[0]);
    assert.deepEqual(order, [2, 4, 5, 3, undefined]);
  });

  test('of new clients go on all the same while a peer floods its own handshake', () => {
    const waiting = new WaitingDatagrams();
    for (let i = 0; i < 100; i++) assert.ok(waiting.push(Uint8Array.of(0), from, 'a'));
    for (let i = 0; i < 5; i++) assert.ok(waiting.push(Uint8Array.of(1), client, NEW));
    const order = Array.from({ length: 45 }, () => waiting.shift()?.datagram[0]);
    assert.equal(order.filter((kind) => kind === 1).length, 5);
  });

  /** How many of 1 KiB with their cost find room. */
  function fill(waiting: WaitingDatagrams, host: string | undefined): number {
    let count = 0;
    while (waiting.push(new Uint8Array(512), host === NEW ? client : from, host)) count++;
    return count;
  }

  test('of new clients leave a quarter of the room to handshakes that are under way', () => {
    const waiting = new WaitingDatagrams();
    assert.deepEqual([fill(waiting, NEW), fill(waiting, 'a'), fill(waiting, NEW)], [192, 48, 0]);
    waiting.shift();
    assert.deepEqual([fill(waiting, NEW), fill(waiting, 'a')], [0, 1]);
    assert.deepEqual(
      ['b', 'c', 'd'].map((host) => fill(waiting, host)),
      [12, 3, 0],
    );
  });

  test('of one host that floods its own handshakes leave room to other hosts and to new clients', () => {
    const waiting = new WaitingDatagrams();
    assert.deepEqual([fill(waiting, 'flood'), fill(waiting, NEW), fill(waiting, 'a')], [192, 48, 12]);
    for (let left = waiting.length; left > 0; left--) waiting.shift();
    assert.equal(fill(waiting, NEW), 192, 'what has gone on takes no room');
  });

  test('are copies, and are gone when the endpoint ends', () => {
    const waiting = new WaitingDatagrams();
    const datagram = Uint8Array.of(1);
    waiting.push(datagram, from, NEW);
    datagram[0] = 2;
    assert.deepEqual(waiting.shift()?.datagram, Uint8Array.of(1));
    waiting.push(datagram, from, NEW);
    waiting.clear();
    assert.equal(waiting.length, 0);
  });
});

/** A record of a session, and a ClientHello in plaintext. */
const MESSAGE_DATAGRAM = Uint8Array.of(23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1);
const HELLO_DATAGRAM = Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
const ANYBODY: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 1 };

/** Has one session, whose messages are authentic, and says in which order it receives what comes. */
class Host implements TurnsHost {
  readonly turns = new HandshakeTurns(this);
  readonly received: ('message' | 'hello')[] = [];
  handshakesBegun = 0;
  filtered = 0;
  readonly helloFilter: HelloFilter | undefined;

  constructor(helloFilter?: HelloFilter) {
    this.helloFilter = helloFilter;
  }

  mayConcernHandshake(datagram: Uint8Array): boolean {
    return datagram === HELLO_DATAGRAM;
  }

  hostUnderWay(): undefined {
    return undefined;
  }

  receive(datagram: Uint8Array): void {
    if (datagram[0] === 23) this.turns.onMessage();
    else this.handshakesBegun++;
    this.received.push(datagram[0] === 23 ? 'message' : 'hello');
  }

  onFiltered(count: number): void {
    this.filtered += count;
  }

  awaitEndOfTurn(): void {
    setImmediate(() => this.turns.onEndOfTurn());
  }

  take(datagram: Uint8Array): boolean {
    return this.turns.take(datagram, ANYBODY, false);
  }
}

suite('the turns of handshakes', () => {
  test('begin at once while no session is in use, and behind the messages of the turn while one is', () => {
    const host = new Host();
    host.take(HELLO_DATAGRAM);
    host.take(MESSAGE_DATAGRAM);
    host.turns.onEndOfTurn();
    host.take(HELLO_DATAGRAM);
    host.take(MESSAGE_DATAGRAM);
    assert.deepEqual(host.received, ['hello', 'message', 'message']);
    host.turns.onEndOfTurn();
    host.turns.stop();
    assert.deepEqual(host.received, ['hello', 'message', 'message', 'hello']);
  });

  test('let the system drop ClientHellos while they find no room, count those, and admit all when no more come', async () => {
    let shareNow = 1;
    const least = await new Promise<number>((resolve) => {
      let lowest = 1;
      const host = new Host({
        admit: (share) => {
          shareNow = share;
          lowest = Math.min(lowest, share);
          if (share === 1) resolve(lowest);
          return true;
        },
        takeDropped: () => 5,
      });
      host.take(MESSAGE_DATAGRAM);
      let dropped = 0;
      for (let i = 0; i < 20_000; i++) if (!host.take(HELLO_DATAGRAM)) dropped++;
      assert.ok(dropped > 15_000, `${dropped}`);
    });
    assert.equal(shareNow, 1);
    assert.ok(least < 0.1, `${least}`);
  });

  test('let it drop none where nothing finds no room', () => {
    const host = new Host({
      admit: () => assert.fail('some are dropped'),
      takeDropped: () => 0,
    });
    for (let i = 0; i < 100; i++) assert.ok(host.take(HELLO_DATAGRAM));
    host.turns.stop();
  });
});
