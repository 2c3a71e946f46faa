import { violation } from '../../base/errors.js';
import type { GroupName, SchemeName } from '../../wire/codes.js';
import { HandshakeType } from '../../wire/codes.js';
import { decodeFinished, encodeFinished, VERIFY_DATA_LENGTH_12 } from '../../wire/messages/finished.js';
import type { PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import { connected12 } from './connected.js';
import {
  checkFinished12,
  finishedData12,
  installKeys12,
  type Negotiated12,
  PROTECTED_EPOCH,
  type Secrets12,
} from './secrets.js';

/** All that is left is to prove that both saw the same. */
export interface ServerReady12 {
  readonly hello: Negotiated12;
  readonly peer: PeerIdentity;
  /** Of our signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
}

/** However the keys were agreed on, a server's handshake ends in this state. */
export interface ServerEnd12 {
  readonly at: 'wait-finished';
  readonly ready: ServerReady12;
}

/** From here on the client's records are protected. */
export function waitFinished12(ctx: Context, ready: ServerReady12): ServerEnd12 {
  installKeys12(ctx, ready.hello, ready.secrets, 'client');
  return { at: 'wait-finished', ready };
}

/** The client's Finished, which ours answers. */
export function onFinished12(ctx: Context, ready: ServerReady12, message: Message): 'connected' {
  const { hello, secrets } = ready;
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, VERIFY_DATA_LENGTH_12), 'Finished');
  const finished = checkFinished12(ctx, hello, secrets, 'client', verifyData);
  if (finished === undefined) throw violation('decrypt_error', "the client's Finished is wrong");
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.emit({ do: 'send-change-cipher-spec' });
  installKeys12(ctx, hello, secrets, 'server');
  const ours = finishedData12(ctx, hello, secrets, 'server');
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData: ours }), PROTECTED_EPOCH);
  ctx.emit({ do: 'end-flight', awaits: 'nothing' });
  ctx.emit({ do: 'connected', session: connected12({ ...ready, negotiated: hello, finished }) });
  ctx.transcript.end();
  return 'connected';
}
