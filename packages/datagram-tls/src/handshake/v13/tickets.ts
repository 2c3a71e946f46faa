import { EMPTY, own } from '../../base/bytes.js';
import type { NewTicket } from '../../config/saved-session.js';
import { deriveResumptionSecret13, deriveTicketPsk13 } from '../../keys/schedule13.js';
import type { FreshState } from '../../keys/session-state.js';
import { ExtensionType } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeEarlyDataTicket, encodeEarlyDataTicket } from '../../wire/extensions/early-data.js';
import {
  decodeNewSessionTicket13,
  encodeNewSessionTicket13,
} from '../../wire/messages/new-session-ticket13.js';
import type { Context } from '../context.js';
import { decoded } from '../decoded.js';
import type { SealedTicket } from '../jobs.js';
import type { Message } from '../message.js';
import { LARGEST_TICKET_TAKEN, LONGEST_LIFE } from '../resumption/limits.js';
import { shownBy } from '../resumption/peer.js';
import type { Agreed, Session } from '../session.js';
import { checkPlaces } from './extensions.js';

/** From which tickets of a session are made (RFC 8446 §4.6.1). */
export interface Resumption13 {
  readonly secret: Uint8Array;
  /** All that a ticket's state has but the key of that ticket. */
  readonly state: Omit<FreshState, 'secret'>;
  /** What was agreed on beside it, to which early data has to keep. */
  readonly agreed: Agreed;
  /** Tickets that came; a server that sends more than we want is acknowledged, and no more. */
  readonly taken: number;
}

/** What a ticket is of use for is the last one a server sent; some send one for each of several connections. */
const MOST_TICKETS = 16;
/** Differs for each ticket of a session, and we make one. */
const TICKET_NONCE = Uint8Array.of(0);

/**
 * Once both Finished are in the transcript. A session that stands on a pre-shared key has none: to begin another one with
 * that key costs no more.
 */
export function resumption13(
  ctx: Context,
  session: Session,
  masterSecret: Uint8Array,
  since: number | undefined,
): Resumption13 | undefined {
  const { suite, peer, serverName, extendedMasterSecret, agreed } = session;
  if (peer.pskIdentity !== undefined) return undefined;
  const { provider, transcript } = ctx;
  return {
    secret: deriveResumptionSecret13(provider, suite.hash, masterSecret, transcript.digest()),
    state: { suite, extendedMasterSecret, serverName, since, ...shownBy(peer) },
    agreed,
    taken: 0,
  };
}

/** Server: somebody who has the keys for it makes a ticket. */
export function askForTicket(ctx: Context, { secret, state, agreed }: Resumption13): void {
  const psk = ticketPsk(ctx, secret, state, TICKET_NONCE);
  const job = { kind: 'seal-ticket', state: { ...state, secret: psk }, alpn: agreed.alpn } as const;
  ctx.emit({ do: 'ask', job });
}

/** Server: NewSessionTicket. */
export function encodeTicket13({ ticket, lifetime, ageAdd, maxEarlyData }: SealedTicket): Uint8Array {
  const extensions = new Map<number, Uint8Array>();
  if (maxEarlyData > 0) extensions.set(ExtensionType.early_data, encodeEarlyDataTicket(maxEarlyData));
  return encodeNewSessionTicket13({
    ticketLifetime: lifetime,
    ticketAgeAdd: ageAdd,
    ticketNonce: TICKET_NONCE,
    ticket,
    extensions,
  });
}

/** Client: NewSessionTicket. Returns what is left to make tickets of. */
export function onNewSessionTicket13(
  ctx: Context,
  resumption: Resumption13 | undefined,
  message: Message,
): Resumption13 | undefined {
  const body = decoded(decodeNewSessionTicket13(message.body), 'NewSessionTicket');
  checkPlaces(body.extensions, 'NST');
  ctx.emit({ do: 'acknowledge' });
  const lifetime = Math.min(body.ticketLifetime * 1000, LONGEST_LIFE);
  const useless = lifetime === 0 || body.ticket.length > LARGEST_TICKET_TAKEN;
  if (useless || resumption === undefined || resumption.taken === MOST_TICKETS) return resumption;
  const { secret, state, agreed } = resumption;
  const ticket: NewTicket = {
    state: { ...state, secret: ticketPsk(ctx, secret, state, body.ticketNonce) },
    identity: ctx.destination.verifyName ?? '',
    ticket: own(body.ticket),
    sessionId: EMPTY,
    ageAdd: body.ticketAgeAdd,
    early: { most: readMaxEarlyData(body.extensions), alpn: agreed.alpn },
    recordLimit: agreed.records.send,
    lifetime,
  };
  ctx.emit({ do: 'ticket', ticket });
  return { ...resumption, taken: resumption.taken + 1 };
}

function readMaxEarlyData(extensions: Extensions): number {
  const body = extensions.get(ExtensionType.early_data);
  return body === undefined ? 0 : decoded(decodeEarlyDataTicket(body), 'early_data');
}

function ticketPsk(ctx: Context, secret: Uint8Array, { suite }: Resumption13['state'], nonce: Uint8Array) {
  return deriveTicketPsk13(ctx.provider, suite.hash, secret, nonce);
}
