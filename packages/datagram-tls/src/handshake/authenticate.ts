import { decodeUtf8, EMPTY, own, utf8 } from '../base/bytes.js';
import { DTLSError, violation } from '../base/errors.js';
import { type Packed, pack, unpack } from '../base/packed.js';
import type { Security } from '../config/config.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import { schemeFits } from '../crypto/signatures.js';
import { needsPsk } from '../crypto/suites.js';
import type { CertificateTypeName, SchemeName, Version } from '../wire/codes.js';
import { type Reader, readItems, type Writer } from '../wire/cursor.js';
import type { VersionRules } from '../wire/version.js';
import { type Certificate, parseChain } from '../x509/certificate.js';
import { type KeyInfo, parseKeyInfo } from '../x509/public-key.js';
import type { Verdict } from './jobs.js';
import { offeredScheme } from './negotiate.js';

/** The peer's certificates or key, and the key that verifies its signatures. Nothing is verified yet. */
export interface ClaimedChain {
  readonly type: CertificateTypeName;
  /** As the peer sent it, leaf first; empty for a raw public key. */
  readonly chain: readonly Certificate[];
  /** Of the leaf, or the raw public key. */
  readonly key: PublicKey;
  /** The peer's OCSP response about its leaf, DER, in its own memory. */
  readonly staple: Uint8Array | undefined;
}

/** Certificates that a peer may send; more are refused before any is parsed. */
const MAX_CHAIN = 16;

/**
 * Parses the content of a Certificate message, which must not be empty and has the negotiated `type`. `staple`: the
 * OCSP response that came with it.
 */
export function claimChain(
  security: Security,
  type: CertificateTypeName,
  list: readonly Uint8Array[],
  staple?: Uint8Array,
): ClaimedChain {
  if (wantsPskOnly(security)) {
    throw violation(
      'handshake_failure',
      'the server answers the pre-shared key with a certificate, which no option here allows. Compare the identities of both sides, or give options.ca or options.pins',
    );
  }
  const { provider, peerCertificateTypes } = security;
  // Without negotiation certificates are meant, which the policy may refuse.
  if (!peerCertificateTypes.includes(type))
    throw violation(
      'unsupported_certificate',
      `the peer shows ${type}, which peerCertificateTypes does not allow. Add it there, or let the peer show another type`,
    );
  return type === 'X509' ? claimCertificates(provider, list, staple) : claimRawKey(provider, list);
}

/** Options of a client about servers' certificates. */
const JUDGING = ['ca', 'pins', 'verifyPeer'] as const;

/**
 * A client with a pre-shared key and no option about certificates: a certificate of any default CA would replace the
 * key. In DTLS 1.2 its suites exclude that, unless the caller named others.
 */
function wantsPskOnly({ role, psk, given, suites, trustBesides }: Security): boolean {
  if (role !== 'client' || psk.role === 'none') return false;
  const isJudged = JUDGING.some((name) => given.has(name)) || trustBesides.length > 0;
  return !isJudged && suites.every((suite) => suite.keyExchange === 'tls13' || needsPsk(suite));
}

function claimCertificates(
  provider: CryptoProvider,
  list: readonly Uint8Array[],
  staple: Uint8Array | undefined,
): ClaimedChain {
  if (list.length > MAX_CHAIN)
    throw violation(
      'bad_certificate',
      `the peer sent ${list.length} certificates, and at most ${MAX_CHAIN} are accepted. Let it send its chain without others`,
    );
  const chain = parseChain(list);
  if (chain === undefined)
    throw violation(
      'bad_certificate',
      'the peer sent a certificate that cannot be parsed, or one with too many elements. Let it be issued again',
    );
  const leaf = chain[0];
  if (leaf === undefined) throw violation('decode_error', 'the peer sent an empty certificate list');
  const key = usableKey(provider, leaf.key);
  if (key === undefined)
    throw violation(
      'unsupported_certificate',
      "the key of the peer's certificate has a type, a size or a curve that is not supported. Issue one for RSA, P-256, P-384 or Ed25519",
    );
  return { type: 'X509', chain, key, staple: staple && own(staple) };
}

