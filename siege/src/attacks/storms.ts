import { clientSecurity, HostileClient, type Version } from '../wire/hostile-client.js';
import type { Sealer } from '../wire/protection.js';
import { ackBody, ContentType, fragment, HandshakeType, plainRecords, repeated } from '../wire/records.js';
import { type Attack, type Battlefield, type Tally, timedFlights, wait } from './attack.js';

/** Attacks by one client with a validated address: each of its datagrams asks for as many answers as possible. */
export const storms: readonly Attack[] = [
  { name: 'flight storm, 1.3 before Finished', cases: 'A1', run: (field) => storm(field, halfOpen13) },
  { name: 'flight storm, 1.2 before Finished', cases: 'A1', run: (field) => storm(field, halfOpen12) },
  { name: 'flight storm, 1.3 open', cases: 'A1', run: (field) => storm(field, open13) },
  { name: 'alert storm, 1.2 open', cases: 'A6', run: (field) => storm(field, open12) },
  { name: 'KeyUpdates in one datagram', cases: 'A1', run: (field) => storm(field, keyUpdates) },
  { name: 'KeyUpdates, each in the epoch of the one before', cases: 'A1', run: keyUpdateChains },
  { name: 'ACKs of one record each', cases: 'A1', run: (field) => storm(field, acks) },
  { name: 'KeyUpdates one after another', cases: 'A1', run: keyUpdateRounds },
];

/** A client in position, and the datagrams that it repeats. */
interface Position {
  readonly client: HostileClient;
  /** Datagrams of the server's flight. */
  readonly flight: number;
  readonly ammunition: (shot: number) => Buffer;
}

const BETWEEN_SHOTS_MS = 15;
/** Empty fragments that fill a record of 16 KB, and a datagram of the size that routers pass. */
const FRAGMENTS = [1360, 95] as const;
const FIRST_SEQUENCE = 500;

async function storm(field: Battlefield, take: (field: Battlefield) => Promise<Position>): Promise<Tally> {
  const { client, flight, ammunition } = await take(field);
  const [before, sentBefore] = [client.received.datagrams, { ...client.sent }];
  const began = performance.now();
  for (let shot = 0; shot < field.amounts.storm; shot++) {
    client.send(ammunition(shot));
    await wait(BETWEEN_SHOTS_MS);
  }
  await wait(300);
  const shots = client.sent.datagrams - sentBefore.datagrams;
  const answers = client.received.datagrams - before;
  const timed = timedFlights(performance.now() - began);
  // The handshake before the attack is in the server's counts, too.
  const mayAnswer = before + flight * (shots + timed);
  client.vanish();
  return { ...client.sent, mayAnswer, note: `${shots} datagrams, ${answers} answers, a flight is ${flight}` };
}

function emptyFragments(
  sealer: Sealer,
  type: number,
  messageSeqs: readonly number[],
): (shot: number) => Buffer {
  return (shot) => {
    const messageSeq = messageSeqs[shot % messageSeqs.length] ?? 0;
    const count = FRAGMENTS[Math.floor(shot / messageSeqs.length) % FRAGMENTS.length] ?? 1;
    const content = repeated(fragment({ type, messageSeq }), count);
    return sealer.seal(ContentType.handshake, content, FIRST_SEQUENCE + shot);
  };
}

/** The server's flight has arrived, and is not answered. */
async function halfOpen13(field: Battlefield): Promise<Position> {
  const secret = 'CLIENT_HANDSHAKE_TRAFFIC_SECRET';
  const client = await start(field, 'DTLSv1.3', {
    filter: (datagram, one) => (one.hasSecret(secret) ? [] : [datagram]),
  });
  const flight = await flightOnceKnown(client, secret);
  const ammunition = emptyFragments(client.sealer13(2), HandshakeType.clientHello, [0, 1]);
  return { client, flight, ammunition };
}

/** Waits for the server's flight, by which the client knows its secret, and returns its datagrams. */
async function flightOnceKnown(client: HostileClient, secret: string): Promise<number> {
  await orFail(
    client.until(() => client.hasSecret(secret)),
    client,
    `no ${secret}`,
  );
  await wait(100);
  client.mute();
  return Math.max(1, client.received.datagrams - 1);
}

/** Everything but Finished was sent. */
async function halfOpen12(field: Battlefield): Promise<Position> {
  const client = await start(field, 'DTLSv1.2', {
    filter: (datagram) => {
      const clear = plainRecords(datagram).filter(({ epoch }) => epoch === 0);
      return clear.length === 0 ? [] : [Buffer.concat(clear.map(({ whole }) => whole))];
    },
  });
  const flight = await flightOnceKnown(client, 'CLIENT_RANDOM');
  const ammunition = emptyFragments(client.sealer12(), HandshakeType.clientHello, [1, 2, 3]);
  return { client, flight, ammunition };
}

