import { fromHex, sameBytes, toHex } from '../base/bytes.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Certificate } from './certificate.js';

/** The SHA-256 of a certificate, or of its public key (SubjectPublicKeyInfo). */
export interface Pin {
  readonly of: 'certificate' | 'spki';
  readonly sha256: Uint8Array;
}

const FORM = /^(spki-)?sha256:((?:[0-9a-f]{2}:?)*[0-9a-f]{2})$/i;

/** Reads `sha256:<hex>` or `spki-sha256:<hex>`, colons between bytes allowed; `undefined` for anything else. */
export function parsePin(text: string): Pin | undefined {
  const [, spki, digits = ''] = FORM.exec(text.trim()) ?? [];
  const sha256 = fromHex(digits.replaceAll(':', ''));
  if (sha256?.length !== 32) return undefined;
  return { of: spki === undefined ? 'certificate' : 'spki', sha256 };
}

/** Whether one of the pins is that of this certificate or of its key. */
export function matchesPin(
  { der, spki }: Certificate,
  pins: readonly Pin[],
  provider: CryptoProvider,
): boolean {
  return (
    matchesKeyPin(spki, pins, provider) ||
    pins.some((pin) => pin.of === 'certificate' && isHashOf(pin, der, provider))
  );
}

/** Whether one of the pins is that of a public key, a SubjectPublicKeyInfo in DER. */
export function matchesKeyPin(spki: Uint8Array, pins: readonly Pin[], provider: CryptoProvider): boolean {
  return pins.some((pin) => pin.of === 'spki' && isHashOf(pin, spki, provider));
}

/** The pins that would match: the certificate's, if there is one, and the public key's. */
export function pinsOf(
  der: Uint8Array | undefined,
  spki: Uint8Array,
  provider: CryptoProvider,
): readonly string[] {
  const ofKey = `spki-sha256:${toHex(sha256(spki, provider))}`;
  return der === undefined ? [ofKey] : [`sha256:${toHex(sha256(der, provider))}`, ofKey];
}

function isHashOf(pin: Pin, data: Uint8Array, provider: CryptoProvider): boolean {
  return sameBytes(sha256(data, provider), pin.sha256);
}

function sha256(data: Uint8Array, provider: CryptoProvider): Uint8Array {
  const hash = provider.hash('sha256');
  hash.update(data);
  return hash.digest();
}
