import { randomFillSync } from 'node:crypto';
import { clientSecurity, HostileClient, type Version } from '../wire/hostile-client.js';
import { ContentType, fragment, plainRecord } from '../wire/records.js';
import { type Attack, type Battlefield, type Check, check, crowd, type Tally, wait } from './attack.js';

const WIDTH = 24;
const PER_HOST = 1000;

/** Attacks by many clients with validated addresses, or by one that holds many associations. */
export const crowds: readonly Attack[] = [
  {
    name: 'half-open crowd',
    cases: 'A9',
    options: fillable,
    run: (field) => halfOpenCrowd(field),
    judge: ({ most }, { maxHandshakes }) => [full('unfinished handshakes', most.unfinished, maxHandshakes)],
  },
  { name: 'half-open crowd, stuffed with fragments', cases: 'A5', options: brief, run: stuffedCrowd },
  {
    name: 'vanished clients, one address',
    cases: 'A9',
    options: fillable,
    run: (field) => vanish(field, field.amounts.clients, 1),
  },
  {
    name: 'vanished clients, every place',
    cases: 'A9',
    options: fillable,
    run: (field) => vanish(field, field.amounts.full, Math.ceil(field.amounts.full / perHost(field))),
    judge: ({ most }, { maxSessions }) => [full('places', most.sessions, maxSessions)],
  },
  {
    name: 'half-open crowd of one IPv6 /64',
    cases: 'A10',
    place: 'ipv6',
    options: fillable,
    run: (field) => halfOpenCrowd(field, prefixCrowd(field)),
    judge: ({ most, sessionsEver, refused, evicted }, { maxSessionsPerHost }) => [
      full('places of the host', most.ofHost, maxSessionsPerHost),
      // Two honest sessions and the new honest clients are among them.
      check(
        'some of the /64 were refused, or gave way to others of it',
        refused + evicted > 0,
        `${refused} refused, ${evicted} gave way, ${sessionsEver} sessions, limit ${maxSessionsPerHost}`,
      ),
    ],
  },
];

type Options = NonNullable<Attack['options']>;

/** Limits that the crowd can reach. */
function fillable(...[amounts]: Parameters<Options>): ReturnType<Options> {
  const { maxSessions, maxSessionsPerHost, maxHandshakes } = amounts;
  return { ...brief(amounts), maxSessions, maxSessionsPerHost, maxHandshakes };
}

/** Otherwise the attack does not show how a full server behaves. */
function full(what: string, most: number, limit: number): Check {
  return check(`all ${what} were taken at once`, most >= limit, `${most} of ${limit}`);
}

function brief({ patience }: Parameters<Options>[0]): ReturnType<Options> {
  return patience === 0 ? {} : { handshakeTimeout: patience };
}

function perHost({ amounts }: Battlefield): number {
  return amounts.maxSessionsPerHost;
}

/** More addresses of one /64 than one host may have associations; places.ts makes 1,300. */
function prefixCrowd(field: Battlefield): number {
  return field.amounts.ci ? 2 * perHost(field) : 1200;
}

const VERSIONS: readonly Version[] = ['DTLSv1.2', 'DTLSv1.3'];

/**
 * Clients that receive the server's flight and are then silent; one address each, or as many as their hosts' limits
 * allow.
 */
async function halfOpenCrowd(field: Battlefield, addresses?: number): Promise<Tally> {
  const count = addresses ?? field.amounts.full;
  const hosts = addresses ?? Math.ceil(count / (perHost(field) * 0.95));
  const securities = VERSIONS.map((version) => clientSecurity(version));
  const total = { datagrams: 0, bytes: 0 };
  let held = 0;
  await crowd(count, WIDTH, async (i) => {
    const security = securities[i % securities.length] ?? clientSecurity('DTLSv1.3');
    const client = await halfOpen(field, security, 1 + (i % hosts));
    if (client.received.datagrams > 1) held++;
    leave(client, total);
  });
  return { ...total, note: `${held} of ${count} were answered` };
}

async function halfOpen(
  field: Battlefield,
  security: ReturnType<typeof clientSecurity>,
  host: number,
): Promise<HostileClient> {
  const client = await HostileClient.start(field.target, security, {
    address: field.address(host),
    // It is silent after the answer to its second ClientHello.
    onDatagram: (_, index) => index === 0,
  });
  await client.until(() => client.received.datagrams > 1, 400);
  return client;
}

/** Each sends, after its half of a handshake, fragments of messages that never become complete. */
async function stuffedCrowd(field: Battlefield): Promise<Tally> {
  const security = clientSecurity('DTLSv1.2');
  const total = { datagrams: 0, bytes: 0 };
  const stuffing = crumbs();
  await crowd(Math.min(field.amounts.clients, PER_HOST), 8, async () => {
    const client = await halfOpen(field, security, 1);
    for (const datagram of stuffing) client.send(datagram);
    await wait(20);
    leave(client, total);
  });
  return { ...total };
}

/** Single bytes with gaps between, of three messages that claim 60,000 bytes. */
function crumbs(): Buffer[] {
  const datagrams: Buffer[] = [];
  for (let datagram = 0; datagram < 2; datagram++) {
    const fragments = Array.from({ length: 760 }, (_, i) => {
      const k = datagram * 760 + i;
      const place = { messageSeq: 2 + Math.floor(k / 510), offset: (k % 510) * 2 + 1 };
      return fragment({ type: 16, body: randomFillSync(Buffer.alloc(1)), length: 60_000, ...place });
    });
    datagrams.push(
      plainRecord(ContentType.handshake, Buffer.concat(fragments), { sequence: 100 + datagram }),
    );
  }
  return datagrams;
}

/** Whole handshakes, and then silence. */
async function vanish(field: Battlefield, count: number, hosts: number): Promise<Tally> {
  const securities = VERSIONS.map((version) => clientSecurity(version));
  const total = { datagrams: 0, bytes: 0 };
  let opened = 0;
  await crowd(count, WIDTH, async (i) => {
    const security = securities[i % securities.length] ?? clientSecurity('DTLSv1.3');
    const client = await HostileClient.start(field.target, security, {
      address: field.address(1 + (i % hosts)),
    });
    if (await client.opened(1500)) opened++;
    leave(client, total);
  });
  return { ...total, note: `${opened} of ${count} opened` };
}

function leave(client: HostileClient, total: { datagrams: number; bytes: number }): void {
  client.vanish();
  total.datagrams += client.sent.datagrams;
  total.bytes += client.sent.bytes;
}