/** Open, and the server's tickets are not acknowledged. */
async function open13(field: Battlefield): Promise<Position> {
  let atOpen = 0;
  const client = await start(field, 'DTLSv1.3', {
    onDatagram: (one) => {
      if (!one.connected) atOpen = one.received.datagrams;
      return !one.connected;
    },
  });
  await orFail(client.opened(), client, 'not open');
  await wait(150);
  client.mute();
  const flight = Math.max(1, client.received.datagrams - atOpen);
  return {
    client,
    flight,
    ammunition: emptyFragments(client.sealer13(3), HandshakeType.finished, [0, 1, 2, 3]),
  };
}

/** Asks for renegotiation, a thousand times in a record. */
async function open12(field: Battlefield): Promise<Position> {
  const client = await openAndMute(field, 'DTLSv1.2');
  const sealer = client.sealer12();
  const content = repeated(fragment({ type: HandshakeType.clientHello, messageSeq: 0 }), FRAGMENTS[0]);
  const ammunition = (shot: number) =>
    Buffer.concat(
      [0, 1, 2].map((i) => sealer.seal(ContentType.handshake, content, FIRST_SEQUENCE + 3 * shot + i)),
    );
  return { client, flight: 1, ammunition };
}

/** KeyUpdates that request one in return, with used numbers and with future ones. */
async function keyUpdates(field: Battlefield): Promise<Position> {
  const client = await openAndMute(field, 'DTLSv1.3');
  const sealer = client.sealer13(3);
  const ammunition = (shot: number) => {
    const updates = Array.from({ length: 30 }, (_, i) =>
      fragment({ type: HandshakeType.keyUpdate, messageSeq: i % 10, body: Buffer.of(1) }),
    );
    const records = updates.map((update, i) =>
      sealer.seal(ContentType.handshake, update, FIRST_SEQUENCE + 30 * shot + i),
    );
    return Buffer.concat(records);
  };
  // An ACK and a KeyUpdate of its own.
  return { client, flight: 2, ammunition };
}

/**
 * New clients that each send one datagram of KeyUpdates, each under the keys that the previous one made. No client
 * has received an ACK in between, so that at most one may be answered.
 */
async function keyUpdateChains(field: Battlefield): Promise<Tally> {
  const total = { datagrams: 0, bytes: 0, mayAnswer: 0 };
  for (let shot = 0; shot < field.amounts.storm; shot++) {
    const client = await openAndMute(field, 'DTLSv1.3');
    const before = client.received.datagrams;
    const updates = Array.from({ length: CHAIN }, (_, i) => {
      const update = fragment({
        type: HandshakeType.keyUpdate,
        messageSeq: FIRST_UPDATE + i,
        body: Buffer.of(1),
      });
      return client.sealer13(3, i).seal(ContentType.handshake, update, FIRST_SEQUENCE);
    });
    client.send(Buffer.concat(updates));
    await wait(BETWEEN_SHOTS_MS);
    client.vanish();
    total.datagrams += client.sent.datagrams;
    total.bytes += client.sent.bytes;
    // An ACK, a KeyUpdate of the server's and an alert, and what its timers send before the attack is over.
    total.mayAnswer += before + 3 + timedFlights(1000 * field.amounts.storm);
  }
  return total;
}

const CHAIN = 25;
/** message_seq of a client's first message after two ClientHellos and a Finished. */
const FIRST_UPDATE = 3;

/** Each datagram has many ACKs, each of which acknowledges one more record of the current flight. */
async function acks(field: Battlefield): Promise<Position> {
  const { client, flight } = await halfOpen13(field);
  const sealer = client.sealer13(2);
  const ammunition = (shot: number) => {
    const records = Array.from({ length: 40 }, (_, i) =>
      sealer.seal(ContentType.ack, ackBody({ epoch: 2, sequence: i }), FIRST_SEQUENCE + 40 * shot + i),
    );
    return Buffer.concat(records);
  };
  return { client, flight, ammunition };
}

/** As fast as the server acknowledges them, each with new keys on both sides. */
async function keyUpdateRounds(field: Battlefield): Promise<Tally> {
  const client = await start(field, 'DTLSv1.3', {});
  await orFail(client.opened(), client, 'not open');
  await wait(100);
  const rounds = 10 * field.amounts.storm;
  for (let round = 0; round < rounds; round++) {
    client.updateKeys();
    await wait(2);
  }
  await wait(200);
  const { closed } = client;
  client.vanish();
  const { datagrams, bytes } = client.sent;
  return {
    datagrams,
    bytes,
    mayAnswer: 2 * datagrams + 10,
    note: closed ? 'the session ended' : `${rounds} asked for`,
  };
}

async function openAndMute(field: Battlefield, version: Version): Promise<HostileClient> {
  const client = await start(field, version, {});
  await orFail(client.opened(), client, 'not open');
  await wait(150);
  client.mute();
  return client;
}

function start(
  field: Battlefield,
  version: Version,
  options: Parameters<typeof HostileClient.start>[2],
): Promise<HostileClient> {
  return HostileClient.start(field.target, clientSecurity(version), {
    address: field.address(1),
    ...options,
  });
}

async function orFail(held: Promise<boolean>, client: HostileClient, what: string): Promise<void> {
  if (await held) return;
  client.vanish();
  throw new Error(`the attacker's client got nowhere: ${what}`);
}
