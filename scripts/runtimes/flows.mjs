/**
 * Streams, loops, back-pressure and channels on any runtime, both ends in one process: `flows` of peer.mjs prints a line of JSON for
 * each of these checks, `{ what, seen }`; `seen` is what is wrong.
 */
import { Buffer } from 'node:buffer';
import { createSocket, Socket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import process from 'node:process';
import { setImmediate } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

const KEY = Buffer.alloc(16, 1);
const SERVER = { host: '127.0.0.1', port: 0, psk: { sensor: KEY } };
const CLIENT = { psk: { identity: 'sensor', key: KEY }, handshakeTimeout: 60_000 };
const UNKNOWN_CLIENT = { psk: { identity: 'nobody', key: KEY } };
const PATIENCE_MS = 60_000;
const SIZE = 1000;
const CHANNELS = [
  'session.start',
  'session.open',
  'session.error',
  'session.end',
  'endpoint.open',
  'endpoint.close',
  'endpoint.drop',
].map((name) => `datagram-tls.${name}`);

export async function flows(library) {
  for (const [what, check] of Object.entries(CHECKS)) {
    let seen;
    try {
      seen = await Promise.race([check(library), sleep(PATIENCE_MS, 'it never ends', { ref: false })]);
    } catch (error) {
      seen = `${error?.code ?? ''} ${error?.stack ?? error}`;
    }
    console.log(JSON.stringify({ what, seen }));
  }
  process.exit();
}

/** Each returns `undefined`, or what is wrong. */
const CHECKS = {
  'echoes from readable to writable': (library) =>
    between({ library, onsession: echoStreams }, async ({ session }) => {
      const writer = session.writable.getWriter();
      const reader = session.readable.getReader();
      for (const text of ['one', 'two', 'three']) {
        await writer.write(text);
        const { value } = await reader.read();
        if (!Buffer.isBuffer(value) || value.toString() !== text) return `${value} came back for ${text}`;
      }
      await writer.close();
      const { done } = await reader.read();
      return done ? undefined : 'readable did not end';
    }),

  'drops and counts what a slow reader of readable leaves': (library) =>
    between({ library, onsession: sendMany }, async ({ session }) => {
      const { readable } = session;
      await session.closed;
      const { messagesReceived } = session.stats;
      const dropped = session.drops.slow_reader ?? 0;
      let read = 0;
      for await (const { length } of readable) if (length > 0) read++;
      const isRight = dropped > 0 && read <= 257 && read + dropped === Number(messagesReceived);
      return isRight ? undefined : `${read} read, ${dropped} dropped of ${messagesReceived}`;
    }),

  'holds writers back until there is room': (library) =>
    between({ library, options: { maxSendQueue: 20_000 } }, async ({ session }) => {
      const writer = session.writable.getWriter();
      const writes = Array.from({ length: 300 }, () => writer.write(Buffer.alloc(SIZE)));
      const { desiredSize } = writer;
      await Promise.all(writes);
      const { drops, stats } = session;
      const isWhole = desiredSize < 0 && Object.keys(drops).length === 0 && stats.messagesSent === 300n;
      return isWhole ? undefined : `${desiredSize}, ${JSON.stringify(drops)}, ${stats.messagesSent}`;
    }),

  'ends a handshake when writable is aborted, or readable cancelled': async ({ connect }) => {
    const silent = await bound();
    const { port } = silent.address();
    for (const stop of [
      (session) => session.writable.abort(new Error('stop')),
      (session) => session.readable.cancel(),
    ]) {
      const session = connect('127.0.0.1', port, CLIENT);
      await stop(session);
      await Promise.allSettled([session.opened, session.closed]);
    }
    silent.close();
  },

  'closes both sides when readable is cancelled': (library) =>
    between({ library }, async ({ session, served }) => {
      await session.readable.cancel('enough');
      await Promise.all([session.closed, served.closed]);
    }),

  'iterates over the sessions of an endpoint, and over their messages': async ({ listen, connect }) => {
    const endpoint = listen(SERVER);
    const { port } = await endpoint.opened;
    const session = connect('127.0.0.1', port, CLIENT);
    session.opened.then(() => session.send('hello'), ignore);
    const texts = [];
    for await (const served of endpoint) {
      for await (const message of served) {
        texts.push(message.toString());
        break;
      }
      break;
    }
    await Promise.all([session.closed, endpoint.closed]);
    return texts.join() === 'hello' ? undefined : texts.join();
  },

  'refuses what is more than maxSendQueue, and tells of room': (library) =>
    between({ library, options: { maxSendQueue: 200_000 } }, async ({ session }) => {
      const told = new Promise((resolve) => {
        session.ondrain = resolve;
      });
      let taken = 0;
      for (let i = 0; i < 2000; i++) if (session.send(Buffer.alloc(SIZE)) === SIZE) taken++;
      const refused = session.drops.send_queue_full ?? 0;
      const { bufferedAmount: waiting } = session;
      if (taken < 50 || taken + refused !== 2000 || waiting < 50_000 || waiting > 200_000)
        return `${taken} taken, ${refused} refused, ${waiting} wait`;
      await Promise.all([told, session.drained]);
      if (session.bufferedAmount > 0) return `${session.bufferedAmount} wait after drained`;
      return session.send('again') === 5 ? undefined : 'nothing is taken after drained';
    }),

  'hands a burst to its socket turn by turn': (library) =>
    between({ library }, async ({ session }) => {
      let turns = 0;
      const turn = () => {
        turns++;
        if (session.bufferedAmount > 0) setImmediate(turn);
      };
      for (let i = 0; i < 400; i++) session.send(Buffer.alloc(SIZE));
      setImmediate(turn);
      await session.drained;
      // 16 KiB each.
      return turns > 20 && turns < 40 ? undefined : `${turns} turns`;
    }),

  'publishes to node:diagnostics_channel': async (library) => {
    const seen = new Set();
    const listeners = CHANNELS.map((name) => [name, () => seen.add(name)]);
    for (const [name, listener] of listeners) subscribe(name, listener);
    await between({ library }, async ({ session, port }) => {
      const unvalidated = createSocket('udp4');
      unvalidated.send('junk', port, '127.0.0.1');
      while (!seen.has('datagram-tls.endpoint.drop')) await sleep(10);
      unvalidated.close();
      await library.connect('127.0.0.1', port, UNKNOWN_CLIENT).closed;
      await session.close();
    });
    for (const [name, listener] of listeners) unsubscribe(name, listener);
    const missing = CHANNELS.filter((name) => !seen.has(name));
    return missing.length === 0 ? undefined : `nothing came from ${missing}`;
  },

  'loses no message because the network has refused one to another client': (library) =>
    refusedElsewhere(library, SERVER),

  'nor on a socket of the application': async (library) => {
    const socket = await bound();
    try {
      return await refusedElsewhere(library, { psk: SERVER.psk, socket });
    } finally {
      socket.close();
    }
  },

  'has the memory of a read no larger than a datagram': async (library) => {
    // There it is as large as the receive buffer, of which a server asks the system for 1 MiB.
    if (!('deno' in process.versions)) return undefined;
    const { setRecvBufferSize } = Socket.prototype;
    const sizes = [];
    Socket.prototype.setRecvBufferSize = (size) => void sizes.push(size);
    await between({ library }, ignore);
    Socket.prototype.setRecvBufferSize = setRecvBufferSize;
    return sizes.length === 0 ? undefined : `${sizes} bytes`;
  },

  'has no uncaught error where nobody listens': async (library) => {
    const uncaught = [];
    const note = (error) => uncaught.push(String(error));
    for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, note);
    await between({ library }, async ({ port }) => {
      const { readable, writable, closed } = library.connect('127.0.0.1', port, UNKNOWN_CLIENT);
      await closed;
      await Promise.allSettled([readable.getReader().read(), writable.getWriter().write('late')]);
    });
    await sleep(100);
    for (const event of ['uncaughtException', 'unhandledRejection']) process.off(event, note);
    return uncaught.length === 0 ? undefined : uncaught.join();
  },
};

