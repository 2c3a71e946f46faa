import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, suite, test } from 'node:test';
import { resolveLimits } from '#lib/config/limits.js';
import { SECURITY_OPTIONS } from '#lib/config/options.js';
import { DGRAM_OPTIONS } from '#lib/dgram/options.js';
import { LISTEN_OPTIONS, resolveUdp, resolveUnread } from '#lib/driver/options.js';
import { connect, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { behaviour } from '../support/settings.js';
import { cellsOf } from './ledger/parse.js';

const PACKAGE = new URL('../../../', import.meta.url);
const DOCUMENT = readFileSync(new URL('../../SECURITY.md', PACKAGE), 'utf8');
const HEAD = ['limit', 'default', 'what happens', 'how to see it', 'shown by'];

/** Limits that are no options, by how their row begins: where the number stands. */
const CONSTANTS: Readonly<Record<string, readonly [file: string, name: string]>> = {
  'handshake messages processed': ['connection/handshake.ts', 'MAX_MESSAGES'],
  'records that fail to open': ['connection/receive.ts', 'MAX_FORGERIES'],
  records: ['connection/receive.ts', 'MAX_RECORDS'],
  'held messages that': ['connection/handshake-receiver.ts', 'MAX_DISPLACED'],
  'cookie requests': ['handshake/client.ts', 'MAX_COOKIES'],
  'identities of pre-shared keys': ['handshake/v13/hellos.ts', 'MAX_PSKS'],
  'addresses of a host name': ['driver/happy-eyeballs.ts', 'MAX_ADDRESSES'],
  'messages of a server': ['connection/application-data.ts', 'MAX_UNPROVED'],
  'time between repetitions': ['connection/flights.ts', 'MIN_REPEAT_GAP'],
  'records of a flight': ['connection/flights.ts', 'WINDOW.initial'],
  'numbers of plaintext records': ['connection/handshake-receiver.ts', 'MAX_PLAIN_NUMBERS'],
  "numbers of the peer's records": ['connection/acks.ts', 'MAX_NUMBERS'],
  'numbers that an ACK repeats': ['connection/acks.ts', 'MAX_REPEATED'],
  'records of our flight whose ACK': ['connection/delivery.ts', 'MAX_RECORDS'],
  'time between answers': ['connection/handshake-receiver.ts', 'MIN_REFUSAL_GAP'],
  'alerts about a pre-shared key': ['connection/suspicion.ts', 'MAX_KEY_ALERTS'],
  'messages that overtake': ['connection/application-data.ts', 'EARLY_BUDGET'],
  'parts of handshake messages': ['connection/handshake-receiver.ts', 'REASSEMBLY.budget'],
  'one handshake message': ['connection/handshake-receiver.ts', 'REASSEMBLY.maxMessage'],
  'plaintext messages of one number': ['connection/reassembly.ts', 'MAX_CANDIDATES'],
  'records that wait for keys': ['connection/receive.ts', 'HOLD_BUDGET'],
  'time for which any': ['connection/association.ts', 'HELD_LIFE'],
  'refused clients': ['endpoint/refusals.ts', 'MAX_REFUSED'],
  'handshakes that are over': ['endpoint/ended-handshakes.ts', 'MAX_MARKS'],
  'alerts repeated': ['endpoint/refusals.ts', 'MAX_REPEATS'],
  'parts of ClientHellos': ['endpoint/split-hellos.ts', 'SPLIT_HELLO_BUDGET'],
  'ClientHellos that are remembered': ['endpoint/unanswered.ts', 'MAX_MARKS'],
  'associations with early data': ['endpoint/acceptor.ts', 'MAX_UNVALIDATED'],
  'handshakes that begin before': ['driver/handshake-turns.ts', 'HANDSHAKES_A_TURN'],
  'associations whose timers': ['endpoint/endpoint.ts', 'MAX_WAKES'],
  'associations without a cookie': ['endpoint/acceptor.ts', 'MAX_UNVALIDATED'],
  'other addresses from which': ['connection/candidate.ts', 'MAX_CANDIDATES'],
  'connection IDs that one session': ['connection/connection-ids.ts', 'MAX_IDS'],
  'new first ClientHellos of a client': ['handshake/runner.ts', 'MAX_RESTARTS'],
  'tries of `connectionId.generate`': ['connection/connection-ids.ts', 'MAX_TRIES'],
  'tickets of one ClientHello': ['handshake/v13/server-start.ts', 'MAX_TICKETS'],
  'comparisons of names': ['x509/budget.ts', 'VALIDATION_LIMITS.comparisons'],
  'signatures checked': ['x509/budget.ts', 'VALIDATION_LIMITS.signatures'],
  'cost of signatures': ['x509/budget.ts', 'VALIDATION_LIMITS.signatureWork'],
  'issuers looked at': ['x509/budget.ts', 'VALIDATION_LIMITS.issuers'],
  'candidate paths': ['x509/budget.ts', 'VALIDATION_LIMITS.paths'],
  'revocation lists': ['x509/budget.ts', 'VALIDATION_LIMITS.lists'],
  'certificates between': ['x509/path.ts', 'MAX_INTERMEDIATES'],
  'certificates in a message': ['handshake/authenticate.ts', 'MAX_CHAIN'],
  'DER elements in them': ['x509/certificate.ts', 'MAX_CHAIN_ELEMENTS'],
  'modulus of an RSA key': ['x509/public-key.ts', 'MAX_RSA_BITS'],
  'exponent of an RSA key': ['x509/public-key.ts', 'MAX_EXPONENT_BITS'],
  'DER elements in an OCSP response': ['x509/ocsp.ts', 'MAX_ELEMENTS'],
  'keys of a CA': ['x509/revocation.ts', 'MAX_OTHER_KEYS'],
  'time between handshakes': ['dgram/peers.ts', 'RETRY_AFTER'],
  'names of one peer': ['dgram/peer.ts', 'MAX_NAMES'],
  'clients that have gone': ['dgram/peers.ts', 'MAX_DEPARTED'],
  'certificates looked at': ['x509/ocsp.ts', 'MAX_CERTIFICATES'],
};
/** Limits whose number stands in no constant: the code does a thing once, or the cipher decides. */
const STRUCTURAL = [
  'transmissions of our flights',
  'KeyUpdates of the peer',
  'answers to requests',
  'jobs under way',
  'repetitions of a flight',
  'records under one key',
  'calls of',
];

const FACTOR: Readonly<Record<string, number>> = { KiB: 1024, MiB: 2 ** 20, s: 1000, min: 60_000 };

/** What a default begins with, in bytes or milliseconds; `off` is 0. */
function numberOf(text: string): number | undefined {
  if (text.startsWith('off')) return 0;
  const { digits, unit = '' } = /^(?<digits>\d[\d,]*)(?: (?<unit>\w+))?/.exec(text)?.groups ?? {};
  return digits === undefined ? undefined : Number(digits.replaceAll(',', '')) * (FACTOR[unit] ?? 1);
}

/** The number of a constant, or of a property of one, in the text of a file. */
function constantOf(source: string, name: string): number | undefined {
  const [constant = '', property] = name.split('.');
  const body = new RegExp(`const ${constant}(?:: \\w+)? = ([^;]+);`).exec(source)?.[1];
  const text = property === undefined ? body : new RegExp(`\\b${property}: ([\\w_]+)`).exec(body ?? '')?.[1];
  return text === undefined ? undefined : Number(text.replaceAll('_', ''));
}

/** What the tables are compared with. */
interface World {
  /** The text of a file of the package. */
  readonly read: (path: string) => string | undefined;
  /** The default of an option. */
  readonly defaultOf: (option: string) => number | undefined;
  /** Whether a name in the column "how to see it" exists. */
  readonly exists: (name: string) => boolean;
}

/** All that is wrong with the tables of limits in `document`. */
function problemsOf(document: string, world: World): string[] {
  const lines = document.split('\n').filter((line) => line.startsWith('|'));
  const rows: string[][] = [];
  let isLimits = false;
  for (const cells of lines.map(cellsOf)) {
    if (cells[0] === 'limit') isLimits = cells.join() === HEAD.join();
    else if (/^-+$/.test(cells[0] ?? '')) continue;
    else if (cells.length === HEAD.length && isLimits) rows.push(cells);
  }
  return rows.length === 0 ? ['there are no limits'] : rows.flatMap((row) => problemsOfRow(row, world));
}

function problemsOfRow([limit = '', value = '', , seen = '', shown = '']: string[], world: World): string[] {
  const problems: string[] = [];
  const path = /^`(test\/[^`]+\.test\.ts)`$/.exec(shown)?.[1];
  const source = path === undefined ? undefined : world.read(path);
  if (!/\b(test|it)\(/.test(source ?? '')) problems.push(`${limit}: no test in ${shown}`);
  if (seen === '') problems.push(`${limit}: nothing shows it`);
  for (const [, name = ''] of seen.matchAll(/`([^`]+)`/g))
    if (!world.exists(name)) problems.push(`${limit}: there is no ${name}`);
  const expected = expectedOf(limit, world);
  if (expected !== 'structural' && (expected === undefined || numberOf(value) !== expected))
    problems.push(`${limit}: ${value} is not ${expected}`);
  return problems;
}

