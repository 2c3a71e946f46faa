import { EMPTY, own } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import { type Packed, pack, unpack } from '../../base/packed.js';
import type { NewTicket } from '../../config/saved-session.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { decodeEarlyDataTicket, encodeEarlyDataTicket } from '../../extensions/early-data.js';
import { checkPlaces } from '../../extensions/table.js';
import { Exporter13 } from '../../keys/exporter.js';
import type { FreshState } from '../../keys/resumption-state.js';
import {
  type ApplicationSecrets13,
  deriveNextTrafficSecret13,
  deriveResumptionSecret13,
  deriveTicketPsk13,
  deriveTrafficKeys13,
} from '../../keys/schedule13.js';
import { ExtensionType, HandshakeType, type SchemeName } from '../../wire/codes.js';
import type { Reader, Writer } from '../../wire/cursor.js';
import type { Extensions } from '../../wire/extension-block.js';
import { decodeKeyUpdate, encodeKeyUpdate, KeyUpdateRequest } from '../../wire/messages/key-update.js';
import {
  ConnectionIdUsage,
  decodeNewConnectionId,
  encodeNewConnectionId,
} from '../../wire/messages/new-connection-id.js';
import {
  decodeNewSessionTicket13,
  encodeNewSessionTicket13,
} from '../../wire/messages/new-session-ticket13.js';
import {
  decodeRequestConnectionId,
  encodeRequestConnectionId,
} from '../../wire/messages/request-connection-id.js';
import { FACTS_13 } from '../../wire/version.js';
import { fitsMtu } from '../agreements.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import type { SealedTicket } from '../jobs.js';
import { type Message, outOfPlace } from '../message.js';
import type { Psk13 } from '../offered-psk.js';
import { LARGEST_TICKET_TAKEN, LONGEST_LIFE, shownBy } from '../resumption.js';
import type { Agreed, Session } from '../session.js';
import { Stage, type StateRow } from '../stage.js';
import type { Generation, Generations, Reopening } from '../version.js';
import { APPLICATION_EPOCH, byDirection, installKeys13, type Negotiated13 } from './secrets.js';

/*
 * After the handshake (RFC 8446 §4.6, RFC 9147 §8):
 *
 *   NewSessionTicket   received: told to the application, acknowledged
 *   NewSessionTicket   sent once it is sealed
 *   KeyUpdate          received: keys of the peer's next epoch, acknowledged; one of ours follows if it was asked for
 *   KeyUpdate          sent: our next epoch begins when it is acknowledged
 *
 *   NewConnectionId    received: used at once or kept, acknowledged (RFC 9147 §9)
 *   RequestConnectionId  received: acknowledged; a NewConnectionId with spare ones follows
 *   NewConnectionId    sent after the handshake with a first spare one; to be used at once, for our side's own reasons
 *   RequestConnectionId  sent where we have no spare one and the peer is known to answer, and not again before it does
 *
 * What we send waits until the peer has acknowledged what we sent before.
 */
export interface Established13 {
  readonly at: 'established';
  readonly suite: CipherSuite;
  /** For key logs. */
  readonly clientRandom: Packed;
  readonly read: Generation;
  readonly write: Generation;
  /** Our last message, which the peer has not acknowledged. */
  readonly unacknowledged: 'finished' | 'key-update' | 'ticket' | 'connection-ids' | 'id-request' | undefined;
  /** A KeyUpdate that has to wait for that. */
  readonly due: Update | undefined;
  /** Server: a NewSessionTicket that has to wait for that. */
  readonly ticketDue: Uint8Array | undefined;
  /** How many connection IDs the peer has asked for, as long as its answer has to wait. */
  readonly cidsDue: number | undefined;
  /** A connection ID for the peer to use at once that has to wait, too. */
  readonly renewalDue: boolean;
  /** Our request for spare connection IDs: it has to wait for that, or it is sent and not answered. */
  readonly idRequest: 'due' | 'sent' | undefined;
  /** Client: `undefined` when no ticket of this session is kept. */
  readonly resumption: Resumption13 | undefined;
}

interface Update {
  /** Ask the peer to update its keys, too. */
  readonly requestPeer: boolean;
}

