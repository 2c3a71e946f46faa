import { violation } from '../../base/errors.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { deriveNextTrafficSecret13 } from '../../keys/schedule13.js';
import { HandshakeType } from '../../wire/codes.js';
import { decodeKeyUpdate, encodeKeyUpdate, KeyUpdateRequest } from '../../wire/messages/key-update.js';
import type { Context } from '../context.js';
import { decoded, outOfPlace } from '../decoded.js';
import type { SealedTicket } from '../jobs.js';
import type { Message } from '../message.js';
import { APPLICATION_EPOCH, installKeys13 } from './secrets.js';
import { encodeTicket13, onNewSessionTicket13, type Resumption13 } from './tickets.js';

/*
 * After the handshake (RFC 8446 §4.6, RFC 9147 §8):
 *
 *   NewSessionTicket   received: told to the application, acknowledged
 *   NewSessionTicket   sent once it is sealed
 *   KeyUpdate          received: keys of the peer's next epoch, acknowledged; one of ours follows if it was asked for
 *   KeyUpdate          sent: our next epoch begins when it is acknowledged
 *
 * What we send waits until the peer has acknowledged what we sent before.
 */
export interface Established13 {
  readonly at: 'established';
  readonly suite: CipherSuite;
  readonly clientRandom: Uint8Array;
  readonly read: Generation;
  readonly write: Generation;
  /** What we sent last and the peer has not acknowledged. */
  readonly unacknowledged: 'finished' | 'key-update' | 'ticket' | undefined;
  /** An update that has to wait for that. */
  readonly due: Update | undefined;
  /** Server: a NewSessionTicket that has to wait for that. */
  readonly ticketDue: Uint8Array | undefined;
  /** Client: `undefined` when no ticket of this session is kept. */
  readonly resumption: Resumption13 | undefined;
}

/** One direction's traffic secret. */
interface Generation {
  readonly epoch: number;
  readonly secret: Uint8Array;
}

interface Update {
  /** Ask the peer to renew its keys, too. */
  readonly requestPeer: boolean;
}

/** RFC 9147 §8 lets an implementation stop here; 16 bits are what we keep of an epoch. */
const MAX_EPOCH = 0xffff;

export function onPostHandshake13(ctx: Context, state: Established13, message: Message): Established13 {
  if (message.type === HandshakeType.key_update) return onKeyUpdate(ctx, state, message);
  if (message.type === HandshakeType.new_session_ticket && ctx.security.role === 'client') {
    return { ...state, resumption: onNewSessionTicket13(ctx, state.resumption, message) };
  }
  throw outOfPlace(message, 'no such message');
}

/** Renews the keys we send with, as soon as nothing of ours is unacknowledged. */
export function updateKeys13(ctx: Context, state: Established13, update: Update): Established13 {
  if (state.unacknowledged !== undefined) {
    const requestPeer = update.requestPeer || (state.due?.requestPeer ?? false);
    return { ...state, due: { requestPeer } };
  }
  return canUpdate13(ctx, state) ? sendKeyUpdate(ctx, state, update) : state;
}

/** Server: the ticket is made, unless there is to be none. */
export function onTicketSealed13(
  ctx: Context,
  state: Established13,
  sealed: SealedTicket | undefined,
): Established13 {
  if (sealed === undefined) return state;
  const ticketDue = encodeTicket13(sealed);
  return state.unacknowledged === undefined ? sendTicket(ctx, state, ticketDue) : { ...state, ticketDue };
}

/** The peer has acknowledged what we sent last. */
export function onAcknowledged13(ctx: Context, state: Established13): Established13 {
  const settled = state.unacknowledged === 'key-update' ? beginWriting(ctx, state) : state;
  const idle = { ...settled, unacknowledged: undefined };
  if (state.ticketDue !== undefined) return sendTicket(ctx, idle, state.ticketDue);
  return state.due === undefined ? idle : updateKeys13(ctx, { ...idle, due: undefined }, state.due);
}

function sendTicket(ctx: Context, state: Established13, body: Uint8Array): Established13 {
  ctx.sendPostHandshake(HandshakeType.new_session_ticket, body, state.write.epoch);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  return { ...state, unacknowledged: 'ticket', ticketDue: undefined };
}

/** Neither epochs nor message numbers wrap: after the last one the keys stay as they are (RFC 9147 §5.2, §8). */
export function canUpdate13(ctx: Context, state: Established13): boolean {
  return state.unacknowledged === undefined && state.write.epoch < MAX_EPOCH && ctx.numbersLeft > 0;
}

/** Whether there are keys after those that we have or have announced. */
export function hasNextKeys13(ctx: Context, { write, unacknowledged, due }: Established13): boolean {
  if (due !== undefined) return true;
  const announced = unacknowledged === 'key-update' ? 1 : 0;
  return write.epoch + announced < MAX_EPOCH && ctx.numbersLeft > 0;
}

function sendKeyUpdate(ctx: Context, state: Established13, { requestPeer }: Update): Established13 {
  const { update_requested, update_not_requested } = KeyUpdateRequest;
  const body = encodeKeyUpdate({ requestUpdate: requestPeer ? update_requested : update_not_requested });
  ctx.sendPostHandshake(HandshakeType.key_update, body, state.write.epoch);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  return { ...state, unacknowledged: 'key-update', due: undefined };
}

function beginWriting(ctx: Context, state: Established13): Established13 {
  return { ...state, write: nextGeneration(ctx, state, 'write') };
}

function onKeyUpdate(ctx: Context, state: Established13, message: Message): Established13 {
  const { requestUpdate } = decoded(decodeKeyUpdate(message.body), 'KeyUpdate');
  const { update_requested, update_not_requested } = KeyUpdateRequest;
  if (requestUpdate !== update_requested && requestUpdate !== update_not_requested)
    throw violation('illegal_parameter', `a KeyUpdate cannot request ${requestUpdate}`);
  if (state.read.epoch === MAX_EPOCH)
    throw violation('illegal_parameter', 'the peer updates its keys beyond the last epoch');
  const updated = { ...state, read: nextGeneration(ctx, state, 'read') };
  ctx.emit({ do: 'acknowledge' });
  if (requestUpdate === update_not_requested) return updated;
  return updateKeys13(ctx, updated, { requestPeer: false });
}

/** Derives, logs and installs the keys of a direction's next epoch. */
function nextGeneration(ctx: Context, state: Established13, direction: 'read' | 'write'): Generation {
  const { suite, clientRandom } = state;
  const secret = deriveNextTrafficSecret13(ctx.provider, suite.hash, state[direction].secret);
  const epoch = state[direction].epoch + 1;
  const sender = (direction === 'write') === (ctx.security.role === 'client') ? 'CLIENT' : 'SERVER';
  const label = `${sender}_TRAFFIC_SECRET_${epoch - APPLICATION_EPOCH}` as const;
  ctx.emit({ do: 'log-secret', label, clientRandom, secret });
  installKeys13(ctx, suite, direction, epoch, secret);
  return { epoch, secret };
}
