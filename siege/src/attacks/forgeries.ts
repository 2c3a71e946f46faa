import { randomFillSync } from 'node:crypto';
import { clientSecurity, firstHello } from '../wire/hostile-client.js';
import { ackBody, ContentType, fragment, plainRecord, repeated } from '../wire/records.js';
import type { Direction, Relayed } from '../wire/relay.js';
import { type Attack, atRate, type Battlefield, check, type Tally, wait } from './attack.js';

/** Attacks by a forger beside the path: it sees datagrams and adds others, but drops none. */
export const forgeries: readonly Attack[] = [
  {
    name: 'forged ACKs into handshakes',
    cases: 'A4',
    relayed: true,
    run: (field) => intoHandshakes(field, acks),
  },
  {
    name: 'forged HelloRequests into handshakes',
    cases: 'A7',
    relayed: true,
    run: (field) => intoHandshakes(field, helloRequests),
  },
  {
    name: 'forged fragments into handshakes',
    cases: 'A8',
    relayed: true,
    run: (field) => intoHandshakes(field, wrongLengths),
  },
  {
    name: 'forged alerts into handshakes',
    cases: 'A4',
    // A plaintext alert is answered by the current flight, once for each run of its timer (ADR 5).
    repeats: 4,
    relayed: true,
    run: (field) => intoHandshakes(field, alerts),
  },
  {
    name: 'forged records into open sessions',
    cases: 'A16',
    relayed: true,
    run: (field) => intoSessions(field, tinyRecords),
  },
  {
    name: 'random bytes into open sessions',
    cases: 'A16',
    relayed: true,
    run: (field) => intoSessions(field, junk),
  },
  {
    name: 'forged handshake messages into open sessions',
    cases: 'A7',
    relayed: true,
    run: unanswered,
  },
  { name: 'ClientHellos from the address of a session', cases: 'A1', relayed: true, run: restarts },
];

type Forge = (direction: Direction, passed: number) => readonly Buffer[];

/** Datagrams of a handshake, each of which comes with forgeries. */
const HANDSHAKE_DATAGRAMS = 16;
/** A slow machine gets fewer, because the relay and honest clients share it. */
const forgeriesASecond = (capacity: number) => Math.min(1000, 5 * capacity);

/** Sends forgeries before each datagram of the new honest clients' handshakes. */
async function intoHandshakes({ relay, amounts }: Battlefield, forge: Forge): Promise<Tally> {
  if (relay === undefined) throw new Error('this attack needs a relay');
  const before = { ...relay.forged };
  const old = new Set(relay.clients);
  relay.onPassage = (client, direction) => {
    if (old.has(client) || client.passed > HANDSHAKE_DATAGRAMS) return;
    for (const datagram of forge(direction, client.passed)) {
      if (direction === 'to-server') client.toServer(datagram);
      else client.toClient(datagram);
    }
  };
  await wait(1000 * Math.max(1, amounts.seconds));
  // The last new client may still be under way: the relay goes on, the forger does not.
  relay.onPassage = undefined;
  return since(relay.forged, before);
}

function since(
  now: { datagrams: number; bytes: number },
  before: { datagrams: number; bytes: number },
): Tally {
  return { datagrams: now.datagrams - before.datagrams, bytes: now.bytes - before.bytes };
}

function acks(_: Direction, passed: number): readonly Buffer[] {
  const bodies = [1, 2, 3, 9].map((epoch) => ackBody({ epoch, sequence: 0 }));
  return [...bodies, Buffer.of(0, 1), Buffer.of()].map((body, i) =>
    plainRecord(ContentType.ack, body, { sequence: 100 * passed + i }),
  );
}

function helloRequests(_: Direction, passed: number): readonly Buffer[] {
  return [0, 1, 2, 3].map((messageSeq) =>
    plainRecord(ContentType.handshake, fragment({ type: 0, messageSeq }), {
      sequence: 100 * passed + messageSeq,
    }),
  );
}