export const openRow13: StateRow<Established13, Established13> = {
  epoch: ({ read }) => read.epoch,
  awaits: 'message',
  peerProtects: true,
  on: onPostHandshake13,
  onTicketSealed: (ctx, state, { sealed }) => onTicketSealed13(ctx, state, sealed),
  onAcknowledged: onAcknowledged13,
  keyUpdates: {
    canUpdate: canUpdate13,
    hasNext: hasNextKeys13,
    update: (ctx, state, requestPeer) => updateKeys13(ctx, state, { requestPeer }),
  },
  connectionIds: {
    uses: ({ cids }) => cids?.expected === true,
    request: requestIds13,
    renew: renewIds13,
  },
  save: writeEstablished13,
};

export const reopening13: Reopening = {
  readSecrets: (r) => Exporter13.restore(r),
  deriveKeys: (provider, { suite }, _sender, secret) => deriveTrafficKeys13(provider, suite, secret),
  readStage: (r, session, generations) =>
    Stage.of<Established13>(FACTS_13, { established: openRow13 }, readEstablished13(r, session, generations)),
};

const UNACKNOWLEDGED: readonly Established13['unacknowledged'][] = [
  undefined,
  'finished',
  'key-update',
  'ticket',
  'connection-ids',
  'id-request',
];
const ID_REQUESTS: readonly Established13['idRequest'][] = [undefined, 'due', 'sent'];
/** Of the update that is due: none, ours, both sides'. */
const DUE: readonly (Update | undefined)[] = [undefined, { requestPeer: false }, { requestPeer: true }];

/** The generations are those of the record protection. */
function writeEstablished13(w: Writer, state: Established13): void {
  const { clientRandom, unacknowledged, due, ticketDue = EMPTY, resumption } = state;
  w.bytes(unpack(clientRandom)).u8(UNACKNOWLEDGED.indexOf(unacknowledged));
  w.u8(due === undefined ? 0 : due.requestPeer ? 2 : 1).vec16(ticketDue);
  w.varint((state.cidsDue ?? -1) + 1)
    .u8(state.renewalDue ? 1 : 0)
    .u8(ID_REQUESTS.indexOf(state.idRequest));
  w.vec8(resumption?.secret ?? EMPTY);
  if (resumption === undefined) return;
  w.varint((resumption.state.since ?? -1) + 1).u8(resumption.taken);
}

function readEstablished13(r: Reader, session: Session, { read, write }: Generations): Established13 {
  const clientRandom = pack(r.bytes(RANDOM_LENGTH));
  const unacknowledged = UNACKNOWLEDGED[r.u8()];
  const due = DUE[r.u8()];
  const ticketDue = own(r.vec16());
  const cidsDue = r.varint();
  const renewalDue = r.u8() === 1;
  const idRequest = ID_REQUESTS[r.u8()];
  return {
    at: 'established',
    suite: session.suite,
    clientRandom,
    read,
    write,
    unacknowledged,
    due,
    ticketDue: ticketDue.length === 0 ? undefined : ticketDue,
    cidsDue: cidsDue === 0 ? undefined : cidsDue - 1,
    renewalDue,
    idRequest,
    resumption: readResumption(r, session),
  };
}

function readResumption(r: Reader, session: Session): Resumption13 | undefined {
  const secret = own(r.vec8());
  if (secret.length === 0) return undefined;
  const since = r.varint();
  const taken = r.u8();
  const { agreed } = session;
  return { secret, state: resumableState(session, since === 0 ? undefined : since - 1), agreed, taken };
}

const RANDOM_LENGTH = 32;

/** RFC 9147 §8 allows an implementation to stop here; we keep 16 bits of an epoch. */
const MAX_EPOCH = 0xffff;

export function onPostHandshake13(ctx: Context, state: Established13, message: Message): Established13 {
  if (message.type === HandshakeType.key_update) return onKeyUpdate(ctx, state, message);
  if (message.type === HandshakeType.new_connection_id) return onNewConnectionId(ctx, state, message);
  if (message.type === HandshakeType.request_connection_id) return onRequestConnectionId(ctx, state, message);
  if (message.type === HandshakeType.new_session_ticket && ctx.security.role === 'client') {
    return { ...state, resumption: onNewSessionTicket13(ctx, state.resumption, message) };
  }
  throw outOfPlace(message, 'no such message');
}