/** RFC 8446 §4.4.2: a raw public key is the only entry. */
function claimRawKey(provider: CryptoProvider, list: readonly Uint8Array[]): ClaimedChain {
  const [spki] = list;
  if (spki === undefined) throw violation('decode_error', 'the peer sent no public key');
  if (list.length > 1) throw violation('illegal_parameter', `the peer sent ${list.length} raw public keys`);
  // OpenSSL would ignore bytes after the key.
  const info = parseKeyInfo(own(spki));
  if (info === undefined)
    throw violation('bad_certificate', 'the peer sent a raw public key that cannot be parsed');
  const key = usableKey(provider, info);
  if (key === undefined)
    throw violation(
      'unsupported_certificate',
      "the peer's raw public key has a type, a size or a curve that is not supported. Use RSA, P-256, P-384 or Ed25519",
    );
  return { type: 'RawPublicKey', chain: [], key, staple: undefined };
}

/** `undefined` for unsupported keys, such as RSA keys beyond the limits: those are not imported. */
function usableKey(provider: CryptoProvider, { type, der }: KeyInfo): PublicKey | undefined {
  return type === undefined ? undefined : provider.importPublicKey(der);
}

/** Verifies a handshake signature of the peer; returns its scheme. */
export function checkSignature(
  security: Security,
  version: Version,
  code: number,
  key: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): SchemeName {
  const scheme = offeredScheme(code, security.sigalgs);
  if (scheme === undefined || !schemeFits(scheme, key, version)) {
    throw violation(
      'illegal_parameter',
      'the peer signed under a scheme that was not offered or does not fit its key',
    );
  }
  if (!security.provider.verify(scheme, key, data, signature)) {
    throw violation(
      'decrypt_error',
      'bad signature: the peer signed with another key than that of its certificate, or something on the path changes datagrams',
      'ERR_DTLS_BAD_SIGNATURE',
    );
  }
  return scheme;
}

/**
 * Proof values. "Connected" can only be built from them, and only this file makes them: each constructor is private
 * and each factory performs the check in its name.
 */

/** OpenSSL's verdict on a peer that shows nothing. */
const NO_CERTIFICATE = 'UNABLE_TO_GET_ISSUER_CERT';
/** One for all peers without certificates. */
const NO_CHAIN: readonly Certificate[] = Object.freeze([]);

/** The peer's identity, as far as our policy requires it. */
export class PeerIdentity {
  /** Leaf first; empty without certificates. */
  readonly chain: readonly Certificate[];
  /** SubjectPublicKeyInfo in DER whose private key the peer proved to have: the leaf's, or a raw one. */
  readonly publicKey: Uint8Array | undefined;
  /** Whether it has proved an identity that our policy trusts. */
  readonly authorized: boolean;
  /** OpenSSL's short name of the chain's fault. */
  readonly authorizationError: string | undefined;
  /** The identity of the shared key. */
  readonly pskIdentity: Uint8Array | undefined;
  /** The OCSP response about the leaf, DER; its status is part of the verdict. */
  readonly staple: Uint8Array | undefined;

  private constructor(claim: Shown | undefined, error: string | undefined, pskIdentity?: Uint8Array) {
    this.chain = claim?.chain ?? NO_CHAIN;
    this.publicKey = claim?.key.spki;
    this.staple = claim?.staple;
    this.authorized = (claim !== undefined || pskIdentity !== undefined) && error === undefined;
    this.authorizationError = error;
    this.pskIdentity = pskIdentity;
  }

  /** One for all. */
  static readonly #unasked = new PeerIdentity(undefined, NO_CERTIFICATE);

  /** A client that was not asked for a certificate; as in node:dtls it has the fault of one that sent none. */
  static unasked(): PeerIdentity {
    return PeerIdentity.#unasked;
  }

  /** A peer that is authenticated by the key of `identity`; its Finished, which depends on that key, proves it. */
  static keyHolder(identity: Uint8Array): PeerIdentity {
    return new PeerIdentity(undefined, undefined, identity);
  }

