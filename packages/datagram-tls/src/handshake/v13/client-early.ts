import { EMPTY, sameBytes } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import { deriveEarlySecret13, deriveEarlyTrafficSecret13 } from '../../keys/schedule13.js';
import { ExtensionType } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeEarlyData } from '../../wire/extensions/early-data.js';
import { sameAlpn } from '../alpn.js';
import type { Context } from '../context.js';
import { decoded } from '../decoded.js';
import type { EarlyOffer, Offer } from '../offer.js';
import type { OfferedPsk } from '../offered-psk.js';
import type { Agreed } from '../session.js';
import type { ServerHello13 } from './client-start.js';
import { EARLY_EPOCH, installKeys13 } from './secrets.js';

/**
 * What may go along with the ClientHello that offers `psk` first: nothing unless the application has something to say, the
 * session's server takes it, and we would speak again as in that session (RFC 8446 §4.2.10).
 */
export function earlyOffer(
  { security, destination }: Context,
  psk: OfferedPsk | undefined,
): EarlyOffer | undefined {
  const { session, earlyData = [] } = destination;
  if (psk === undefined || session === undefined || session.early.most === 0) return undefined;
  const { early, recordLimit, state } = session;
  const sameSuite = security.suites.includes(state.suite);
  const spoken =
    early.alpn === undefined ? security.alpn.length === 0 : includesBytes(security.alpn, early.alpn);
  if (earlyData.length === 0 || !sameSuite || !spoken) return undefined;
  return { suite: state.suite, key: psk.key, ...early, recordLimit };
}

function includesBytes(list: readonly Uint8Array[], wanted: Uint8Array): boolean {
  return list.some((item) => sameBytes(item, wanted));
}

/** The ClientHello is the only message so far. */
export function sendEarly(ctx: Context, offer: EarlyOffer, clientRandom: Uint8Array): void {
  const { provider, transcript } = ctx;
  const { suite, key, most, recordLimit } = offer;
  const early = deriveEarlySecret13(provider, suite.hash, key);
  const digest = transcript.digestWith(suite.hash, EMPTY);
  const secret = deriveEarlyTrafficSecret13(provider, suite.hash, early, digest);
  ctx.emit({ do: 'log-secret', label: 'CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret });
  installKeys13(ctx, suite, 'write', EARLY_EPOCH, secret);
  ctx.emit({ do: 'send-early-data', most, recordLimit });
}

/** The server's HelloRetryRequest refuses what went before it; the second ClientHello offers no more (RFC 8446 §4.1.2). */
export function withoutEarly(ctx: Context, offer: Offer): Offer {
  if (offer.early === undefined) return offer;
  ctx.emit({ do: 'early-data', accepted: false });
  const extensions = new Map(offer.hello.extensions);
  extensions.delete(ExtensionType.early_data);
  return { ...offer, early: undefined, hello: { ...offer.hello, extensions } };
}

/** What the EncryptedExtensions say of it: that it was offered, if they take it, has been checked (RFC 8446 §4.2.10, §4.2.11). */
export function onEarlyAnswer(
  ctx: Context,
  { offer, psk, suite }: ServerHello13,
  agreed: Agreed,
  answers: Extensions,
): void {
  const { early } = offer;
  if (early === undefined) return;
  const body = answers.get(ExtensionType.early_data);
  if (body === undefined) return ctx.emit({ do: 'early-data', accepted: false });
  decoded(decodeEarlyData(body), 'early_data');
  if (psk !== offer.psks[0] || suite !== early.suite || !sameAlpn(agreed.alpn, early.alpn)) {
    const text = 'the server takes early data, and goes on from another session than that data is of';
    throw violation('illegal_parameter', text);
  }
  ctx.emit({ do: 'early-data', accepted: true, most: early.most });
}