/** Updates our sending keys as soon as nothing of ours is unacknowledged. */
export function updateKeys13(ctx: Context, state: Established13, update: Update): Established13 {
  if (state.unacknowledged !== undefined) {
    const requestPeer = update.requestPeer || (state.due?.requestPeer ?? false);
    return { ...state, due: { requestPeer } };
  }
  return canUpdate13(ctx, state) ? sendKeyUpdate(ctx, state, update) : state;
}

/** Server: the ticket is made, or there will be none. */
export function onTicketSealed13(
  ctx: Context,
  state: Established13,
  sealed: SealedTicket | undefined,
): Established13 {
  if (sealed === undefined) return exchangeIds(ctx, state);
  const ticketDue = encodeTicket13(sealed);
  return state.unacknowledged === undefined
    ? sendTicket(ctx, state, ticketDue)
    : awaiting(state, state.unacknowledged, ticketDue);
}

/** The peer has acknowledged our last message. */
export function onAcknowledged13(ctx: Context, state: Established13): Established13 {
  const settled = state.unacknowledged === 'key-update' ? beginWriting(ctx, state) : state;
  const idle = awaiting(settled, undefined, settled.ticketDue);
  if (state.ticketDue !== undefined) return sendTicket(ctx, idle, state.ticketDue);
  if (state.cidsDue !== undefined) return sendSpareIds(ctx, idle, state.cidsDue);
  if (state.renewalDue) return renewIds13(ctx, { ...idle, renewalDue: false });
  if (state.due !== undefined) return updateKeys13(ctx, { ...idle, due: undefined }, state.due);
  return exchangeIds(ctx, state.idRequest === 'due' ? { ...idle, idRequest: undefined } : idle);
}

function sendTicket(ctx: Context, state: Established13, body: Uint8Array): Established13 {
  ctx.sendPostHandshake(HandshakeType.new_session_ticket, body, state.write.epoch);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  return awaiting(state, 'ticket', undefined);
}

/** No spread of objects: each session with a ticket comes here. */
function awaiting(
  { suite, clientRandom, read, write, due, cidsDue, renewalDue, idRequest, resumption }: Established13,
  unacknowledged: Established13['unacknowledged'],
  ticketDue: Uint8Array | undefined,
): Established13 {
  return {
    at: 'established',
    suite,
    clientRandom,
    read,
    write,
    unacknowledged,
    due,
    ticketDue,
    cidsDue,
    renewalDue,
    idRequest,
    resumption,
  };
}

/** RFC 9147 §9: only to a side that sends with an ID. */
function onNewConnectionId(ctx: Context, state: Established13, message: Message): Established13 {
  if ((ctx.cids?.send.length ?? 0) === 0) throw outOfPlace(message, 'no such message without connection IDs');
  const { cids, usage } = decoded(decodeNewConnectionId(message.body), 'NewConnectionId');
  const { cid_immediate, cid_spare } = ConnectionIdUsage;
  if (usage !== cid_immediate && usage !== cid_spare)
    throw violation('illegal_parameter', `a NewConnectionId has no usage ${usage}`);
  const immediate = usage === cid_immediate;
  if (cids.some(({ length }) => length === 0) || (immediate && cids.length === 0))
    throw violation('illegal_parameter', 'a NewConnectionId has an empty ID, or none that is to be used');
  ctx.emit({ do: 'acknowledge' });
  const fit = cids.filter((cid) => fitsMtu(ctx, cid)).map(own);
  ctx.emit({ do: 'peer-connection-ids', cids: fit, immediate });
  // One to use at once may have crossed our request, whose answer is still to come.
  const answers = state.idRequest === 'sent' && !immediate;
  return answers ? { ...state, idRequest: undefined } : state;
}

/**
 * RFC 9147 §9: only from a side that sends with an ID. One that comes before the answer to the last one could be sent has the same
 * answer: a spare ID of ours that nobody asked for may have crossed the last one, and looks like its answer.
 */
function onRequestConnectionId(ctx: Context, state: Established13, message: Message): Established13 {
  if (ctx.cids?.expected !== true) throw outOfPlace(message, 'no such message without connection IDs');
  const { numCids } = decoded(decodeRequestConnectionId(message.body), 'RequestConnectionId');
  ctx.cids.onRequest();
  ctx.emit({ do: 'acknowledge' });
  if (state.unacknowledged !== undefined) return { ...state, cidsDue: Math.max(state.cidsDue ?? 0, numCids) };
  return sendSpareIds(ctx, state, numCids);
}