/** A byte of each possible message, as part of a much longer one. */
function wrongLengths(_: Direction, passed: number): readonly Buffer[] {
  const types = [2, 11, 12, 14, 16, 20];
  const wrong = types.flatMap((type) =>
    [0, 1, 2, 3, 4, 5].map((messageSeq) =>
      fragment({ type, messageSeq, body: Buffer.of(0), length: 30_000, offset: 10 }),
    ),
  );
  return [plainRecord(ContentType.handshake, Buffer.concat(wrong), { sequence: 100 * passed })];
}

function alerts(_: Direction, passed: number): readonly Buffer[] {
  return [40, 0, 80].map((description, i) =>
    plainRecord(ContentType.alert, Buffer.of(2, description), { sequence: 100 * passed + i }),
  );
}

/** Sends forgeries to the server in the name of the open sessions, and to them in its name. */
async function intoSessions(
  { relay, amounts, capacity }: Battlefield,
  make: (i: number) => Buffer,
): Promise<Tally> {
  if (relay === undefined) throw new Error('this attack needs a relay');
  const before = { ...relay.forged };
  const victims = openOnes(relay.clients);
  await atRate(forgeriesASecond(capacity), amounts.seconds, (i) =>
    victims[i % victims.length]?.toServer(make(i >> 1)),
  );
  await wait(100);
  return { ...since(relay.forged, before), mayAnswer: 0 };
}

/** The open sessions came first. */
function openOnes(clients: readonly Relayed[]): readonly Relayed[] {
  return clients.slice(0, 2);
}

/** As many forged records as fit 1,200 bytes. */
function tinyRecords(i: number): Buffer {
  const unified = Buffer.concat([Buffer.of(0x2f, 0, 0, 0, 17), randomFillSync(Buffer.alloc(17))]);
  const plain = plainRecord(ContentType.applicationData, randomFillSync(Buffer.alloc(25)), {
    epoch: 1,
    sequence: 2 ** 20 + i,
  });
  return i % 2 === 0 ? repeated(unified, 54) : repeated(plain, 31);
}

function junk(i: number): Buffer {
  return randomFillSync(Buffer.alloc(1 + ((i * 37) % 1200)));
}

/** Answers go to the honest clients, which get one for each echo of theirs. */
async function unanswered(field: Battlefield): Promise<Tally> {
  const { relay } = field;
  if (relay === undefined) throw new Error('this attack needs a relay');
  const victims = new Set(openOnes(relay.clients));
  const passed = { 'to-server': 0, 'to-client': 0 };
  relay.onPassage = (client, direction) => {
    if (victims.has(client)) passed[direction]++;
  };
  const tally = await intoSessions(field, handshakeMessages);
  relay.onPassage = undefined;
  const { 'to-server': sent, 'to-client': answers } = passed;
  const forged = tally.datagrams;
  const ok = forged > 0 && answers < sent + forged / 10;
  return {
    ...tally,
    checks: [check('forgeries get no answer', ok, `${answers} for ${sent} and ${forged} forgeries`)],
  };
}

/** Messages in plaintext, whole ones and parts without bytes, with all numbers that a handshake may have had. */
function handshakeMessages(i: number): Buffer {
  const messageSeq = i % 8;
  const type = [0, 1, 2, 4, 8, 11, 13, 14, 15, 16, 20, 24][(i >> 3) % 12] ?? 20;
  const body = randomFillSync(Buffer.alloc(i % 2 === 0 ? 32 : 0));
  const part = fragment({ type, messageSeq, body, length: i % 3 === 0 ? 32 : 60_000 });
  return plainRecord(ContentType.handshake, part, { sequence: 2 ** 20 + i });
}

async function restarts({ relay, amounts, capacity }: Battlefield): Promise<Tally> {
  if (relay === undefined) throw new Error('this attack needs a relay');
  const before = { ...relay.forged };
  const victims = openOnes(relay.clients);
  const hellos = (['DTLSv1.2', 'DTLSv1.3'] as const).flatMap((version) =>
    firstHello(clientSecurity(version)).slice(0, 1),
  );
  const datagrams = await atRate(forgeriesASecond(capacity), amounts.seconds, (i) => {
    const hello = Buffer.from(hellos[(i >> 1) % 2] ?? Buffer.alloc(0));
    victims[i % victims.length]?.toServer(randomFillSync(hello, 27, 32));
  });
  await wait(100);
  return { ...since(relay.forged, before), mayAnswer: datagrams };
}
