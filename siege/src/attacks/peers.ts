import { randomFillSync } from 'node:crypto';
import { clientSecurity, HostileClient, type Version } from '../wire/hostile-client.js';
import { ContentType, fragment } from '../wire/records.js';
import { type Attack, type Battlefield, check, type Tally, wait } from './attack.js';

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const JUNK_NAMES = [
  '__proto__',
  'constructor',
  '../../etc/passwd',
  'a\nb',
  '*',
  'x'.repeat(300),
  'é.example',
  'A..b',
  'LOCALHOST',
  ' ',
];

/** Attacks by clients with complete handshakes. */
export const peers: readonly Attack[] = [
  { name: 'open sessions, stuffed with fragments', cases: 'A5', run: stuffedSessions },
  {
    name: 'an application that does not read',
    cases: 'A11',
    deaf: true,
    options: ({ maxUnreadBytesInAll }) => ({ maxUnreadBytesInAll }),
    run: unread,
    judge: ({ maxUnread: { cost, ofSession } }, { maxUnreadBytesInAll }) => [
      check(
        'unread messages of all sessions fill their limit',
        cost > maxUnreadBytesInAll - 2 * LARGE,
        `${cost} bytes of ${maxUnreadBytesInAll}`,
      ),
      check('a session holds as many unread messages as it may', ofSession >= UNREAD_LIMIT, ofSession),
    ],
  },
  {
    name: 'names that are none',
    cases: 'A12',
    names: true,
    run: junkNames,
    judge: ({ names }) => {
      const bad = names.filter((name) => !HOST_NAME.test(name));
      return [
        check(
          'sni functions get host names alone',
          bad.length === 0,
          bad.length === 0 ? `${names.length} names` : JSON.stringify(bad[0]),
        ),
      ];
    },
  },
  {
    name: 'certificate chains dear to validate',
    cases: 'B1',
    options: (_, { ca }) => ({ requestCert: true, rejectUnauthorized: false, ca }),
    run: hostileChains,
  },
];

async function openClients(field: Battlefield, count: number, version?: Version): Promise<HostileClient[]> {
  const clients: HostileClient[] = [];
  for (let i = 0; i < count; i++) {
    const security = clientSecurity(version ?? (i % 2 === 0 ? 'DTLSv1.2' : 'DTLSv1.3'));
    const client = await HostileClient.start(field.target, security, { address: field.address(1) });
    if (await client.opened()) clients.push(client);
  }
  await wait(100);
  return clients;
}

function total(clients: readonly HostileClient[]): Tally {
  for (const client of clients) client.vanish();
  return {
    datagrams: clients.reduce((sum, { sent }) => sum + sent.datagrams, 0),
    bytes: clients.reduce((sum, { sent }) => sum + sent.bytes, 0),
    note: `${clients.length} sessions`,
  };
}

/** Single bytes with gaps between, of messages after the handshake that never become complete. */
async function stuffedSessions(field: Battlefield): Promise<Tally> {
  const clients = await openClients(field, Math.min(100, field.amounts.clients), 'DTLSv1.3');
  for (const client of clients) {
    client.mute();
    const sealer = client.sealer13(3);
    for (let datagram = 0; datagram < 2; datagram++) {
      const fragments = Array.from({ length: 760 }, (_, i) => {
        const k = datagram * 760 + i;
        const place = { messageSeq: 3 + Math.floor(k / 510), offset: (k % 510) * 2 + 1 };
        return fragment({ type: 11, body: Buffer.of(k & 0xff), length: 60_000, ...place });
      });
      client.send(sealer.seal(ContentType.handshake, Buffer.concat(fragments), 500 + datagram));
    }
    await wait(5);
  }
  await wait(300);
  return total(clients);
}

const LARGE = 1100;
/** The most messages that a session holds. */
const UNREAD_LIMIT = 256;
/** Messages sent before the attacker pauses. */
const UNREAD_BURST = 50;

/**
 * Messages for an application that reads none. A few sessions fill their own limits first, because the limit over all
 * is reached before each has filled its own.
 */
async function unread(field: Battlefield): Promise<Tally> {
  const { ci, clients: most } = field.amounts;
  const clients = await openClients(field, Math.min(ci ? 50 : 200, most));
  const loud = Math.ceil(clients.length / 5);
  await talk(clients.slice(0, loud), UNREAD_LIMIT + 50);
  // The victim samples every 250 ms.
  await wait(600);
  await talk(clients.slice(loud), UNREAD_LIMIT + 50);
  await wait(300);
  return total(clients);
}

async function talk(clients: readonly HostileClient[], each: number): Promise<void> {
  const message = randomFillSync(Buffer.alloc(LARGE));
  let sent = 0;
  for (let k = 0; k < each; k++) {
    for (const client of clients) {
      if (client.connected) client.say(message);
      if (++sent % UNREAD_BURST === 0) await wait(8);
    }
  }
}

async function junkNames(field: Battlefield): Promise<Tally> {
  const clients: HostileClient[] = [];
  for (let i = 0; i < Math.max(JUNK_NAMES.length * 2, field.amounts.storm); i++) {
    const serverName = JUNK_NAMES[(i >> 1) % JUNK_NAMES.length];
    const destination = { serverName, verifyName: undefined };
    const security = clientSecurity(i % 2 === 0 ? 'DTLSv1.2' : 'DTLSv1.3');
    const client = await HostileClient.start(field.target, security, {
      address: field.address(1),
      destination,
    });
    await client.until(() => client.received.datagrams > 1, 200);
    clients.push(client);
  }
  await wait(200);
  return total(clients);
}

/** Each hostile chain in a handshake of either version. */
async function hostileChains(field: Battlefield): Promise<Tally> {
  const clients: HostileClient[] = [];
  const verdicts: Record<string, number> = {};
  const rounds = field.amounts.ci ? 1 : 3;
  for (let round = 0; round < rounds; round++) {
    for (const { identity, verdict } of field.pki.hostileChains) {
      for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
        const client = await HostileClient.start(field.target, clientSecurity(version, identity), {
          address: field.address(1),
        });
        await client.opened(8000);
        clients.push(client);
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      }
    }
  }
  await wait(300);
  return { ...total(clients), verdicts, note: `${clients.length} chains` };
}