/** As many as the peer may have at a time, possibly none. */
function sendSpareIds(ctx: Context, state: Established13, count: number): Established13 {
  const idle = { ...state, cidsDue: undefined };
  return sendIds(ctx, idle, ctx.cids?.issueMore(count) ?? [], ConnectionIdUsage.cid_spare);
}

/** Gives the peer a connection ID that it has to use at once, as soon as nothing of ours is unacknowledged. */
function renewIds13(ctx: Context, state: Established13): Established13 {
  if (state.unacknowledged !== undefined) return { ...state, renewalDue: true };
  const cids = ctx.cids?.issueSuccessor() ?? [];
  return cids.length === 0 ? state : sendIds(ctx, state, cids, ConnectionIdUsage.cid_immediate);
}

function sendIds(
  ctx: Context,
  state: Established13,
  cids: readonly Uint8Array[],
  usage: number,
): Established13 {
  if (ctx.numbersLeft === 0) return state;
  const body = encodeNewConnectionId({ cids, usage });
  ctx.sendPostHandshake(HandshakeType.new_connection_id, body, state.write.epoch);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  return { ...state, unacknowledged: 'connection-ids' };
}

/** Both sides have a spare ID of the other: each gives one, and asks for further ones a peer that did so, too. */
function exchangeIds(ctx: Context, state: Established13): Established13 {
  if (state.unacknowledged !== undefined) return state;
  const first = ctx.cids?.issueFirstSpare() ?? [];
  return first.length === 0
    ? requestIds13(ctx, state)
    : sendIds(ctx, state, first, ConnectionIdUsage.cid_spare);
}

/** Spare connection IDs that we ask for: the one for the next path. */
const SPARE_IDS = 1;

/** RFC 9147 §9: never while a request is unanswered, and only where our records have an ID. */
function requestIds13(ctx: Context, state: Established13): Established13 {
  if (state.idRequest !== undefined || ctx.cids?.lacksSpare !== true || ctx.numbersLeft === 0) return state;
  if (state.unacknowledged !== undefined) return { ...state, idRequest: 'due' };
  const body = encodeRequestConnectionId({ numCids: SPARE_IDS });
  ctx.sendPostHandshake(HandshakeType.request_connection_id, body, state.write.epoch);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  return { ...state, unacknowledged: 'id-request', idRequest: 'sent' };
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
  // The peer may go further (RFC 9147 §8): the limit is ours.
  if (state.read.epoch === MAX_EPOCH)
    throw violation(
      'internal_error',
      `the peer has updated its keys ${MAX_EPOCH - APPLICATION_EPOCH} times, and no more are kept. Connect again`,
      'ERR_DTLS_KEY_LIMIT',
    );
  const updated = { ...state, read: nextGeneration(ctx, state, 'read') };
  ctx.emit({ do: 'acknowledge' });
  if (requestUpdate === update_not_requested) return updated;
  return updateKeys13(ctx, updated, { requestPeer: false });
}

/** Derives, logs and installs the keys of a direction's next epoch. */
function nextGeneration(ctx: Context, state: Established13, direction: 'read' | 'write'): Generation {
  const { suite, clientRandom } = state;
  const secret = deriveNextTrafficSecret13(ctx.provider, suite.hash, unpack(state[direction].secret));
  const epoch = state[direction].epoch + 1;
  const sender = (direction === 'write') === (ctx.security.role === 'client') ? 'CLIENT' : 'SERVER';
  const label = `${sender}_TRAFFIC_SECRET_${epoch - APPLICATION_EPOCH}` as const;
  ctx.emit({ do: 'log-secret', label, clientRandom: unpack(clientRandom), secret });
  installKeys13(ctx, suite, direction, epoch, deriveTrafficKeys13(ctx.provider, suite, secret));
  return { epoch, secret: pack(secret) };
}

/** The source of a session's tickets (RFC 8446 §4.6.1). */
export interface Resumption13 {
  readonly secret: Uint8Array;
  /** The state of a ticket without its key. */
  readonly state: Omit<FreshState, 'secret'>;
  /** The other agreements, which early data has to follow. */
  readonly agreed: Agreed;
  /** Received tickets; those beyond our limit are acknowledged and ignored. */
  readonly taken: number;
}

