import { type CryptoProvider, HASH_LENGTH, type MacKey } from '../../crypto/provider.js';
import { bindersLength, encodePreSharedKeyRequest } from '../../extensions/pre-shared-key.js';
import { deriveBinderKey13, deriveFinishedKey13 } from '../../keys/schedule13.js';
import { ExtensionType, HandshakeType } from '../../wire/codes.js';
import { encodeClientHello } from '../../wire/messages/client-hello.js';
import { transcriptHeader13 } from '../../wire/messages/handshake-header.js';
import type { Context } from '../context.js';
import type { Offer } from '../offer.js';
import { earlySecretOf, type Psk13 } from '../offered-psk.js';

/** The offer with a binder for each pre-shared key in its ClientHello: binders cover all else that is in it. */
export function bindOffer(ctx: Context, offer: Offer): Offer {
  if (offer.psks.length === 0) return offer;
  const blanks = offer.psks.map(({ hash }) => new Uint8Array(HASH_LENGTH[hash]));
  const draft = encodeClientHello(withBinders(offer, blanks).hello);
  const length = bindersLength(blanks);
  return withBinders(
    offer,
    offer.psks.map((psk) => computeBinder(ctx, psk, draft, length)),
  );
}

/**
 * The proof that the sender of the ClientHello `body` has `psk`: it covers the transcript so far and the ClientHello but
 * for the `length` bytes of binders that end it (RFC 8446 §4.2.11.2).
 */
export function computeBinder(ctx: Context, psk: Psk13, body: Uint8Array, length: number): Uint8Array {
  const { provider, transcript } = ctx;
  const { hash } = psk;
  const header = transcriptHeader13(HandshakeType.client_hello, 0, body.length);
  const covered = transcript.digestWith(hash, header, body.subarray(0, body.length - length));
  const key = keys.get(psk) ?? binderKey(provider, psk);
  keys.set(psk, key);
  return key.sign(covered);
}

/** A second ClientHello has other binders under the same keys. */
const keys = new WeakMap<Psk13, MacKey>();

function binderKey(provider: CryptoProvider, psk: Psk13): MacKey {
  const { hash, origin } = psk;
  const base = deriveBinderKey13(provider, hash, earlySecretOf(provider, psk), origin);
  return deriveFinishedKey13(provider, hash, base);
}

/** The extension is there already, and last: its body is all that changes. */
function withBinders(offer: Offer, binders: readonly Uint8Array[]): Offer {
  const { hello, psks } = offer;
  const extensions = new Map(hello.extensions);
  extensions.set(ExtensionType.pre_shared_key, encodePreSharedKeyRequest({ identities: psks, binders }));
  return { ...offer, hello: { ...hello, extensions } };
}