/** One of two clients goes without a word, and the other one is told news. */
async function refusedElsewhere(library, options) {
  const served = [];
  const endpoint = library.listen((session) => void served.push(session), options);
  const { port } = await endpoint.opened;
  const socket = await bound();
  const gone = library.connect('127.0.0.1', port, { ...CLIENT, socket });
  await gone.opened;
  const session = library.connect('127.0.0.1', port, CLIENT);
  await session.opened;
  while (served.length < 2) await sleep(10);
  await Promise.all(served.map(({ opened }) => opened));
  // It cannot say that it ends.
  socket.close();
  await Promise.allSettled([once(socket, 'close'), gone.closed]);
  const { promise: all, resolve } = withResolvers();
  let received = 0;
  session.onmessage = () => ++received === 5 && resolve();
  for (let i = 0; i < 5; i++) for (const each of served) each.send('news');
  await Promise.race([all, sleep(PATIENCE_MS / 10, undefined, { ref: false })]);
  session.destroy();
  await endpoint.close();
  return received === 5 ? undefined : `${received} of 5 came`;
}

/** What `use` returns of an open session with a server that has `onsession`. */
async function between({ library, onsession = ignore, options }, use) {
  const { promise: served, resolve } = withResolvers();
  const endpoint = library.listen((session) => {
    resolve(session);
    return onsession(session);
  }, SERVER);
  const { port } = await endpoint.opened;
  const session = library.connect('127.0.0.1', port, { ...CLIENT, ...options });
  try {
    await session.opened;
    return await use({ session, served: await served, port });
  } finally {
    session.destroy();
    await endpoint.close();
  }
}

/** A socket of node:dgram. */
async function bound() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function echoStreams({ readable, writable }) {
  void readable.pipeTo(writable);
}

/** More messages than a session keeps unread, slowly enough to arrive. */
async function sendMany(session) {
  await session.opened;
  for (let i = 0; i < 400; i++) {
    session.send(Buffer.alloc(10, i));
    if (i % 10 === 0) await sleep(1);
  }
  await session.close();
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function ignore() {}
