import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { suite, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { loadedModule } from '#lib/crypto/node-native.js';
import type { ChannelHandlers } from '#lib/driver/datagram-channel.js';
import type { DatagramFunctions } from '#lib/driver/native-batches.js';
import { datagramCapabilities, NativeSocket, PLAIN } from '#lib/driver/native-datagrams.js';
import { Udp, type UdpOptions } from '#lib/driver/udp.js';
import { Random } from '../support/random.js';

const found = loadedModule();
const skip =
  'reason' in found
    ? found.reason
    : datagramCapabilities().length === 0
      ? 'no batches on this system'
      : false;
const native = ('reason' in found ? {} : found.module) as DatagramFunctions;
const { EAGAIN, EBADF, EMSGSIZE, ENOBUFS, ENOTSOCK } = constants.errno;

const OPTIONS: UdpOptions = {
  ...PLAIN,
  receiveBufferSize: 0x40_0000,
  maxSendQueue: 0,
  batches: true,
};

interface Received {
  readonly bytes: Uint8Array;
  readonly from: PeerAddress;
}

const NO_HANDLERS: ChannelHandlers = {
  onBound: () => undefined,
  onDatagram: () => undefined,
  onBatchEnd: () => undefined,
  onUnreachable: () => undefined,
  onError: () => undefined,
  onClosed: () => undefined,
};

/** A channel that is open until the end of the test, and what it received. */
function opened(t: TestContext, host: string, options: Partial<UdpOptions> = {}, port = 0) {
  const received: Received[] = [];
  const errors: Error[] = [];
  const channel = new Udp(host, port, { ...OPTIONS, ...options });
  channel.open({
    ...NO_HANDLERS,
    onDatagram: (datagram, { address, family, port }) =>
      void received.push({ bytes: datagram.slice(), from: { address, family, port } }),
    onUnreachable: (error) => void errors.push(error),
    onError: (error) => void errors.push(error),
  });
  t.after(() => channel.close());
  return { channel, received, errors, address: channel.address ?? assert.fail('not bound') };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await turn();
}

/** Its number in all of its bytes but the first four. */
function numbered(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  for (let i = 0; i < Math.min(4, length); i++) bytes[i] = number >>> (8 * i);
  return bytes;
}

/** A socket over functions of the native package, of which some are replaced. */
function over(
  t: TestContext,
  replaced: Partial<DatagramFunctions>,
): { socket: NativeSocket; errors: NodeJS.ErrnoException[] } {
  const errors: NodeJS.ErrnoException[] = [];
  const handlers = { ...NO_HANDLERS, onError: (error: Error) => void errors.push(error) };
  const socket =
    NativeSocket.over({ ...native, ...replaced }, '127.0.0.1', 0, OPTIONS, handlers) ??
    assert.fail('not bound');
  t.after(() => socket.close());
  return { socket, errors };
}

/** `send` that fails with these errors, by the number of the entry, each once. */
function failing(errors: Map<number, number>): Pick<DatagramFunctions, 'send'> {
  return {
    send: (socket, memory, from, to) => {
      const next = [...errors.keys()].filter((at) => at >= from && at < to).sort((a, b) => a - b)[0];
      if (next === undefined) return native.send(socket, memory, from, to);
      const sent = next > from ? native.send(socket, memory, from, next) : from;
      assert.equal(sent, next);
      new DataView(memory.buffer).setUint32(0, errors.get(next) ?? 0, true);
      errors.delete(next);
      return next;
    },
  };
}

/** `undefined`: it is closed. */
function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

/** Descriptors of this process. */
function openSockets(): string[] {
  return readdirSync('/proc/self/fd').filter((name) => linkOf(name)?.startsWith('socket:') === true);
}

/** A socket of node:dgram, and the first four bytes of what came to it. */
async function listener(t: TestContext): Promise<{ to: PeerAddress; numbers: number[] }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 0x40_0000 });
  const numbers: number[] = [];
  socket.on('message', (datagram) => void numbers.push(datagram.readUInt32LE(0)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  const { address, port } = socket.address();
  return { to: { address, family: 'IPv4', port }, numbers };
}

suite('batches of datagrams by native code', { skip }, () => {
  for (const [host, peer] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['::', '::1'],
  ] as const) {
    test(`what is sent arrives in order, at every size of a batch and of a datagram, from ${host} to ${peer}`, async (t) => {
      const random = new Random(0x62);
      const [a, b] = [opened(t, host), opened(t, host)];
      const to = a.channel.peerAt(peer, b.address.port) ?? assert.fail('no peer');
      const from = b.channel.peerAt(peer, a.address.port);
      let sent = 0;
      for (const size of [1, 2, 3, 15, 16, 17, 63, 64, 65, 66, 100]) {
        const datagrams: Uint8Array[] = [];
        while (datagrams.length < size) {
          // Runs of equal ones, and others.
          const length = [1, 64, 1200, random.below(3000), random.below(200)][random.below(5)] ?? 0;
          const run = 1 + random.below(20);
          for (let i = 0; i < run && datagrams.length < size; i++) datagrams.push(numbered(sent++, length));
        }
        const before = b.received.length;
        for (const datagram of datagrams) a.channel.send(datagram, to);
        a.channel.flush();
        await until(() => b.received.length >= before + size);
        const arrived = b.received.slice(before);
        assert.deepEqual(
          arrived.map(({ bytes }) => bytes),
          datagrams,
        );
        for (const one of arrived) assert.deepEqual(one.from, from);
      }
    });
  }

  for (const [what, addPeers] of [
    ['many peers', (t: TestContext) => Array.from({ length: 8 }, () => opened(t, '127.0.0.1'))],
    [
      'many peers with one port',
      (t: TestContext) => {
        const first = opened(t, '127.0.0.1');
        const others = Array.from({ length: 7 }, (_, i) =>
          opened(t, `127.0.0.${i + 2}`, {}, first.address.port),
        );
        return [first, ...others];
      },
    ],
  ] as const)
    test(`datagrams to ${what} keep their order to each`, async (t) => {
      const from = opened(t, '127.0.0.1');
      const peers = addPeers(t);
      for (let number = 0; number < 400; number++) {
        const to = peers[number % peers.length] ?? assert.fail();
        from.channel.send(numbered(number, 4 + (number % 3)), to.address);
        if (number % 150 === 0) from.channel.flush();
      }
      from.channel.flush();
      await until(() => peers.every(({ received }) => received.length === 50));
      for (const [place, { received }] of peers.entries())
        assert.deepEqual(
          received.map(({ bytes }) => new DataView(bytes.buffer).getUint32(0, true)),
          Array.from({ length: 50 }, (_, i) => i * 8 + place),
        );
    });

  test('datagrams of several hosts and families show where they come from', async (t) => {
    const to = { IPv4: opened(t, '127.0.0.1'), IPv6: opened(t, '::1') };
    const hosts = ['127.0.0.1', '127.0.0.1', '::1', '127.0.0.2', '127.0.0.1', '::1', '127.0.0.2'];
    for (const host of hosts) {
      const from = opened(t, host);
      const { received, address } = to[from.address.family === 'IPv6' ? 'IPv6' : 'IPv4'];
      const before = received.length;
      from.channel.send(numbered(1, 4), address);
      from.channel.flush();
      await until(() => received.length > before);
      assert.deepEqual(received.at(-1)?.from, from.address);
    }
  });

  test('what the system refuses or takes later of many peers is that of its peer, in its order', async (t) => {
    const random = new Random(0x72);
    const peers = await Promise.all(Array.from({ length: 5 }, () => listener(t)));
    let refusals = 0;
    const { socket } = over(t, {
      send: (number, memory, from, until) => {
        if (refusals > 100 || random.below(2) === 0) return native.send(number, memory, from, until);
        refusals++;
        const end = from + random.below(until - from);
        const sent = end > from ? native.send(number, memory, from, end) : from;
        new DataView(memory.buffer).setUint32(0, EAGAIN, true);
        return sent;
      },
    });
    const refused: unknown[] = [];
    const expected: unknown[] = [];
    for (let number = 0; number < 500; number++) {
      const { to } = peers[number % 5] ?? assert.fail();
      const isTooLong = number % 37 === 36;
      if (isTooLong) expected.push([number, to.port]);
      socket.send(
        numbered(number, isTooLong ? 65_508 : 4 + (number % 3)),
        to,
        (error) => void refused.push([number, (error as NodeJS.ErrnoException & PeerAddress).port]),
      );
      if (random.below(40) === 0) socket.flush();
      if (random.below(60) === 0) await turn();
    }
    socket.flush();
    await until(() => peers.reduce((sum, { numbers }) => sum + numbers.length, refused.length) === 500);
    assert.deepEqual(
      refused.toSorted((a, b) => (a as [number])[0] - (b as [number])[0]),
      expected,
    );
    for (const [place, { numbers }] of peers.entries())
      assert.deepEqual(
        numbers,
        Array.from({ length: 100 }, (_, i) => i * 5 + place).filter((number) => number % 37 !== 36),
      );
  });

  test('a datagram that the system refuses is reported to its sender, and those around it arrive', async (t) => {
    const { to, numbers } = await listener(t);
    const refused: [number, Error & { code?: string }][] = [];
    const { socket } = over(
      t,
      failing(
        new Map([
          [3, EMSGSIZE],
          [4, EMSGSIZE],
          [9, EMSGSIZE],
        ]),
      ),
    );
    for (let number = 0; number < 10; number++)
      socket.send(numbered(number, 100), to, (error) => void refused.push([number, error]));
    socket.flush();
    assert.equal(refused.length, 0);
    await until(() => numbers.length === 7 && refused.length === 3);
    assert.deepEqual(numbers, [0, 1, 2, 5, 6, 7, 8]);
    assert.deepEqual(
      refused.map(([number]) => number),
      [3, 4, 9],
    );
    const error = refused[0]?.[1] ?? assert.fail();
    assert.equal(error.message, `send EMSGSIZE 127.0.0.1:${to.port}`);
    assert.deepEqual(Object.fromEntries(Object.entries(error)), {
      errno: -EMSGSIZE,
      code: 'EMSGSIZE',
      syscall: 'send',
      address: '127.0.0.1',
      port: to.port,
    });
  });

  test('an address of the other family is reported to its sender, and those around it arrive', async (t) => {
    const { to, numbers } = await listener(t);
    const { channel } = opened(t, '127.0.0.1');
    const refused: (string | undefined)[] = [];
    const other: PeerAddress = { address: '::1', family: 'IPv6', port: 9 };
    channel.send(numbered(0, 50), to);
    channel.send(numbered(1, 50), other, (error) => void refused.push((error as NodeJS.ErrnoException).code));
    channel.send(numbered(2, 50), to);
    channel.flush();
    await until(() => numbers.length === 2 && refused.length === 1);
    assert.deepEqual(numbers, [0, 2]);
  });

  test('a batch of which native code throws is not kept for other sockets', async (t) => {
    const { to, numbers } = await listener(t);
    const fault = new Error('of native code');
    const { socket } = over(t, {
      send: () => {
        throw fault;
      },
    });
    socket.send(numbered(0, 50), to, undefined);
    assert.throws(() => socket.flush(), fault);
    const { channel } = opened(t, '127.0.0.1');
    channel.send(numbered(1, 50), to);
    channel.flush();
    await until(() => numbers.length === 1);
    assert.deepEqual(numbers, [1]);
  });

  test('the kernel itself refuses what is too long, in the middle of a batch', async (t) => {
    const { to, numbers } = await listener(t);
    const { socket } = over(t, {});
    const refused: unknown[] = [];
    const lengths = [100, 65_508, 200, 65_535, 300];
    for (const [number, length] of lengths.entries())
      socket.send(
        numbered(number, length),
        to,
        (error) => void refused.push([number, (error as NodeJS.ErrnoException).code]),
      );
    socket.flush();
    await until(() => numbers.length === 3 && refused.length === 2);
    assert.deepEqual(numbers, [0, 2, 4]);
    assert.deepEqual(refused, [
      [1, 'EMSGSIZE'],
      [3, 'EMSGSIZE'],
    ]);
  });

  for (const [name, errno] of [
    ['EAGAIN', EAGAIN],
    ['ENOBUFS', ENOBUFS],
  ] as const) {
    test(`what the system does not take now waits, and all behind it, in order: ${name}`, async (t) => {
      const { to, numbers } = await listener(t);
      const { socket, errors } = over(t, failing(new Map([[5, errno]])));
      for (let number = 0; number < 8; number++) socket.send(numbered(number, 50), to, undefined);
      socket.flush();
      assert.deepEqual([socket.queuedDatagrams, socket.queuedBytes], [3, 150]);
      const late = numbered(8, 60);
      socket.send(late, to, undefined);
      socket.flush();
      assert.deepEqual([socket.queuedDatagrams, socket.queuedBytes], [4, 210]);
      await until(() => numbers.length === 9);
      assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
      assert.deepEqual([socket.queuedDatagrams, socket.queuedBytes], [0, 0]);
      socket.send(numbered(9, 50), to, undefined);
      socket.flush();
      await until(() => numbers.length === 10);
      assert.deepEqual(errors, []);
    });

    test(`bytes that change behind a send are not sent, however long they wait: ${name}`, async (t) => {
      const { to, numbers } = await listener(t);
      const { socket } = over(t, failing(new Map([[1, errno]])));
      const bytes = new Uint8Array(50);
      for (let number = 0; number < 6; number++) {
        bytes[0] = number;
        socket.send(bytes, to, undefined);
        bytes[0] = 99;
        if (number === 2) socket.flush();
      }
      await until(() => numbers.length === 6);
      assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5]);
    });

    test(`what waits goes on in order however often the system takes no more: ${name}`, async (t) => {
      const { to, numbers } = await listener(t);
      const random = new Random(0x65);
      let refusals = 0;
      const { socket } = over(t, {
        send: (number, memory, from, until) => {
          if (refusals > 200 || random.below(2) === 0) return native.send(number, memory, from, until);
          refusals++;
          const end = from + random.below(until - from);
          const sent = end > from ? native.send(number, memory, from, end) : from;
          new DataView(memory.buffer).setUint32(0, errno, true);
          return sent;
        },
      });
      for (let number = 0; number < 400; number++) {
        socket.send(numbered(number, 20 + random.below(3)), to, undefined);
        if (random.below(20) === 0) socket.flush();
        if (random.below(40) === 0) await turn();
      }
      socket.flush();
      await until(() => numbers.length === 400);
      assert.deepEqual(
        numbers,
        Array.from({ length: 400 }, (_, number) => number),
      );
    });
  }

  for (const [name, errno] of [
    ['EBADF', EBADF],
    ['ENOTSOCK', ENOTSOCK],
  ] as const)
    test(`a descriptor that was closed by force is an error of the socket: ${name}`, async (t) => {
      const { to, numbers } = await listener(t);
      const { socket, errors } = over(t, failing(new Map([[1, errno]])));
      for (let number = 0; number < 3; number++) socket.send(numbered(number, 50), to, undefined);
      socket.flush();
      socket.send(numbered(3, 50), to, undefined);
      socket.flush();
      await until(() => numbers.length === 1 && errors.length === 1);
      assert.equal(errors[0]?.code, name);
    });

  test('its own descriptor closed by force is an error, and a file in its place is neither read nor closed', async (t) => {
    const { to } = await listener(t);
    const before = new Set(openSockets());
    const { socket, errors } = over(t, {});
    const own = openSockets().filter((descriptor) => !before.has(descriptor));
    assert.equal(own.length, 1);
    await turn();
    closeSync(Number(own[0]));
    const other = openSync('/dev/null', 'r');
    assert.equal(other, Number(own[0]));
    socket.send(numbered(0, 50), to, undefined);
    socket.flush();
    await until(() => errors.length === 1);
    assert.equal(errors[0]?.code, 'ENOTSOCK');
    assert.equal(linkOf(String(other)), '/dev/null');
    closeSync(other);
  });

  test('a peer that is not there is an error of a connected socket, which goes on', async (t) => {
    const gone = createSocket('udp4').bind(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address();
    gone.close();
    await once(gone, 'close');
    const { channel, errors, received, address } = opened(t, '127.0.0.1');
    channel.dedicate({ address: '127.0.0.1', family: 'IPv4', port });
    assert.equal(channel.localAddress?.address, '127.0.0.1');
    for (let round = 1; round <= 3; round++) {
      channel.send(numbered(0, 50), { address: '127.0.0.1', family: 'IPv4', port });
      channel.flush();
      await until(() => errors.length === round);
      assert.equal((errors[round - 1] as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    }
    const back = createSocket('udp4').bind(port, '127.0.0.1');
    await once(back, 'listening');
    back.send('hello', address.port, address.address);
    await until(() => received.length === 1);
    back.close();
  });

  test('no other socket can take its port, not even with SO_REUSEADDR', async (t) => {
    const { address } = opened(t, '127.0.0.1');
    const other = createSocket({ type: 'udp4', reuseAddr: true });
    const failure = once(other, 'error');
    other.bind(address.port, '127.0.0.1');
    const [error] = (await failure) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EADDRINUSE');
    other.close();
  });

  test('a closed channel frees its port at once, and sends what was collected before', async (t) => {
    const { to, numbers } = await listener(t);
    const { channel, address } = opened(t, '127.0.0.1');
    for (let number = 0; number < 3; number++) channel.send(numbered(number, 20), to);
    channel.close();
    channel.send(numbered(3, 20), to);
    channel.flush();
    const next = new Udp('127.0.0.1', address.port, OPTIONS);
    next.open(NO_HANDLERS);
    assert.equal(next.address?.port, address.port);
    next.close();
    await until(() => numbers.length === 3);
    assert.deepEqual(numbers, [0, 1, 2]);
  });

  test('a port that is taken is the error of node:dgram', (t) => {
    const { address } = opened(t, '127.0.0.1');
    const other = new Udp('127.0.0.1', address.port, OPTIONS);
    assert.throws(() => other.open(NO_HANDLERS), {
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: '127.0.0.1',
      port: address.port,
    });
  });

  test('a channel that is closed by a datagram delivers none behind it', async (t) => {
    const { channel, address } = opened(t, '127.0.0.1');
    let delivered = 0;
    const closing = new Udp('127.0.0.1', 0, OPTIONS);
    closing.open({
      ...NO_HANDLERS,
      onDatagram: () => {
        if (++delivered === 20) closing.close();
      },
    });
    assert.ok(closing.address && address);
    for (let number = 0; number < 60; number++) channel.send(numbered(number, 20), closing.address);
    channel.flush();
    for (let i = 0; i < 20; i++) await turn();
    assert.equal(delivered, 20);
  });

  test('a datagram that the system has cut is as long as its room, and those around it are whole', async (t) => {
    const { channel } = opened(t, '127.0.0.1');
    const lengths: number[] = [];
    const socket =
      NativeSocket.over(
        {
          ...native,
          receive: (number, memory, most) => {
            const count = native.receive(number, memory, most);
            // Each second one of them was longer than 64 KiB, as it says.
            const view = new DataView(memory.buffer);
            for (let place = 1; place < count; place += 2) view.setUint32(place * 32, 0x2_0000, true);
            return count;
          },
        },
        '127.0.0.1',
        0,
        OPTIONS,
        { ...NO_HANDLERS, onDatagram: ({ length }) => void lengths.push(length) },
      ) ?? assert.fail('not bound');
    t.after(() => socket.close());
    assert.ok(socket.address);
    for (let number = 0; number < 6; number++) channel.send(numbered(number, 40), socket.address);
    channel.flush();
    await until(() => lengths.length === 6);
    assert.deepEqual(lengths, [40, 0x1_00c0, 40, 0x1_00c0, 40, 0x1_00c0]);
  });

  for (const host of ['127.0.0.1', '::1'])
    test(`the system drops the ClientHellos that are not admitted, and nothing else, and counts them: ${host}`, async (t) => {
      const { channel, received, address } = opened(t, host);
      const sender = opened(t, host).channel;
      const filter = channel.helloFilter ?? assert.fail('no filter');
      const hello = Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, ...new Uint8Array(11));
      const like = (at: number, value: number): Uint8Array => hello.with(at, value);
      const others = [
        like(0, 23),
        like(3, 1),
        like(4, 1),
        like(13, 2),
        hello.slice(0, 13),
        hello.slice(0, 1),
      ];
      const arriveOf = async (sent: readonly Uint8Array[], last = numbered(7, 30)): Promise<Uint8Array[]> => {
        received.length = 0;
        for (const one of [...sent, last]) {
          sender.send(one, address);
          sender.flush();
        }
        await until(() => received.some(({ bytes }) => bytes.length === last.length));
        return received.slice(0, -1).map(({ bytes }) => bytes);
      };
      filter.takeDropped();
      assert.ok(filter.admit(0));
      assert.deepEqual(await arriveOf([hello, ...others, hello]), others);
      assert.equal(filter.takeDropped(), 2);
      assert.equal(filter.takeDropped(), 0);
      assert.ok(filter.admit(0.5));
      const half = (await arriveOf(Array.from({ length: 1000 }, () => hello))).length;
      assert.ok(half > 300 && half < 700, `${half}`);
      assert.equal(filter.takeDropped(), 1000 - half);
      for (let i = 0; i < 2; i++) assert.ok(filter.admit(1), 'also where none is dropped');
      assert.deepEqual(await arriveOf([hello, ...others]), [hello, ...others]);
      channel.close();
      assert.ok(!filter.admit(0));
      assert.equal(filter.takeDropped(), 0);
    });

  test('a wake-up receives no more than node:dgram would', async (t) => {
    const batches: number[] = [];
    let delivered = 0;
    const { channel } = opened(t, '127.0.0.1');
    const receiver = new Udp('127.0.0.1', 0, OPTIONS);
    receiver.open({
      ...NO_HANDLERS,
      onDatagram: () => {
        delivered++;
      },
      onBatchEnd: () => void batches.push(delivered),
    });
    t.after(() => receiver.close());
    assert.ok(receiver.address);
    for (let number = 0; number < 200; number++) channel.send(numbered(number, 20), receiver.address);
    channel.flush();
    await until(() => delivered === 200);
    assert.ok(batches.length >= 200 / 32, batches.join());
    for (const [i, end] of batches.entries()) assert.ok(end - (batches[i - 1] ?? 0) <= 32, batches.join());
  });

  /** A socket that answers each datagram at once or not at all, and what it asked of `receive` in each wake-up. */
  function answering(t: TestContext, answers: boolean, receive: DatagramFunctions['receive']) {
    const asked: number[][] = [];
    let delivered = 0;
    const socket: NativeSocket =
      NativeSocket.over(
        {
          ...native,
          watchSocket: (number, onReady) =>
            native.watchSocket(number, (events) => {
              asked.push([]);
              onReady(events);
            }),
          receive: (number, memory, most) => {
            asked.at(-1)?.push(most);
            return receive(number, memory, most);
          },
        },
        '127.0.0.1',
        0,
        OPTIONS,
        {
          ...NO_HANDLERS,
          onDatagram: (datagram, from) => {
            delivered++;
            if (answers) socket.send(datagram, from, undefined);
          },
          onBatchEnd: () => socket.flush(),
        },
      ) ?? assert.fail('not bound');
    t.after(() => socket.close());
    const { channel } = opened(t, '127.0.0.1');
    const to = socket.address ?? assert.fail('not bound');
    return {
      asked,
      deliveredAfter: async (wakeUps: number) => {
        channel.send(numbered(0, 20), to);
        channel.flush();
        await until(() => asked.length === wakeUps);
        return delivered;
      },
    };
  }

  test('a wake-up goes on while its answers bring more datagrams, up to its limit', async (t) => {
    // The same one comes again each time.
    let isFirst = true;
    const { asked, deliveredAfter } = answering(t, true, (socket, memory, most) => {
      const count = isFirst ? native.receive(socket, memory, most) : 1;
      isFirst = false;
      return count;
    });
    assert.equal(await deliveredAfter(1), 32);
    assert.deepEqual(asked, [Array.from({ length: 32 }, (_, i) => 32 - i)]);
  });

  test('wake-ups look for more datagrams ever less often while there are none', async (t) => {
    const { asked, deliveredAfter } = answering(t, true, (...given) => native.receive(...given));
    for (let wakeUps = 1; wakeUps <= 8; wakeUps++) assert.equal(await deliveredAfter(wakeUps), wakeUps);
    assert.deepEqual(
      asked.map(({ length }) => length),
      [2, 1, 2, 1, 1, 1, 2, 1],
    );
  });

  test('a wake-up that answers nothing looks for no more datagrams', async (t) => {
    const { asked, deliveredAfter } = answering(t, false, (...given) => native.receive(...given));
    for (let wakeUps = 1; wakeUps <= 3; wakeUps++) assert.equal(await deliveredAfter(wakeUps), wakeUps);
    assert.deepEqual(asked, [[32], [32], [32]]);
  });

  test('wake-ups ask for one datagram at a time while there has been one, and now and then for many', async (t) => {
    const { asked, deliveredAfter } = answering(t, false, (...given) => native.receive(...given));
    for (let wakeUps = 1; wakeUps <= 52; wakeUps++) assert.equal(await deliveredAfter(wakeUps), wakeUps);
    const many = asked.flatMap(([most], i) => (most === 32 ? [i + 1] : []));
    // 15 that ask for one behind the fourth, and 31 behind the next.
    assert.deepEqual(many, [1, 2, 3, 4, 20, 52]);
    assert.ok(asked.every(([most]) => most === 32 || most === 1));
  });

  test('wake-ups ask for many again once there have been two', async (t) => {
    let count = 1;
    const { asked, deliveredAfter } = answering(t, false, (socket, memory, most) => {
      const received = native.receive(socket, memory, most);
      return received > 0 && most > 1 ? count : received;
    });
    for (let wakeUps = 1; wakeUps <= 19; wakeUps++) await deliveredAfter(wakeUps);
    count = 2;
    for (let wakeUps = 20; wakeUps <= 23; wakeUps++) await deliveredAfter(wakeUps);
    assert.deepEqual(
      asked.slice(18).map(([most]) => most),
      [1, 32, 32, 32, 32],
    );
  });

  /** Looks find one datagram each, but for `found` in the look of that number. */
  async function looking(t: TestContext, found: (wakeUp: number, look: number) => number) {
    const { asked, deliveredAfter } = answering(t, true, (socket, memory, most) => {
      const look = (asked.at(-1)?.length ?? 0) - 1;
      return look === 0 ? native.receive(socket, memory, most) : found(asked.length, look);
    });
    for (let wakeUps = 1; wakeUps <= 6; wakeUps++) await deliveredAfter(wakeUps);
    return asked.slice(3);
  }

  test('looks of a wake-up that asks for one ask for one, too, and one in eight for many', async (t) => {
    const [before, ...after] = await looking(t, () => 1);
    assert.deepEqual(
      before,
      Array.from({ length: 32 }, (_, i) => 32 - i),
    );
    const expected = Array.from({ length: 32 }, (_, i) => (i > 0 && i % 8 === 0 ? 32 - i : 1));
    assert.deepEqual(after, [expected, expected]);
  });

  test('looks ask for many once one has found two, and so does the next wake-up', async (t) => {
    const [, five, six] = await looking(t, (wakeUp, look) => (wakeUp === 5 && look === 8 ? 2 : 1));
    assert.deepEqual(five?.slice(7, 12), [1, 24, 22, 21, 20]);
    assert.equal(six?.[0], 32);
  });

  test('datagrams that are received one at a time come in order, whole or cut, from IPv4 and IPv6', async (t) => {
    for (const host of ['127.0.0.1', '::1']) {
      const got: [number, number, string][] = [];
      const socket =
        NativeSocket.over(
          { ...native, receive: (number, memory) => native.receive(number, memory, 1) },
          host,
          0,
          OPTIONS,
          {
            ...NO_HANDLERS,
            onDatagram: (datagram, from) => void got.push([datagram.length, datagram[0] ?? -1, from.address]),
          },
        ) ?? assert.fail('not bound');
      t.after(() => socket.close());
      const { channel } = opened(t, host);
      const lengths = [0, 1, 1200, 65_000, 0, 13];
      for (const [i, length] of lengths.entries())
        channel.send(new Uint8Array(length).fill(i), socket.address ?? assert.fail('not bound'));
      channel.flush();
      await until(() => got.length === lengths.length);
      assert.deepEqual(
        got,
        lengths.map((length, i) => [length, length === 0 ? -1 : i, host]),
      );
    }
  });

  test('a wake-up ends when its socket is closed behind an answer', async (t) => {
    let batches = 0;
    const socket: NativeSocket =
      NativeSocket.over(native, '127.0.0.1', 0, OPTIONS, {
        ...NO_HANDLERS,
        onDatagram: (datagram, from) => socket.send(datagram, from, undefined),
        onBatchEnd: () => {
          batches++;
          socket.flush();
          socket.close();
        },
      }) ?? assert.fail('not bound');
    t.after(() => socket.close());
    const { channel } = opened(t, '127.0.0.1');
    channel.send(numbered(0, 20), socket.address ?? assert.fail('not bound'));
    channel.flush();
    await until(() => batches > 0);
    assert.equal(batches, 1);
  });

  test('what was collected leaves before the process ends', async (t) => {
    const { to, numbers } = await listener(t);
    const program = fileURLToPath(new URL('exit-program.js', import.meta.url));
    await promisify(execFile)(process.execPath, [program, String(to.port)]);
    await until(() => numbers.length === 3);
    assert.deepEqual(numbers, [0, 1, 2]);
  });
});