  /** The peer was asked for a certificate and sent none; the version has an alert for that. */
  static absent(rejectUnauthorized: boolean, { noCertificate }: VersionRules): PeerIdentity | DTLSError {
    if (!rejectUnauthorized) return new PeerIdentity(undefined, NO_CERTIFICATE);
    const text =
      'peer did not return a certificate: the client sent none, and options.requestCert asks for one. Give the client a certificate and its key';
    const reason = NO_CERTIFICATE;
    return new DTLSError('ERR_DTLS_CERTIFICATE_REQUIRED', text, { alert: noCertificate, reason });
  }

  /** The claim after `verdict`; `undefined` when the policy refuses it. */
  static judged(
    claim: ClaimedChain,
    verdict: Verdict,
    rejectUnauthorized: boolean,
  ): PeerIdentity | undefined {
    if (verdict.ok) return new PeerIdentity(claim, undefined);
    return rejectUnauthorized ? undefined : new PeerIdentity(claim, verdict.code);
  }

  /** Reads what {@link save} wrote. The keeper of the state has authenticated it, so that it is a proof here, too. */
  static restore(r: Reader): PeerIdentity | undefined {
    const shows = r.u8();
    const error = decodeUtf8(r.vec24());
    const pskIdentity = shows & SHOWS.psk ? own(r.vec16()) : undefined;
    const spki = shows & SHOWS.key ? own(r.vec16()) : undefined;
    const staple = shows & SHOWS.staple ? own(r.vec24()) : undefined;
    const chain = parseChain(readItems(r, r.vec24(), (list) => own(list.vec24(1))));
    if (r.failed || chain === undefined || error === undefined) return undefined;
    const key = spki ?? chain[0]?.key.der;
    const claim = key === undefined ? undefined : { chain, key: { spki: key }, staple };
    if (claim === undefined && pskIdentity === undefined && error === NO_CERTIFICATE)
      return PeerIdentity.unasked();
    return new PeerIdentity(claim, error === '' ? undefined : error, pskIdentity);
  }

  save(w: Writer): void {
    const { chain, publicKey, authorizationError = '', pskIdentity, staple } = this;
    // A leaf's key is in the leaf.
    const ownKey = chain.length === 0 ? publicKey : undefined;
    w.u8(
      (pskIdentity === undefined ? 0 : SHOWS.psk) |
        (ownKey === undefined ? 0 : SHOWS.key) |
        (staple === undefined ? 0 : SHOWS.staple),
    );
    w.vec24(utf8(authorizationError));
    if (pskIdentity !== undefined) w.vec16(pskIdentity);
    if (ownKey !== undefined) w.vec16(ownKey);
    if (staple !== undefined) w.vec24(staple);
    const certificates = w.openVec24();
    for (const { der } of chain) w.vec24(der);
    w.closeVec24(certificates);
  }
}

/** What of a claim an identity keeps. */
type Shown = Pick<ClaimedChain, 'chain' | 'staple'> & { readonly key: Pick<PublicKey, 'spki'> };

/** The fields that a saved identity has. */
const SHOWS = { psk: 1, key: 2, staple: 4 } as const;

/** The peer's Finished covered the transcript that we saw. */
export class FinishedVerified {
  /** One for all whose Finished is not kept. */
  static readonly #ofState = new FinishedVerified(EMPTY);

  readonly #verifyData: Packed;

  private constructor(verifyData: Uint8Array) {
    this.#verifyData = pack(verifyData);
  }

  /** Empty where the session goes on from a state, also in this process: nothing needs it any more. */
  get verifyData(): Uint8Array {
    return unpack(this.#verifyData);
  }

  /** `undefined` unless `received` equals `expected`, compared in constant time. */
  static check(
    provider: CryptoProvider,
    expected: Uint8Array,
    received: Uint8Array,
  ): FinishedVerified | undefined {
    return provider.equal(expected, received) ? new FinishedVerified(received) : undefined;
  }

  /** Of a state, whose keeper has authenticated it: there is none without such a Finished. */
  static ofState(): FinishedVerified {
    return FinishedVerified.#ofState;
  }
}
