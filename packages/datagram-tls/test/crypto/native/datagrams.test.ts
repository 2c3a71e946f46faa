import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadedModule } from '#lib/crypto/node-native.js';
import { detached, shared, shrunk } from '../../support/bad-memory.js';

/*
 * The functions of the module for batches of datagrams by themselves: whatever JavaScript gives them, they throw or do
 * their work.
 */

interface Module {
  openSocket(...args: unknown[]): number;
  watchSocket(...args: unknown[]): number;
  awaitSocket(...args: unknown[]): number;
  referSocket(...args: unknown[]): void;
  setSocket(...args: unknown[]): number;
  admitHellos(...args: unknown[]): number;
  countDropped(...args: unknown[]): number;
  ownAddress(...args: unknown[]): number;
  connectSocket(...args: unknown[]): number;
  receive(...args: unknown[]): number;
  send(...args: unknown[]): number;
  sendsSegments(...args: unknown[]): boolean;
  encodeAddress(...args: unknown[]): boolean;
  decodeAddress(...args: unknown[]): string | undefined;
  closeSocket(...args: unknown[]): void;
}

const found = loadedModule();
const module = ('reason' in found ? {} : found.module) as unknown as Module;
const skip =
  'reason' in found
    ? found.reason
    : process.platform !== 'linux' && 'the functions for batches are for Linux alone';
const file = skip === false ? createRequire(import.meta.url).resolve('datagram-tls-native') : '';

/** Of packages/native/src/datagrams.h. */
const MOST = 32;
const RECEIVED_LENGTH = MOST * (32 + 0x1_0000 + 192);
const ENTRIES_AT = 32 + 1024 * 32;
const SENT_LENGTH = ENTRIES_AT + 256 * 16 + 0x2_0000;
const NO_NAME = 0xffff_ffff;
/** Datagrams that a worker sends at once. */
const BATCH = 100;

const owner = {};

function opened(address = '127.0.0.1'): number {
  const socket = module.openSocket(owner, address, 0, 0);
  assert.ok(socket > 0);
  return socket;
}

/** Memory to send with these entries: length, number of the address, offset. */
function entries(...given: readonly (readonly [number, number, number?])[]): Uint8Array {
  const memory = new Uint8Array(SENT_LENGTH);
  const view = new DataView(memory.buffer);
  for (const [place, [length, name, offset = 0]] of given.entries()) {
    view.setUint32(ENTRIES_AT + place * 16, length, true);
    view.setUint32(ENTRIES_AT + place * 16 + 4, name, true);
    view.setUint32(ENTRIES_AT + place * 16 + 8, offset, true);
  }
  return memory;
}

