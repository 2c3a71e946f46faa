import { violation } from '../base/errors.js';
import { decodeAck, type RecordNumber } from '../wire/messages/ack.js';
import type { VersionFacts } from '../wire/version.js';
import type { Association, HandshakeHost } from './association.js';
import type { FlightSender } from './flights.js';
import type { HandshakeReceiver } from './handshake-receiver.js';
import { APPLICATION_EPOCH, EARLY_EPOCH, HANDSHAKE_EPOCH, type KeyChanges } from './key-update.js';

/** The source of an ACK, and its judge. */
interface AckContext {
  readonly association: Association;
  readonly host: HandshakeHost;
  readonly intake: HandshakeReceiver;
  readonly keys: KeyChanges;
  readonly retransmission: FlightSender;
  /** `undefined` until it is chosen. */
  readonly version: VersionFacts | undefined;
}

/**
 * What an ACK record in `epoch` acknowledges; `undefined` when it must not be believed, which is counted or ends the
 * session (RFC 9147 §7).
 */
export function readReceivedAck(
  content: Uint8Array,
  epoch: number,
  { association, host, intake, keys, retransmission, version }: AckContext,
): readonly RecordNumber[] | undefined {
  if (version?.rules.acks !== true) {
    association.drop('unauthenticated_ack');
    return undefined;
  }
  if (epoch === EARLY_EPOCH) {
    onEarlyAck(association, retransmission);
    return undefined;
  }
  if (epoch === 0) {
    onPlainAck(content, keys, association, retransmission);
    return undefined;
  }
  const ack = decodeAck(content);
  if (ack === undefined) {
    intake.violate(epoch, 'malformed_ack', 'decode_error', 'the peer sent a malformed ACK');
    return undefined;
  }
  const newest = newestAcknowledged(association, epoch);
  if (ack.recordNumbers.some((number) => number.epoch > newest)) {
    const text = 'the peer acknowledges a record that it cannot have received';
    host.onFailure(violation('illegal_parameter', text));
    return undefined;
  }
  association.trace({ kind: 'ack', direction: 'received', records: ack.recordNumbers.length });
  return ack.recordNumbers;
}

/**
 * RFC 9147 §7 lets a client acknowledge under its newest keys, which may be those of early data; only the draft after
 * it forbids that. The ACK is not believed, because it can be replayed along with its ClientHello. But such a client
 * waits for the rest of our flight and repeats nothing, so that without a timer of ours it counts as a repeated
 * ClientHello.
 */
function onEarlyAck(association: Association, retransmission: FlightSender): void {
  association.drop('early_ack');
  if (!association.path.validated) retransmission.onRepeated(false);
}

/**
 * An ACK in epoch 0 may be forged, so that it acknowledges nothing. A peer sends one, without numbers or with those
 * of plaintext records, when it lacks a part of our first flight (RFC 9147 §7.1): it counts as a repeated message.
 */
function onPlainAck(
  content: Uint8Array,
  keys: KeyChanges,
  association: Association,
  retransmission: FlightSender,
): void {
  association.drop('unauthenticated_ack');
  // An unvalidated peer that was acknowledged would not repeat itself.
  if (keys.heard >= HANDSHAKE_EPOCH || !association.path.validated) return;
  const numbers = decodeAck(content)?.recordNumbers;
  if (numbers?.every((number) => number.epoch === 0) === true) retransmission.onPlainAck(numbers);
}

/**
 * The newest epoch whose records an ACK in `epoch` may name. In the handshake that is its own (RFC 9147 §7). After it
 * each direction counts separately: a peer with fewer KeyUpdates than ours is allowed.
 */
function newestAcknowledged({ epochs }: Association, epoch: number): number {
  return epoch < APPLICATION_EPOCH ? epoch : epochs.writer.epoch;
}