/** The last ticket of a server is the useful one; some send one for each of several connections. */
const MAX_TICKETS = 16;
/** Differs for each ticket of a session, and we make one. */
const TICKET_NONCE = Uint8Array.of(0);

/**
 * Once both Finished are in the transcript. A session on a pre-shared key has none: using that key again costs no
 * more. Nor has one of a server that seals no tickets.
 */
export function resumption13(
  ctx: Context,
  session: Session,
  masterSecret: Uint8Array,
  since: number | undefined,
): Resumption13 | undefined {
  const { suite, peer, agreed } = session;
  const { provider, transcript, security } = ctx;
  const sealsNone = security.role === 'server' && security.tickets?.keys === undefined;
  if (peer.pskIdentity !== undefined || sealsNone) return undefined;
  return {
    secret: deriveResumptionSecret13(provider, suite.hash, masterSecret, transcript.digest()),
    state: resumableState(session, since),
    agreed,
    taken: 0,
  };
}

function resumableState(session: Session, since: number | undefined): Resumption13['state'] {
  const { suite, peer, serverName, extendedMasterSecret } = session;
  const { peerType, peerChain } = shownBy(peer);
  return { suite, extendedMasterSecret, serverName, since, peerType, peerChain };
}

/** Server: starts the job that seals a ticket. */
function askForTicket(ctx: Context, { secret, state, agreed }: Resumption13): void {
  const psk = ticketPsk(ctx, secret, state, TICKET_NONCE);
  const { suite, extendedMasterSecret, serverName, since, peerType, peerChain } = state;
  const fresh = { suite, secret: psk, extendedMasterSecret, serverName, since, peerType, peerChain };
  ctx.emit({ do: 'ask', job: { kind: 'seal-ticket', state: fresh, alpn: agreed.alpn } });
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

/** Client: NewSessionTicket. Returns the source for further tickets. */
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
  if (useless || resumption === undefined || resumption.taken === MAX_TICKETS) return resumption;
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

/** The proofs of a finished DTLS 1.3 handshake. */
interface Proof13 {
  readonly negotiated: Negotiated13;
  readonly agreed: Agreed;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly peer: PeerIdentity;
  /** The key that replaced certificates. */
  readonly psk: Psk13 | undefined;
  readonly finished: FinishedVerified;
  readonly application: ApplicationSecrets13;
}

/**
 * Installs the missing keys for application data, and reports the session. Both Finished are in the transcript.
 * `takesTickets`: the client of this server.
 */
export function connected13(ctx: Context, proof: Proof13, takesTickets: boolean): Established13 {
  const { negotiated, agreed, scheme, peer, psk, finished, application } = proof;
  const { suite, group, clientRandom, serverName } = negotiated;
  const { own, peers } = byDirection(ctx, application.keys);
  const isClient = ctx.security.role === 'client';
  if (isClient) installKeys13(ctx, suite, 'write', APPLICATION_EPOCH, own);
  installKeys13(ctx, suite, 'read', APPLICATION_EPOCH, peers);
  const session: Session = {
    version: FACTS_13.name,
    suite,
    group,
    signatureScheme: scheme,
    // DTLS 1.3 always does what the extension is for (RFC 8446 appendix D).
    extendedMasterSecret: true,
    serverName,
    agreed,
    peer,
    resumed: psk?.origin === 'res',
    finished,
    sessionId: EMPTY,
    secrets: new Exporter13(application.exporter),
  };
  ctx.emit({ do: 'connected', session });
  const resumption = resumption13(ctx, session, application.masterSecret, psk?.since);
  ctx.endTranscript();
  const makesTicket = takesTickets && resumption !== undefined;
  if (makesTicket) askForTicket(ctx, resumption);
  const established: Established13 = {
    at: 'established',
    suite,
    clientRandom: pack(clientRandom),
    read: { epoch: APPLICATION_EPOCH, secret: pack(peers.secret) },
    write: { epoch: APPLICATION_EPOCH, secret: pack(own.secret) },
    unacknowledged: isClient ? 'finished' : undefined,
    due: undefined,
    ticketDue: undefined,
    cidsDue: undefined,
    renewalDue: false,
    idRequest: undefined,
    // A server makes no other ticket.
    resumption: isClient ? resumption : undefined,
  };
  return makesTicket ? established : exchangeIds(ctx, established);
}