/** What the descriptors of this process refer to. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

suite('the native functions for datagrams', { skip }, () => {
  for (const [what, make] of [
    ['of a detached buffer', detached],
    ['of a buffer that has shrunk', shrunk],
    ['that is empty', () => new Uint8Array(0)],
    ['that is one byte too short', (length: number) => new Uint8Array(length - 1)],
  ] as const) {
    test(`refuse an array ${what}`, () => {
      const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
      assert.throws(() => module.receive(opened(), make(RECEIVED_LENGTH), MOST), outOfRange);
      assert.throws(() => module.send(opened(), make(SENT_LENGTH), 0, 1), outOfRange);
      assert.throws(() => module.encodeAddress('::1', 1, make(28), 0), outOfRange);
      assert.throws(() => module.decodeAddress(make(28), 0), outOfRange);
      assert.throws(() => module.ownAddress(opened(), make(28), 0), outOfRange);
      assert.throws(() => module.connectSocket(opened(), make(28), 0), outOfRange);
    });
  }

  test('refuse shared memory and what are no bytes', () => {
    for (const [value, code] of [
      [shared(RECEIVED_LENGTH), 'ERR_INVALID_ARG_VALUE'],
      [new Uint32Array(RECEIVED_LENGTH / 4), 'ERR_INVALID_ARG_TYPE'],
      [new ArrayBuffer(RECEIVED_LENGTH), 'ERR_INVALID_ARG_TYPE'],
      [undefined, 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      assert.throws(() => module.receive(opened(), value, 1), { code });
      assert.throws(() => module.send(opened(), value, 0, 0), { code });
      assert.throws(() => module.decodeAddress(value, 0), { code });
      assert.throws(() => module.ownAddress(opened(), value, 0), { code });
      assert.throws(() => module.connectSocket(opened(), value, 0), { code });
      assert.throws(() => module.encodeAddress('::1', 1, value, 0), { code });
    }
  });

  test('refuse numbers that are out of range', () => {
    const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
    const socket = opened();
    const inbox = new Uint8Array(RECEIVED_LENGTH);
    const outbox = new Uint8Array(SENT_LENGTH);
    for (const wrong of [-1, 65, 1.5, Number.NaN, 2 ** 40])
      assert.throws(() => module.receive(socket, inbox, wrong), outOfRange);
    for (const wrong of [-1, 257, 1.5])
      assert.throws(() => module.send(socket, outbox, 0, wrong), outOfRange);
    assert.throws(() => module.send(socket, outbox, 2, 1), outOfRange);
    for (const wrong of [-1, 0x1_0000]) {
      assert.throws(() => module.openSocket(owner, '::1', wrong, 0), outOfRange);
      assert.throws(() => module.encodeAddress('::1', wrong, outbox, 0), outOfRange);
    }
    assert.throws(() => module.openSocket(owner, '::1', 0, 4), outOfRange);
    assert.throws(() => module.decodeAddress(outbox, SENT_LENGTH - 27), outOfRange);
    for (const wrong of [-1, 4, 0.5]) assert.throws(() => module.awaitSocket(socket, wrong), outOfRange);
    for (const wrong of [-1, 4]) assert.throws(() => module.setSocket(socket, wrong, 1), outOfRange);
    for (const wrong of [-1, 0x1_0001]) assert.throws(() => module.admitHellos(socket, wrong), outOfRange);
    for (const wrong of [-1, 2 ** 31]) assert.throws(() => module.setSocket(socket, 0, wrong), outOfRange);
  });

  test('send refuses entries that reach beyond its memory, and addresses of another family, before it sends', () => {
    const socket = opened();
    const refused = { code: 'ERR_INVALID_ARG_VALUE' };
    const v6 = entries([1, 0]);
    assert.ok(module.encodeAddress('::1', 9, v6, 32));
    for (const memory of [
      entries([0x1_0000, NO_NAME]),
      entries([3, NO_NAME, 0x2_0000 - 2]),
      entries([0, NO_NAME, 0x2_0001]),
      entries([1, NO_NAME, 0xffff_ffff]),
      entries([1, 1024]),
      entries([1, 0]),
      v6,
    ])
      assert.throws(() => module.send(socket, memory, 0, 3), refused);
  });

  test('a closed socket, and a number of no socket, are errors with a code', () => {
    const socket = opened();
    module.closeSocket(socket);
    module.closeSocket(socket);
    for (const number of [socket, 0, 1, 2 ** 53 - 1])
      for (const call of [
        () => module.receive(number, new Uint8Array(RECEIVED_LENGTH), 1),
        () => module.send(number, new Uint8Array(SENT_LENGTH), 0, 0),
        () => module.watchSocket(number, () => undefined),
        () => module.awaitSocket(number, 1),
        () => module.referSocket(number, true),
        () => module.setSocket(number, 0, 1),
        () => module.ownAddress(number, new Uint8Array(28), 0),
        () => module.connectSocket(number, new Uint8Array(28), 0),
        () => module.sendsSegments(number),
        () => module.admitHellos(number, 1),
        () => module.countDropped(number),
      ])
        assert.throws(call, { code: 'ERR_INVALID_STATE' });
  });

  test('errors of the system are negative numbers', () => {
    const { EADDRNOTAVAIL, EAGAIN, EDESTADDRREQ, EINVAL } = constants.errno;
    assert.equal(module.openSocket(owner, 'no address', 0, 0), -EINVAL);
    assert.equal(module.openSocket(owner, '192.0.2.1', 0, 0), -EADDRNOTAVAIL);
    const socket = opened();
    assert.equal(module.receive(socket, new Uint8Array(RECEIVED_LENGTH), MOST), -EAGAIN);
    const memory = entries([1, NO_NAME]);
    assert.equal(module.send(socket, memory, 0, 1), 0);
    assert.equal(new DataView(memory.buffer).getUint32(0, true), EDESTADDRREQ);
  });

  test('a socket is watched once, by a function', () => {
    const { EALREADY, EINVAL } = constants.errno;
    const socket = opened();
    for (const wrong of [undefined, {}, 'function'])
      assert.throws(() => module.watchSocket(socket, wrong), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(module.awaitSocket(socket, 1), -EINVAL);
    module.referSocket(socket, false);
    assert.equal(
      module.watchSocket(socket, () => undefined),
      0,
    );
    assert.equal(
      module.watchSocket(socket, () => undefined),
      -EALREADY,
    );
    assert.throws(() => module.referSocket(socket, 1), { code: 'ERR_INVALID_ARG_TYPE' });
    module.closeSocket(socket);
  });

  test('its function is called while it can be read, or written if that is asked for, until it is closed', async () => {
    const [socket, other] = [opened(), opened()];
    const inbox = new Uint8Array(RECEIVED_LENGTH);
    const memory = entries([5, 0]);
    assert.equal(module.ownAddress(socket, memory, 32), 0);
    const seen: number[] = [];
    let told = (): void => undefined;
    const called = (): Promise<void> => new Promise((resolve) => (told = resolve));
    module.watchSocket(socket, (events: number) => {
      seen.push(events);
      if ((events & 2) !== 0) module.awaitSocket(socket, 1);
      else assert.equal(module.receive(socket, inbox, MOST), 1);
      told();
    });
    const first = called();
    assert.equal(module.send(other, memory, 0, 1), 1);
    await first;
    const second = called();
    assert.equal(module.awaitSocket(socket, 3), 0);
    await second;
    assert.deepEqual(seen, [1, 2]);
    module.send(other, memory, 0, 1);
    module.closeSocket(socket);
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, [1, 2]);
  });

  test('what its function throws is uncaught, and it is called again', () => {
    const source = `
      const native = require(${JSON.stringify(file)});
      const owner = {};
      const memory = new Uint8Array(${SENT_LENGTH});
      const view = new DataView(memory.buffer);
      const socket = native.openSocket(owner, '127.0.0.1', 0, 0);
      view.setUint32(${ENTRIES_AT}, 5, true);
      native.ownAddress(socket, memory, 32);
      let caught = 0;
      process.on('uncaughtException', (error) => {
        if (error.message !== 'of the function') process.exit(2);
        if (++caught < 3) return;
        native.closeSocket(socket);
        console.log('closed');
      });
      native.watchSocket(socket, () => { throw new Error('of the function'); });
      native.send(socket, memory, 0, 1);
    `;
    const { status, stdout } = spawnSync(process.execPath, ['-e', source], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual([status, stdout], [0, 'closed\n']);
  });

  test('its descriptor may be closed by force while it is told of an error', () => {
    const source = `
      const { closeSync, readdirSync, readlinkSync } = require('node:fs');
      const native = require(${JSON.stringify(file)});
      const isSocket = (name) => {
        try { return readlinkSync('/proc/self/fd/' + name).startsWith('socket:'); } catch { return false; }
      };
      const sockets = () => readdirSync('/proc/self/fd').filter(isSocket);
      const owners = [{}, {}];
      const before = sockets();
      const [socket, other] = owners.map((owner) => native.openSocket(owner, '127.0.0.1', 0, 0));
      const descriptors = sockets().filter((name) => !before.includes(name)).map(Number).sort((a, b) => a - b);
      const name = new Uint8Array(28);
      native.ownAddress(other, name, 0);
      native.connectSocket(socket, name, 0);
      native.closeSocket(other);
      native.watchSocket(socket, () => {
        closeSync(descriptors[0]);
        setImmediate(() => setImmediate(() => { console.log('goes on'); process.exit(); }));
      });
      const memory = new Uint8Array(${SENT_LENGTH});
      const view = new DataView(memory.buffer);
      view.setUint32(${ENTRIES_AT}, 5, true);
      view.setUint32(${ENTRIES_AT} + 4, 0xffffffff, true);
      native.send(socket, memory, 0, 1);
    `;
    const { status, stdout } = spawnSync(process.execPath, ['-e', source], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual([status, stdout], [0, 'goes on\n']);
  });

  test('only a watched socket that is referred to keeps the process running', () => {
    for (const [use, ends] of [
      ['', true],
      ['native.watchSocket(socket, () => undefined); native.referSocket(socket, false);', true],
      [
        'native.watchSocket(socket, () => undefined); native.referSocket(socket, false); native.referSocket(socket, true);',
        false,
      ],
      ['native.watchSocket(socket, () => undefined); native.closeSocket(socket);', true],
    ] as const) {
      const source = `
        const native = require(${JSON.stringify(file)});
        const owner = {};
        const socket = native.openSocket(owner, '127.0.0.1', 0, 0);
        ${use}
        process.on('beforeExit', () => console.log('ends'));
        setTimeout(() => { console.log('goes on'); process.exit(); }, 2000).unref();
      `;
      const { stdout } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8', timeout: 60_000 });
      assert.equal(stdout, ends ? 'ends\n' : 'goes on\n', use);
    }
  });

  test('options are set, and a socket with one peer sends without an address', () => {
    const [socket, other] = [opened(), opened()];
    for (const option of [0, 1, 2, 3]) assert.equal(module.setSocket(socket, option, 64), 0);
    assert.equal(module.setSocket(socket, 0, 256), -constants.errno.EINVAL);
    const address = new Uint8Array(28);
    assert.equal(module.ownAddress(other, address, 0), 0);
    assert.equal(module.decodeAddress(address, 0), '127.0.0.1');
    assert.equal(module.connectSocket(socket, address, 0), 0);
    assert.equal(module.send(socket, entries([1, NO_NAME]), 0, 1), 1);
    module.encodeAddress('::1', 9, address, 0);
    assert.equal(module.connectSocket(socket, address, 0), -constants.errno.EAFNOSUPPORT);
  });

  test('addresses keep their text, and a link-local one its interface', () => {
    const bytes = new Uint8Array(28);
    for (const address of [
      '127.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      '::ffff:1.2.3.4',
      '2001:db8::1',
      'fe80::1%lo',
    ]) {
      assert.equal(module.encodeAddress(address, 5684, bytes, 0), true);
      assert.equal(module.decodeAddress(bytes, 0), address);
      assert.deepEqual([...bytes.subarray(2, 4)], [5684 >>> 8, 5684 & 0xff]);
    }
    for (const wrong of ['', 'localhost', '1.2.3', ':::', '1.2.3.4%lo'])
      assert.equal(module.encodeAddress(wrong, 1, bytes, 0), false);
    assert.equal(module.decodeAddress(new Uint8Array(28).fill(0xff), 0), undefined);
  });

  for (const busy of [true, false])
    test(`a worker that ends with open sockets closes them, in the middle of ${busy ? 'its batches' : 'its event loop'}`, async () => {
      const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const native = require(workerData);
      const owners = [];
      const memory = new Uint8Array(${SENT_LENGTH});
      const inbox = new Uint8Array(${RECEIVED_LENGTH});
      for (let i = 0; i < 50; i++) {
        const owner = {};
        const socket = native.openSocket(owner, '127.0.0.1', 0, 0);
        native.send(socket, memory, 0, 0);
        if (i % 2 === 0) native.watchSocket(socket, () => native.receive(socket, inbox, ${MOST}));
        if (i % 4 === 0) native.awaitSocket(socket, 3);
        owners.push(owner);
        if (i === 49) parentPort.postMessage('open');
      }
      const view = new DataView(memory.buffer);
      for (let place = 0; place < ${BATCH}; place++) {
        view.setUint32(${ENTRIES_AT} + place * 16, 1 + place % 3 * 500, true);
        view.setUint32(${ENTRIES_AT} + place * 16 + 8, place * 1001, true);
      }
      const work = () => {
        const socket = native.openSocket({}, '127.0.0.1', 0, 0);
        native.watchSocket(socket, () => undefined);
        native.ownAddress(socket, memory, 32);
        for (let sent = 0; sent < ${BATCH}; ) {
          const to = native.send(socket, memory, sent, ${BATCH});
          native.receive(socket, inbox, ${MOST});
          if (to === sent) break;
          sent = to;
        }
        native.closeSocket(socket);
      };
      if (${busy}) for (;;) work();
      else setInterval(work, 0);
    `;
      const before = openFiles();
      for (let round = 0; round < 3; round++) {
        const worker = new Worker(source, { eval: true, workerData: file });
        await new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
        await worker.terminate();
      }
      // A thread's own descriptors, of its event loop, may be closed a little later.
      assert.ok(openFiles() < before + 40);
    });
});
