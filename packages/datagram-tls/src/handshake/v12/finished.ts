import { violation } from '../../base/errors.js';
import type { Role } from '../../config/config.js';
import { deriveVerifyData12 } from '../../keys/prf12.js';
import { HandshakeType } from '../../wire/codes.js';
import { decodeFinished, encodeFinished, VERIFY_DATA_LENGTH_12 } from '../../wire/messages/finished.js';
import { FinishedVerified } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Awaits } from '../flight.js';
import type { Message } from '../message.js';
import { installKeys12, type Negotiated12, PROTECTED_EPOCH, type Secrets12 } from './secrets.js';

/** Sends ChangeCipherSpec and our Finished, which end our flight; it is sent until it has what it `awaits`. */
export function sendFinished12(
  ctx: Context,
  negotiated: Negotiated12,
  secrets: Secrets12,
  awaits: Awaits,
): void {
  const { role } = ctx.security;
  ctx.emit({ do: 'send-change-cipher-spec' });
  installKeys12(ctx, negotiated, secrets, role);
  const verifyData = finishedData(ctx, secrets, role);
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData }), PROTECTED_EPOCH);
  ctx.emit({ do: 'end-flight', awaits });
}

/** The peer's Finished, checked against the transcript, which it has not joined yet. */
export function readFinished12(ctx: Context, secrets: Secrets12, message: Message): FinishedVerified {
  const peer = ctx.security.role === 'client' ? 'server' : 'client';
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, VERIFY_DATA_LENGTH_12), 'Finished');
  const expected = finishedData(ctx, secrets, peer);
  const finished = FinishedVerified.check(ctx.provider, expected, verifyData);
  if (finished === undefined) throw violation('decrypt_error', `the ${peer}'s Finished is wrong`);
  return finished;
}

/** verify_data of `sender`'s Finished over the transcript as it stands (RFC 5246 §7.4.9). */
function finishedData(ctx: Context, secrets: Secrets12, sender: Role): Uint8Array {
  const label = sender === 'client' ? 'client finished' : 'server finished';
  return deriveVerifyData12(secrets.master, label, ctx.transcript.digest());
}
