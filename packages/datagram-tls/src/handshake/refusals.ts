import { type DTLSError, violation } from '../base/errors.js';

/** Refusals of a server that both versions know. Each begins with OpenSSL's phrase for it. */

export function noSharedCipher(): DTLSError {
  const text =
    'no shared cipher: the client offers no cipher suite that our options and keys can serve. Compare ciphers of both sides, and the type of the key here';
  return violation('handshake_failure', text, 'ERR_DTLS_NO_SHARED_CIPHER');
}

export function noSharedGroup(): DTLSError {
  const text =
    'no shared groups: no key exchange group in common with the client. Compare groups of both sides';
  return violation('handshake_failure', text, 'ERR_DTLS_NO_SHARED_GROUP');
}

const UNKNOWN_IDENTITY =
  'psk identity not found: the client offers no identity for which there is a pre-shared key here';

/** RFC 4279 §2, RFC 8446 §6.2: the client is told. */
export function unknownIdentity(): DTLSError {
  const text = `${UNKNOWN_IDENTITY}. Compare the identities of both sides`;
  return violation('unknown_psk_identity', text, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
}

/** With `pskHideUnknown` the alert is that for a wrong key: only our own error distinguishes them. */
export function hiddenIdentity(): DTLSError {
  const text = `${UNKNOWN_IDENTITY}, and is not told (pskHideUnknown). Compare the identities of both sides`;
  return violation('decrypt_error', text, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
}
