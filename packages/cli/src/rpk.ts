import type { ConnectOptions, ListenOptions } from 'datagram-tls';
import { UsageError } from './usage-error.js';

type Options = Partial<ListenOptions & ConnectOptions>;

/** The raw public key where both sides can. */
const EITHER = ['RawPublicKey', 'X509'] as const;

/**
 * The effect of `--rpk` on the other options: the key is shown without its certificate, and a peer may do the same if
 * there is a pin for its key. Peers without raw public keys still get, and may send, certificates.
 */
export function rawKeyOptions(role: 'server' | 'client', options: Options): Options {
  const { cert, key, pfx, psk, pins, rejectUnauthorized } = options;
  const judges = rejectUnauthorized === false || (pins ?? []).some((pin) => /^\s*spki-/i.test(pin));
  const given = key ?? pfx;
  const shows = given !== undefined || (role === 'server' && psk === undefined);
  if (!judges && !shows)
    throw new UsageError('--rpk needs a --key or --pfx to show, or a --pin spki-sha256:…');
  return {
    ...(shows
      ? { certificateTypes: key !== undefined && cert === undefined ? ['RawPublicKey'] : EITHER }
      : {}),
    ...(judges ? { peerCertificateTypes: EITHER } : {}),
  };
}
