import { whenever } from '../base/awaitable.js';
import { utf8 } from '../base/bytes.js';
import { callerError, invalidArgValue, invalidReturn, outOfRange, readAnswer } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { SeenHellos } from '../keys/seen-hellos.js';
import { SessionCache } from '../keys/session-cache.js';
import {
  importTicketKey,
  OwnTicketKeys,
  TICKET_AEAD,
  TICKET_KEY_LENGTH,
  type TicketKey,
} from '../keys/ticket-keys.js';
import type { VersionFacts } from '../wire/version.js';
import { checkView } from './checks.js';
import type { ChooseSecurity, EarlyPolicy, Security, TicketPolicy } from './config.js';
import { type Filled, withDefaults } from './option-table.js';
import { type ReplayGuard, SECURITY_OPTIONS, type SecurityOptions } from './options.js';

type Settings = Filled<typeof SECURITY_OPTIONS>;

/** Bytes; the limit of node:dtls. */
const LONGEST_CONTEXT = 32;
/** More would make each ticket that does not open expensive. */
const MAX_KEYS = 16;

/** Reads `ticketKeys`, `sessionCacheSize`, `sessionTimeout` and `sessionIdContext`. `undefined`: no session can be resumed. */
export function resolveTickets(options: SecurityOptions, platform: TicketPlatform): TicketPolicy | undefined {
  const { provider } = platform;
  const settings = withDefaults(options, SECURITY_OPTIONS);
  const { ticketKeys, sessionTimeout } = settings;
  const context = utf8(options.sessionIdContext ?? platform.sessionIdContext());
  if (context.length > LONGEST_CONTEXT)
    throw outOfRange('options.sessionIdContext.length', `<= ${LONGEST_CONTEXT}`, context.length);
  const lifetime = sessionTimeout * 1000;
  const withoutTickets = ticketKeys === false && options.sessionCacheSize === undefined;
  const sessionCacheSize = withoutTickets ? 0 : settings.sessionCacheSize;
  const early = resolveEarlyPolicy(settings, options.replayGuard, platform);
  const sealed = ticketKeys !== false && canSeal(settings, provider);
  if (!sealed && sessionCacheSize === 0) return undefined;
  const keys = sealed ? resolveKeys(ticketKeys, provider, lifetime) : undefined;
  const sessions = sessionCacheSize === 0 ? undefined : new SessionCache(sessionCacheSize);
  const keysAtHand = typeof ticketKeys !== 'function';
  return Object.freeze({ keys, keysAtHand, sessions, lifetime, context, early });
}

interface TicketPlatform {
  readonly provider: CryptoProvider;
  readonly sessionIdContext: () => string;
  readonly giveBytes: (bytes: Uint8Array) => Uint8Array;
}

/**
 * `next` with what `former` knows of clients: so they can resume their sessions, and no early data is taken twice. What
 * `next` was given itself stays.
 */
export function withTicketsOf<V extends VersionFacts>(next: Security<V>, former: Security<V>): Security<V> {
  const tickets = kept(next, former.tickets);
  if (tickets === next.tickets) return next;
  return Object.freeze({ ...next, tickets, sni: next.sni && namesWith(next.sni, tickets) });
}

/** A name takes the tickets of its endpoint. */
function namesWith(sni: ChooseSecurity, tickets: TicketPolicy | undefined): ChooseSecurity {
  return (name) => whenever(sni(name), (own) => own && Object.freeze({ ...own, tickets }));
}

function kept({ given, tickets }: Security, former: TicketPolicy | undefined): TicketPolicy | undefined {
  if (tickets === undefined || former === undefined) return tickets;
  const fresh = given.has('ticketKeys') || given.has('replayGuard');
  const { keys, keysAtHand } = fresh || former.keys === undefined ? tickets : former;
  const guard = fresh ? undefined : former.early?.guard;
  const early = tickets.early && guard ? { ...tickets.early, guard } : tickets.early;
  const sessions = given.has('sessionCacheSize') ? tickets.sessions : (former.sessions ?? tickets.sessions);
  return Object.freeze({ ...tickets, keys, keysAtHand, early, sessions });
}

