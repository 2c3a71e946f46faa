import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
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
  duplicateSocket(...args: unknown[]): number;
  closeDuplicate(...args: unknown[]): void;
  keepAddress(...args: unknown[]): number;
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
const RECEIVED_LENGTH = 64 * (32 + 0x1_0000 + 192);
const ENTRIES_AT = 32 + 1024 * 32;
const SENT_LENGTH = ENTRIES_AT + 256 * 8 + 0x2_0000;
const NO_NAME = 0xffff_ffff;

const owner = {};

function opened(address = '127.0.0.1'): number {
  const socket = module.openSocket(owner, address, 0, 0);
  assert.ok(socket > 0);
  return socket;
}

/** Memory to send with these entries: length, number of the address. */
function entries(...given: readonly (readonly [number, number])[]): Uint8Array {
  const memory = new Uint8Array(SENT_LENGTH);
  const view = new DataView(memory.buffer);
  for (const [place, [length, name]] of given.entries()) {
    view.setUint32(ENTRIES_AT + place * 8, length, true);
    view.setUint32(ENTRIES_AT + place * 8 + 4, name, true);
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
      assert.throws(() => module.receive(opened(), make(RECEIVED_LENGTH), 64), outOfRange);
      assert.throws(() => module.send(opened(), make(SENT_LENGTH), 0, 1), outOfRange);
      assert.throws(() => module.encodeAddress('::1', 1, make(28), 0), outOfRange);
      assert.throws(() => module.decodeAddress(make(28), 0), outOfRange);
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
  });

  test('send refuses entries that reach beyond its memory, and addresses of another family, before it sends', () => {
    const socket = opened();
    const refused = { code: 'ERR_INVALID_ARG_VALUE' };
    const v6 = entries([1, 0]);
    assert.ok(module.encodeAddress('::1', 9, v6, 32));
    for (const memory of [
      entries([0x1_0000, NO_NAME]),
      entries([0xffff, NO_NAME], [0xffff, NO_NAME], [3, NO_NAME]),
      entries([1, 1024]),
      entries([1, 0]),
      v6,
    ])
      assert.throws(() => module.send(socket, memory, 0, 3), refused);
  });

  test('a closed socket, and a number that is none, are errors with a code', () => {
    const socket = opened();
    module.closeSocket(socket);
    module.closeSocket(socket);
    for (const number of [socket, 0, 1, 2 ** 53 - 1])
      for (const call of [
        () => module.receive(number, new Uint8Array(RECEIVED_LENGTH), 1),
        () => module.send(number, new Uint8Array(SENT_LENGTH), 0, 0),
        () => module.duplicateSocket(number),
        () => module.closeDuplicate(number, 100),
        () => module.keepAddress(number),
        () => module.sendsSegments(number),
      ])
        assert.throws(call, { code: 'ERR_INVALID_STATE' });
  });

  test('errors of the system are negative numbers', () => {
    const { EADDRNOTAVAIL, EAGAIN, EDESTADDRREQ, EINVAL } = constants.errno;
    assert.equal(module.openSocket(owner, 'no address', 0, 0), -EINVAL);
    assert.equal(module.openSocket(owner, '192.0.2.1', 0, 0), -EADDRNOTAVAIL);
    const socket = opened();
    assert.equal(module.receive(socket, new Uint8Array(RECEIVED_LENGTH), 64), -EAGAIN);
    const memory = entries([1, NO_NAME]);
    assert.equal(module.send(socket, memory, 0, 1), 0);
    assert.equal(new DataView(memory.buffer).getUint32(0, true), EDESTADDRREQ);
  });

  test('closeDuplicate closes a duplicate of its socket, and no other file', () => {
    const [socket, other] = [opened(), opened()];
    const duplicate = module.duplicateSocket(socket);
    module.closeDuplicate(other, duplicate);
    assert.match(readlinkSync(`/proc/self/fd/${duplicate}`), /^socket:/);
    module.closeDuplicate(socket, duplicate);
    assert.throws(() => readlinkSync(`/proc/self/fd/${duplicate}`), { code: 'ENOENT' });
    module.closeDuplicate(socket, duplicate);
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

  test('a worker that ends with open sockets, in the middle of its work, closes them', async () => {
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
        owners.push(owner);
        if (i === 49) parentPort.postMessage('open');
      }
      for (;;) {
        const socket = native.openSocket({}, '127.0.0.1', 0, 0);
        native.receive(socket, inbox, 64);
        native.closeSocket(socket);
      }
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
