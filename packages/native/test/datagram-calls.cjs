/**
 * Random calls of the functions for batches of datagrams, for fuzz.cjs. Nothing leaves the loopback interface: addresses in
 * memory are its own or none.
 */
'use strict';

const { constants } = require('node:os');

/** Of datagrams.h. */
const RECEIVED_ENTRY = 32;
const RECEIVED_ROOM = 0x1_0000 + 192;
const MAX_RECEIVED = 32;
const MAX_NAMES = 1024;
const MAX_SENT = 256;
const ENTRIES_AT = 32 + MAX_NAMES * 32;
const BYTES_AT = ENTRIES_AT + MAX_SENT * 16;
const SENT_BYTES = 0x2_0000;
const NO_NAME = 0xffff_ffff;
const ADDRESSES = ['127.0.0.1', '::1'];

/** `random`: what fuzz.cjs makes its calls of. */
exports.datagramCalls = (native, { below, pick, any, newOwner }) => {
  if (native.openSocket === undefined) return [];
  const inbox = new Uint8Array(MAX_RECEIVED * (RECEIVED_ENTRY + RECEIVED_ROOM));
  const outbox = new Uint8Array(BYTES_AT + SENT_BYTES);
  const received = new DataView(inbox.buffer);
  const sent = new DataView(outbox.buffer);
  const sockets = [];
  const someSocket = () => pick([...sockets, any()]);

  /** Without SO_REUSEPORT: with it the system may choose one port for two sockets. */
  function opened(address) {
    const socket = native.openSocket(newOwner(), address, 0, below(2));
    if (!(socket > 0)) throw new Error(`no socket at ${address}: ${socket}`);
    sockets[below(20)] = socket;
    return socket;
  }

  /** On a busy machine another thread of the kernel delivers. */
  function receivedSoon(socket, most) {
    for (let tries = 0; tries < 2000; tries++) {
      const count = native.receive(socket, inbox, most);
      if (count !== -constants.errno.EAGAIN) return count;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
    return 0;
  }

  /** A socket sends to itself. */
  function goodBatch() {
    const address = pick(ADDRESSES);
    const socket = opened(address);
    const port = portOf(native, socket);
    if (!native.encodeAddress(address, port, outbox, 32)) throw new Error(`${address} is not encoded`);
    const lengths = [];
    for (let total = 0; lengths.length < 1 + below(40); total += lengths.at(-1)) {
      const length = pick([0, 1, 64, 64, 64, 1200, 1200, below(3000)]);
      if (total + length > 0x8000) break;
      lengths.push(length);
    }
    let at = BYTES_AT;
    for (const [place, length] of lengths.entries()) {
      sent.setUint32(ENTRIES_AT + place * 16, length, true);
      sent.setUint32(ENTRIES_AT + place * 16 + 4, 0, true);
      sent.setUint32(ENTRIES_AT + place * 16 + 8, at - BYTES_AT, true);
      outbox.fill(place, at, at + length);
      at += length;
    }
    const done = native.send(socket, outbox, 0, lengths.length);
    if (done !== lengths.length)
      throw new Error(`${done} of ${lengths.length} sent: ${sent.getUint32(0, true)}`);
    let seen = 0;
    while (seen < lengths.length) {
      const most = 1 + below(MAX_RECEIVED);
      const count = receivedSoon(socket, most);
      if (count <= 0 || count > most) throw new Error(`${count} received behind ${seen} of ${lengths}`);
      for (let i = 0; i < count; i++, seen++) {
        const length = received.getUint32(i * RECEIVED_ENTRY, true);
        const from = MAX_RECEIVED * RECEIVED_ENTRY + i * RECEIVED_ROOM;
        if (length !== lengths[seen] || inbox.subarray(from, from + length).some((byte) => byte !== seen))
          throw new Error(`datagram ${seen} differs`);
        if (native.decodeAddress(inbox, i * RECEIVED_ENTRY + 4) !== address)
          throw new Error(`datagram ${seen} is from another address`);
      }
    }
    if (native.receive(socket, inbox, 1) !== -constants.errno.EAGAIN) throw new Error('more is received');
  }

  /** Lengths and numbers of addresses that fit, and others. */
  function someEntries() {
    // Mostly such as can be sent, to addresses that take turns.
    const names = pick([
      [0, 1023],
      [0, 1, 1023, NO_NAME],
      [0, 0, 0, 1, 1024, NO_NAME],
    ]);
    const lengths = pick([
      [0, 1, 64, 64, 1200],
      [1, 64, 0xffff, 0x1_0000, NO_NAME, below(2000)],
    ]);
    const offsets = pick([
      [0, 64, 128, below(0x1_0000)],
      [0, SENT_BYTES - 64, SENT_BYTES, NO_NAME],
    ]);
    for (let place = 0; place < MAX_SENT; place++) {
      sent.setUint32(ENTRIES_AT + place * 16, pick(lengths), true);
      sent.setUint32(ENTRIES_AT + place * 16 + 4, pick(names), true);
      sent.setUint32(ENTRIES_AT + place * 16 + 8, pick(offsets), true);
    }
    const address = pick(ADDRESSES);
    for (const name of [0, 1, 1023]) native.encodeAddress(address, 9 + name, outbox, 32 + name * 32);
    return outbox;
  }

  const someNumber = () => pick([0, 1, 31, 64, 255, 256, 257, 2 ** 32, any()]);
  return [
    goodBatch,
    () => native.openSocket(any(), any(), any(), any()),
    () =>
      native.openSocket(
        newOwner(),
        pick(['::1', '127.0.0.1', '::1%lo', 'x', any()]),
        0,
        pick([0, 2, 3, 4, any()]),
      ),
    () => native.receive(someSocket(), pick([inbox, any()]), someNumber()),
    () => native.send(someSocket(), pick([someEntries(), any()]), pick([0, someNumber()]), someNumber()),
    () =>
      native.encodeAddress(
        pick(['fe80::1%lo', '1.2.3.4', any()]),
        pick([1, any()]),
        pick([outbox, any()]),
        32,
      ),
    () => native.encodeAddress('::1', 1, any(), someNumber()),
    () => native.decodeAddress(pick([inbox, any()]), someNumber()),
    () => native.watchSocket(someSocket(), pick([() => undefined, any()])),
    () => native.awaitSocket(someSocket(), pick([0, 1, 2, 3, any()])),
    () => native.referSocket(someSocket(), pick([true, false, any()])),
    () => native.setSocket(someSocket(), pick([0, 1, 2, 3, 4, any()]), pick([1, 64, 0x1_0000, any()])),
    () => native.admitHellos(someSocket(), pick([0, 1, 0xffff, 0x1_0000, any()])),
    () => native.countDropped(pick([someSocket(), any()])),
    () => native.ownAddress(someSocket(), pick([outbox, any()]), pick([32, any()])),
    () => native.connectSocket(someSocket(), pick([someEntries(), any()]), pick([32, any()])),
    () => native.sendsSegments(someSocket()),
    () => native.closeSocket(someSocket()),
  ];
};

/** The port that the system has chosen. */
function portOf(native, socket) {
  const name = new Uint8Array(new ArrayBuffer(28));
  if (native.ownAddress(socket, name, 0) !== 0) throw new Error('the socket has no address');
  return (name[2] << 8) | name[3];
}
