import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { clientSecurity, firstHello, HostileClient, resuming, type Target } from '../wire/hostile-client.js';
import { ContentType, fragment, plainRecord } from '../wire/records.js';
import { type Attack, atRate, type Battlefield, check, type Tally, wait } from './attack.js';

/** Attacks from addresses that are not validated: each datagram may be spoofed. */
export const floods: readonly Attack[] = [
  {
    name: 'ClientHellos, 10 times capacity',
    cases: 'A2',
    unvalidated: true,
    run: (field) => helloFlood(field, 10 * field.capacity),
  },
  {
    name: 'ClientHellos, 20 times capacity',
    cases: 'A2',
    unvalidated: true,
    run: (field) => helloFlood(field, 20 * field.capacity),
  },
  {
    name: 'ClientHellos in bursts',
    cases: 'A2',
    unvalidated: true,
    // What comes with a burst finds no room in the socket.
    repeats: 4,
    run: helloBursts,
  },
  {
    name: 'ClientHellos, uplink of 2 Mbit/s',
    cases: 'A2',
    place: 'slow-uplink',
    unvalidated: true,
    run: (field) => helloFlood(field, Math.max(SLOW_UPLINK_RATE, 10 * field.capacity)),
  },
  {
    name: 'ClientHellos, router with 2 Mbit/s',
    cases: 'A2',
    place: 'slow-router',
    unvalidated: true,
    // Half of the link: the server cannot see the queue of a router.
    options: () => ({ maxAnswerRate: 0x2_0000 }),
    run: (field) => helloFlood(field, Math.max(SLOW_UPLINK_RATE, 10 * field.capacity)),
  },
  {
    name: 'parts of ClientHellos',
    cases: 'A2',
    unvalidated: true,
    run: (field) => flood(field, 10 * field.capacity, partOfHello),
  },
  {
    name: 'random bytes',
    cases: 'A16',
    unvalidated: true,
    run: (field) => flood(field, 10 * field.capacity, junk),
  },
  {
    name: 'early data, one ticket',
    cases: 'A15',
    unvalidated: true,
    earlyData: true,
    run: earlyFlights,
  },
];

const ADDRESSES = 200;
/** ClientHellos of a burst, and ms between two of them. */
const BURST = 2000;
const BETWEEN_BURSTS = 250;
/** The answers exceed the uplink of the place. */
const SLOW_UPLINK_RATE = 2000;
/** Offset of a ClientHello's random in its first datagram, and its length. */
const RANDOM = { at: 13 + 12 + 2, length: 32 };

function helloFlood(field: Battlefield, rate: number): Promise<Tally> {
  return flood(field, rate, helloMaker());
}

function helloMaker(): (i: number) => Buffer {
  const hellos = (['DTLSv1.2', 'DTLSv1.3'] as const).flatMap((version) =>
    firstHello(clientSecurity(version)).slice(0, 1),
  );
  return (i) => {
    const hello = Buffer.from(hellos[i % hellos.length] ?? Buffer.alloc(0));
    return randomFillSync(hello, RANDOM.at, RANDOM.length);
  };
}

/** Each fills the socket of the server at once; between two of them all is quiet. */
async function helloBursts(field: Battlefield): Promise<Tally> {
  const sockets = await openSockets(field, ADDRESSES);
  const make = helloMaker();
  const count = { datagrams: 0, bytes: 0 };
  const end = performance.now() + 1000 * field.amounts.seconds;
  while (performance.now() < end) {
    for (let i = 0; i < BURST; i++) {
      const datagram = make(i);
      count.datagrams++;
      count.bytes += datagram.length;
      sockets[i % sockets.length]?.send(datagram);
    }
    await wait(BETWEEN_BURSTS);
  }
  await wait(200);
  for (const socket of sockets) socket.close();
  return { ...count, mayAnswer: count.datagrams };
}

async function flood(field: Battlefield, rate: number, make: (i: number) => Buffer): Promise<Tally> {
  const sockets = await openSockets(field, ADDRESSES);
  let bytes = 0;
  const datagrams = await atRate(rate, field.amounts.seconds, (i) => {
    const datagram = make(i);
    bytes += datagram.length;
    sockets[i % sockets.length]?.send(datagram);
  });
  await wait(200);
  for (const socket of sockets) socket.close();
  return { datagrams, bytes, mayAnswer: datagrams };
}

/** Two thirds of a ClientHello: the rest never comes. */
function partOfHello(): Buffer {
  const body = randomFillSync(Buffer.alloc(400));
  const part = fragment({ type: 1, messageSeq: 0, body, length: 600, offset: 0 });
  return plainRecord(ContentType.handshake, part, { sequence: 0 });
}

function junk(i: number): Buffer {
  const datagram = randomFillSync(Buffer.alloc(1 + ((i * 37) % 1200)));
  // Half of them look like a record.
  if (i % 2 === 0) datagram[0] = [20, 21, 22, 23, 26, 0x2c][(i / 2) % 6] ?? 22;
  return datagram;
}

/** First flights that resume with early data, all with one ticket and from ports of one address. */
async function earlyFlights(field: Battlefield): Promise<Tally> {
  const security = clientSecurity('DTLSv1.3');
  const client = await HostileClient.start(field.target, security, { address: field.address(0) });
  await client.until(() => client.saved !== undefined);
  client.vanish();
  if (client.saved === undefined) throw new Error('the server gave no ticket');
  const destination = resuming(client.saved, Buffer.from('early'));
  const sockets = await openSockets(field, 20);
  const count = { datagrams: 0, bytes: 0 };
  const rate = EARLY_FLIGHTS_A_SECOND;
  await atRate(rate, field.amounts.seconds, (i) => {
    for (const datagram of firstHello(security, destination)) {
      count.datagrams++;
      count.bytes += datagram.length;
      sockets[i % sockets.length]?.send(datagram);
    }
  });
  await wait(500);
  for (const socket of sockets) socket.close();
  return { ...count, checks: [check('the server gave a ticket', true, 'yes')] };
}

const EARLY_FLIGHTS_A_SECOND = 100;

/** Bound to addresses of the attacker in turn and connected to the target, which makes sending cheaper. */
function openSockets({ target, address }: Battlefield, count: number): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => openSocket(target, address(i + 1))));
}

async function openSocket({ host, port }: Target, address: string): Promise<Socket> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  await new Promise<void>((resolve) => socket.connect(port, host, () => resolve()));
  return socket;
}