function expectedOf(limit: string, { read, defaultOf }: World): number | 'structural' | undefined {
  const option = /^`(\w+)`:/.exec(limit)?.[1];
  if (option !== undefined) return defaultOf(option);
  if (STRUCTURAL.some((start) => limit.startsWith(start))) return 'structural';
  const starts = Object.keys(CONSTANTS).filter((start) => new RegExp(`^${start}(?!\\w)`).test(limit));
  const longest = starts.sort((a, b) => b.length - a.length)[0];
  const [file = '', name = ''] = CONSTANTS[longest ?? ''] ?? [];
  return file === '' ? undefined : constantOf(read(`src/${file}`) ?? '', name);
}

suite('the tables of limits in SECURITY.md', () => {
  const endpoint = listen(() => undefined, { port: 0, host: '127.0.0.1', ...SERVERS.ed25519 });
  const session = connect('127.0.0.1', 9);
  session.opened.catch(() => undefined);
  session.closed.catch(() => undefined);
  after(() => {
    session.destroy();
    endpoint.destroy();
  });

  const read = (path: string): string | undefined => {
    const url = new URL(path, PACKAGE);
    return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
  };
  const sources = readdirSync(new URL('src', PACKAGE), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => read(`src/${path}`) ?? '')
    .join('\n');

  const defaults: Readonly<Record<string, number | undefined>> = {
    ...(resolveLimits({}) as unknown as Record<string, number>),
    handshakeTimeout: behaviour().handshakeTimeout,
    idleTimeout: behaviour().idleTimeout.server,
    hibernateAfter: behaviour().hibernateAfter,
    keepAlive: behaviour().keepAlive === undefined ? 0 : undefined,
    maxSendQueue: resolveUdp({}, false).maxSendQueue,
    maxUnreadBytes: resolveUnread({}).perSession,
    maxUnreadBytesInAll: resolveUnread({}).inAll,
    backlog: LISTEN_OPTIONS.backlog.default,
    maxClientSessions: DGRAM_OPTIONS.maxClientSessions.default,
    maxQueuedBytes: DGRAM_OPTIONS.maxQueuedBytes.default,
    maxQueuedBytesInAll: DGRAM_OPTIONS.maxQueuedBytesInAll.default,
    sessionCacheSize: SECURITY_OPTIONS.sessionCacheSize.default,
  };

  /** A property of the objects that the driver gives out, a reason in one of their counts, an option or an error's code. */
  function exists(name: string): boolean {
    const [owner = '', property = '', reason] = name.split('.');
    if (owner === 'endpoint' || owner === 'session') {
      const object: object = owner === 'endpoint' ? endpoint : session;
      if (!(property in object)) return false;
      const value: unknown = Reflect.get(object, property);
      if (reason === undefined) return true;
      return property === 'stats' ? reason in (value as object) : reasons.has(reason);
    }
    return /^[A-Z]/.test(name)
      ? new RegExp(`'${name}'|\\b${name}:`).test(sources)
      : new RegExp(`\\b${name}\\??:`).test(sources);
  }

  /** The strings of the types that name reasons, and the drops that the driver counts itself. */
  const reasons = new Set(
    [
      ...sources.matchAll(/type (?:DropReason|RefusalReason|EarlyRefusal) =([\s\S]+?);\n\n/g),
      ...sources.matchAll(/interface OwnDrops \{([^}]+)\}/g),
    ].flatMap(([, body = '']) =>
      [...body.matchAll(/'(\w+)'|readonly (\w+):/g)].map(([, text, key]) => text ?? key),
    ),
  );

  const world: World = { read, defaultOf: (option) => defaults[option], exists };

  test('name tests, counters, options and constants that exist, with their defaults', () => {
    assert.deepEqual(problemsOf(DOCUMENT, world), []);
  });

  test('have all limits of a validation, and a row for each constant', () => {
    const rows = DOCUMENT.split('\n').filter((line) => line.startsWith('| '));
    for (const start of [...Object.keys(CONSTANTS), ...STRUCTURAL])
      assert.ok(
        rows.some((row) => row.startsWith(`| ${start}`)),
        `no row for ${start}`,
      );
    const [, body = ''] = /VALIDATION_LIMITS = \{([^}]*)\}/.exec(read('src/x509/budget.ts') ?? '') ?? [];
    const limits = [...body.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => `VALIDATION_LIMITS.${name}`);
    const listed = Object.values(CONSTANTS).map(([, name]) => name);
    assert.ok(limits.length > 4);
    assert.deepEqual(
      limits.filter((name) => !listed.includes(name)),
      [],
    );
  });

  for (const [what, row] of [
    [
      'a test that does not exist',
      '| `maxSessions`: all | 10,000 | x | `endpoint.onrefused` | `test/no.test.ts` |',
    ],
    [
      'a counter that does not exist',
      '| `maxSessions`: all | 10,000 | x | `endpoint.stats.nothing` | `test/a.test.ts` |',
    ],
    [
      'a reason that does not exist',
      '| `maxSessions`: all | 10,000 | x | `session.drops.nothing` | `test/a.test.ts` |',
    ],
    ['no counter', '| `maxSessions`: all | 10,000 | x | | `test/a.test.ts` |'],
    ['another default', '| `maxSessions`: all | 10,001 | x | `endpoint.onrefused` | `test/a.test.ts` |'],
    ['another constant', '| signatures checked | 33 | x | `VALIDATION_LIMIT_REACHED` | `test/a.test.ts` |'],
    ['a limit of which nothing is known', '| a thing | 33 | x | its error | `test/a.test.ts` |'],
    ['a table without a row', ''],
  ] as const) {
    test(`the check finds ${what}`, () => {
      const table = (line: string): string => `| ${HEAD.join(' | ')} |\n|---|---|---|---|---|\n${line}`;
      const fake = {
        ...world,
        read: (path: string) => (path === 'test/a.test.ts' ? "test('a', f);" : read(path)),
      };
      const good = '| `maxSessions`: all | 10,000 | x | `endpoint.onrefused` | `test/a.test.ts` |';
      assert.deepEqual(problemsOf(table(good), fake), []);
      assert.equal(problemsOf(table(row), fake).length, 1);
    });
  }
});
