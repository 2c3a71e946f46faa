import { violation } from '../../base/errors.js';
import type { GroupName, SchemeName } from '../../wire/codes.js';
import { HandshakeType } from '../../wire/codes.js';
import { decodeFinished, encodeFinished, VERIFY_DATA_LENGTH_12 } from '../../wire/messages/finished.js';
import type { PeerIdentity } from '../authenticate.js';
import type { CertificateTypes } from '../certificate-types.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import type { Offer } from '../offer.js';
import { connected12 } from './connected.js';
import {
  checkFinished12,
  finishedData12,
  installKeys12,
  type Negotiated12,
  PROTECTED_EPOCH,
  type Secrets12,
} from './secrets.js';

/** What both hellos settled, as a client sees it. */
export interface ClientHello12 extends Negotiated12 {
  readonly offer: Offer;
  readonly types: CertificateTypes;
  /** The server may send a CertificateStatus (RFC 6066 §8). */
  readonly announcesStaple: boolean;
}

/** All that is left is to prove that both saw the same. */
export interface ClientReady12 {
  readonly hello: ClientHello12;
  readonly peer: PeerIdentity;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
}

/** However the keys were agreed on, a client's handshake ends in this state. */
export interface ClientEnd12 {
  readonly at: 'wait-finished';
  readonly ready: ClientReady12;
}

/** Sends ChangeCipherSpec and Finished, which end our flight. */
export function sendFinished12(ctx: Context, ready: ClientReady12): ClientEnd12 {
  const { hello, secrets } = ready;
  ctx.emit({ do: 'send-change-cipher-spec' });
  installKeys12(ctx, hello, secrets, 'client');
  const verifyData = finishedData12(ctx, hello, secrets, 'client');
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData }), PROTECTED_EPOCH);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  installKeys12(ctx, hello, secrets, 'server');
  return { at: 'wait-finished', ready };
}

/** The server's Finished. */
export function onFinished12(ctx: Context, ready: ClientReady12, message: Message): 'connected' {
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, VERIFY_DATA_LENGTH_12), 'Finished');
  const finished = checkFinished12(ctx, ready.hello, ready.secrets, 'server', verifyData);
  if (finished === undefined) throw violation('decrypt_error', "the server's Finished is wrong");
  ctx.emit({ do: 'connected', session: connected12({ ...ready, negotiated: ready.hello, finished }) });
  ctx.transcript.end();
  return 'connected';
}