/** A platform without the AEAD of tickets issues none by default, and refuses options that ask for them. */
function canSeal({ ticketKeys, maxEarlyData }: Settings, { capabilities }: CryptoProvider): boolean {
  if (capabilities.aead(TICKET_AEAD)) return true;
  if (ticketKeys === undefined && maxEarlyData === 0) return false;
  const option = ticketKeys === undefined ? 'options.maxEarlyData' : 'options.ticketKeys';
  throw callerError(
    'ERR_DTLS_UNSUPPORTED_CIPHER',
    `${option} needs ${TICKET_AEAD}, which this runtime lacks`,
  );
}

function resolveKeys(
  ticketKeys: Exclude<SecurityOptions['ticketKeys'], false>,
  provider: CryptoProvider,
  lifetime: Duration,
): TicketPolicy['keys'] {
  if (ticketKeys === undefined) {
    const own = new OwnTicketKeys(provider, lifetime);
    return (time) => own.at(time);
  }
  if (typeof ticketKeys === 'function') {
    return () =>
      whenever(ticketKeys(), (keys) => readAnswer(() => importKeys(keys, 'options.ticketKeys()', provider)));
  }
  const fixed = importKeys(ticketKeys, 'options.ticketKeys', provider);
  if (fixed.length === 0) throw invalidArgValue('options.ticketKeys', 'must hold at least one key');
  return () => fixed;
}

function importKeys(value: unknown, name: string, provider: CryptoProvider): readonly TicketKey[] {
  return readKeys(value, name).map(({ buffer, byteOffset, byteLength }) =>
    importTicketKey(provider, new Uint8Array(buffer, byteOffset, byteLength)),
  );
}

/** Checks the option as far as that is possible before a function of the application is asked. */
export function checkTicketKeys(ticketKeys: SecurityOptions['ticketKeys']): void {
  if (ticketKeys !== false && typeof ticketKeys !== 'function') readKeys(ticketKeys, 'options.ticketKeys');
}

function readKeys(value: unknown, name: string): readonly ArrayBufferView[] {
  if (value === undefined || value === null) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length > MAX_KEYS) throw outOfRange(`${name}.length`, `<= ${MAX_KEYS}`, items.length);
  return items.map((item) => {
    checkView(item, name);
    if (item.byteLength !== TICKET_KEY_LENGTH)
      throw invalidArgValue(name, `must be exactly ${TICKET_KEY_LENGTH} bytes. Received ${item.byteLength}`);
    return item;
  });
}

/** Remembered ClientHellos, about 150 bytes each; for at most twice the tolerance of ticket ages. */
const MAX_SEEN = 16_384;

/**
 * The only reader of `maxEarlyData` and `replayGuard`; `undefined`: no early data. A process does not know what other
 * nodes have seen, nor what it saw before a restart: keys that outlive it need a guard that does, too.
 */
function resolveEarlyPolicy(
  { maxEarlyData: most, ticketKeys }: Settings,
  replayGuard: ReplayGuard | undefined,
  platform: TicketPlatform,
): EarlyPolicy | undefined {
  if (most === 0) {
    if (replayGuard !== undefined)
      throw invalidArgValue(
        'options.replayGuard',
        'is of no use without options.maxEarlyData. Set that, or leave this out',
      );
    return undefined;
  }
  if (ticketKeys === false)
    throw invalidArgValue('options.maxEarlyData', 'needs tickets: options.ticketKeys must not be false');
  if (replayGuard === undefined && ticketKeys !== undefined) {
    const reason =
      'needs options.replayGuard beside options.ticketKeys: other nodes, or this one before a restart, may have seen a ClientHello';
    throw invalidArgValue('options.maxEarlyData', reason);
  }
  const guard = replayGuard === undefined ? ownGuard() : theirGuard(replayGuard, platform);
  return Object.freeze({ most, guard });
}

function ownGuard(): EarlyPolicy['guard'] {
  const seen = new SeenHellos(MAX_SEEN);
  return (digest, until, time) => seen.add(digest, until, time);
}

function theirGuard(replayGuard: ReplayGuard, { giveBytes }: TicketPlatform): EarlyPolicy['guard'] {
  return (digest, until, time) =>
    whenever(replayGuard(giveBytes(digest), until - time), (isNew: unknown) => {
      if (typeof isNew !== 'boolean') throw invalidReturn('options.replayGuard', 'true or false', isNew);
      return isNew ? 'fresh' : 'replayed';
    });
}
