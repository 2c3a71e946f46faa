import { EMPTY } from '../base/bytes.js';
import { violation } from '../base/errors.js';
import { chooseAlpn, encodeAlpnResponse, readAlpnChoice } from '../extensions/alpn.js';
import { encodeConnectionId, readConnectionId } from '../extensions/connection-id.js';
import { chooseRecordLimits, encodeRecordLimits, readRecordLimits } from '../extensions/record-limits.js';
import { encodeReturnRoutability, readReturnRoutability } from '../extensions/return-routability.js';
import { chooseSrtp, encodeUseSrtpResponse, readSrtpChoice } from '../extensions/use-srtp.js';
import { ExtensionType, SrtpProfile } from '../wire/codes.js';
import type { Extensions } from '../wire/extension-block.js';
import type { VersionRules } from '../wire/version.js';
import type { Context } from './context.js';
import type { Agreed } from './session.js';

/** Applies the client's extensions. From here on the server keeps to the client's limits. */
export function chooseAgreements(ctx: Context, rules: VersionRules, client: Extensions): Agreed {
  const { security } = ctx;
  const records = chooseRecordLimits(security, rules, client);
  ctx.emit({ do: 'limit-records', limits: records });
  return { alpn: chooseAlpn(security, client), srtp: chooseSrtp(security, client), records };
}

/** Adds the server's answering extensions to `answers`: its ServerHello's, in DTLS 1.3 its EncryptedExtensions'. */
export function addAgreements(
  answers: Map<number, Uint8Array>,
  { alpn, srtp, records }: Agreed,
  rules: VersionRules,
): void {
  if (alpn !== undefined) answers.set(ExtensionType.alpn, encodeAlpnResponse(alpn));
  if (srtp !== undefined)
    answers.set(ExtensionType.use_srtp, encodeUseSrtpResponse({ profile: SrtpProfile[srtp], mki: EMPTY }));
  const limits = encodeRecordLimits(records, rules);
  if (limits !== undefined) answers.set(...limits);
}

/** Applies the server's answers. That they answer what was offered has been checked. */
export function readAgreements(ctx: Context, rules: VersionRules, answers: Extensions): Agreed {
  const { security } = ctx;
  const records = readRecordLimits(security, rules, answers);
  ctx.emit({ do: 'limit-records', limits: records });
  return { alpn: readAlpnChoice(security, answers), srtp: readSrtpChoice(security, answers), records };
}

/**
 * Adds the server's answer about connection IDs, if there is one, to those of its ServerHello, where both versions have it
 * (RFC 9146 §3, RFC 9147 §9). Before any keys are installed.
 */
export function chooseConnectionIds(
  answers: Map<number, Uint8Array>,
  ctx: Context,
  client: Extensions,
): void {
  const send = readConnectionId(client);
  const offersChecks = readReturnRoutability(client);
  const receive = send === undefined || !fitsMtu(ctx, send) ? undefined : ctx.connectionId;
  if (send === undefined || receive === undefined) return;
  const checksPaths = offersChecks && ctx.behaviour.returnRoutability !== 'never';
  ctx.emit({ do: 'use-connection-ids', ids: { send, receive }, checksPaths });
  answers.set(ExtensionType.connection_id, encodeConnectionId(receive));
  if (checksPaths) answers.set(ExtensionType.return_routability_check, encodeReturnRoutability());
}

/** Applies the server's answer. That it answers what was offered has been checked. */
export function readConnectionIds(ctx: Context, answers: Extensions): void {
  const send = readConnectionId(answers);
  const receive = ctx.connectionId;
  const checksPaths = readReturnRoutability(answers);
  if (send === undefined && checksPaths)
    throw violation('illegal_parameter', 'the server checks paths without connection IDs');
  if (send === undefined || receive === undefined)
    return ctx.emit({ do: 'use-connection-ids', ids: undefined, checksPaths: false });
  if (!fitsMtu(ctx, send))
    throw violation(
      'handshake_failure',
      `the server wants a connection ID of ${send.length} bytes, which leaves too little of options.mtu`,
    );
  ctx.emit({ do: 'use-connection-ids', ids: { send, receive }, checksPaths });
}

/** What records of a flight need beside a connection ID, bytes. */
const MIN_ROOM = 200;

/** An ID may have 255 bytes, and the smallest datagrams 256. */
export function fitsMtu({ behaviour }: Context, cid: Uint8Array): boolean {
  return behaviour.mtu - cid.length >= MIN_ROOM;
}
