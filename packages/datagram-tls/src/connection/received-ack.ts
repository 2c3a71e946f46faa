import { violation } from '../base/errors.js';
import type { Version } from '../wire/codes.js';
import { decodeAck, type RecordNumber } from '../wire/messages/ack.js';
import type { Association } from './association.js';
import type { HandshakeHost } from './handshake-host.js';
import type { Intake } from './intake.js';
import { APPLICATION_EPOCH, EARLY_EPOCH, HANDSHAKE_EPOCH, type KeyChanges } from './key-changes.js';
import type { Retransmission } from './retransmission.js';

/** Where an ACK came, and who judges it. */
export interface AckContext {
  readonly association: Association;
  readonly host: HandshakeHost;
  readonly intake: Intake;
  readonly keys: KeyChanges;
  readonly retransmission: Retransmission;
  /** `undefined` until it is chosen. */
  readonly version: Version | undefined;
}

/**
 * What the content of an ACK record in `epoch` acknowledges; `undefined` when it must not be believed, which is counted
 * or ends the session (RFC 9147 §7).
 */
export function readReceivedAck(
  content: Uint8Array,
  epoch: number,
  { association, host, intake, keys, retransmission, version }: AckContext,
): readonly RecordNumber[] | undefined {
  if (version !== 'DTLSv1.3') {
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
    const text = 'the peer acknowledges a record that it cannot have read, or that there never was';
    host.onFailure(violation('illegal_parameter', text));
    return undefined;
  }
  association.trace({ kind: 'ack', direction: 'received', records: ack.recordNumbers.length });
  return ack.recordNumbers;
}

/**
 * RFC 9147 §7 has a client acknowledge under its newest keys, which may be those of early data; only the draft after it
 * forbids that. It is not believed, as it can be replayed along with its ClientHello. But such a client waits for the
 * rest of our flight and repeats nothing, so that where no timer of ours runs this has to do for a ClientHello repeated.
 */
function onEarlyAck(association: Association, retransmission: Retransmission): void {
  association.drop('early_ack');
  if (association.probation !== undefined) retransmission.onRepeated(false);
}

/**
 * Anybody can send an ACK in epoch 0, so that it acknowledges nothing. A peer sends one, without numbers or with those of
 * plaintext records, when it lacks a part of our first flight (RFC 9147 §7.1): it counts as a repeated message does.
 */
function onPlainAck(
  content: Uint8Array,
  keys: KeyChanges,
  association: Association,
  retransmission: Retransmission,
): void {
  association.drop('unauthenticated_ack');
  // A peer that is not proved was told that all has arrived, and would not say it again.
  if (keys.heard >= HANDSHAKE_EPOCH || association.probation !== undefined) return;
  const numbers = decodeAck(content)?.recordNumbers;
  if (numbers?.every((number) => number.epoch === 0) === true) retransmission.onPlainAck(numbers);
}

/**
 * The newest epoch whose records an ACK in `epoch` may name. In the handshake that is its own (RFC 9147 §7). After it
 * each direction counts for itself: a peer that has renewed its keys less often than we have is still in its right.
 */
function newestAcknowledged({ epochs }: Association, epoch: number): number {
  return epoch < APPLICATION_EPOCH ? epoch : epochs.writer.epoch;
}
