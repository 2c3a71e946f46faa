import { sameBytes } from '../base/bytes.js';
import type { Identity, Security } from '../config/config.js';
import { groupByCode, groupFits } from '../crypto/groups.js';
import type { KeyType, PrivateKey } from '../crypto/provider.js';
import { schemeByCode, schemeFits } from '../crypto/signatures.js';
import { type CipherSuite, suiteOf } from '../crypto/suites.js';
import {
  type CertificateTypeName,
  Group,
  type GroupName,
  Scheme,
  type SchemeName,
  type Version,
} from '../wire/codes.js';
import { ClientCertificateType } from '../wire/messages/certificate-request12.js';
import { FACTS_12, type VersionFacts } from '../wire/version.js';
import { parseCertificate } from '../x509/certificate.js';

/** Pure choices from what both sides support. `undefined` means that there is nothing in common. */

/** Those of our suites that belong to a version, in our order of preference. */
export function suitesOf(suites: readonly CipherSuite[], { name }: VersionFacts): readonly CipherSuite[] {
  return suites.filter(suiteOf(name));
}

/** Our first group that the peer supports and `version` allows. */
export function chooseGroup(
  ours: readonly GroupName[],
  theirs: readonly number[],
  version: Version,
): GroupName | undefined {
  return ours.find((name) => groupFits(name, version) && theirs.includes(Group[name]));
}

/** The name of a group that we offered, or `undefined` for one that we did not. */
export function offeredGroup(code: number, offered: readonly GroupName[]): GroupName | undefined {
  const name = groupByCode(code);
  return name !== undefined && offered.includes(name) ? name : undefined;
}

/** Our first scheme that `key` supports in `version` and that the peer accepts. */
export function chooseScheme(
  key: PrivateKey,
  ours: readonly SchemeName[],
  theirs: readonly number[],
  version: Version,
): SchemeName | undefined {
  return ours.find((name) => theirs.includes(Scheme[name]) && schemeFits(name, key, version));
}

/** An identity of ours, and the scheme of its key's signature. */
export interface Credential {
  readonly identity: Identity;
  readonly scheme: SchemeName;
}

/** The peer's conditions for our certificates. */
export interface Asked {
  readonly types: readonly CertificateTypeName[];
  readonly schemes: readonly number[];
  /** DER names of CAs that it accepts; empty for any. */
  readonly authorities: readonly Uint8Array[];
  /** DTLS 1.2: {@link ClientCertificateType}s that the key must suit (RFC 5246 §7.4.6); `undefined`: any. */
  readonly certificateTypes: Uint8Array | undefined;
}

/**
 * Our first identity of an allowed type that can sign under a scheme that the peer accepts; one that the peer's
 * authorities issued is preferred.
 */
export function chooseIdentity(
  { identities, sigalgs }: Security,
  asked: Asked,
  version: Version,
): Credential | undefined {
  let first: Credential | undefined;
  for (const identity of identities) {
    if (!asked.types.includes(identity.type) || !suitsType(identity.key.type, asked.certificateTypes))
      continue;
    const scheme = chooseScheme(identity.key, sigalgs, asked.schemes, version);
    if (scheme === undefined) continue;
    const credential = { identity, scheme };
    if (asked.authorities.length === 0 || isIssuedBy(identity, asked.authorities)) return credential;
    first ??= credential;
  }
  return first;
}

/** RFC 8422 §5.5: `ecdsa_sign` includes EdDSA. */
function suitsType(type: KeyType, certificateTypes: Uint8Array | undefined): boolean {
  if (certificateTypes === undefined) return true;
  const { rsa_sign, ecdsa_sign } = ClientCertificateType;
  return certificateTypes.includes(type === 'rsa' || type === 'rsa-pss' ? rsa_sign : ecdsa_sign);
}

/**
 * One of the names issued a certificate of the chain (RFC 8446 §4.2.4). Names are compared as bytes: there may be ten
 * thousand of them.
 */
function isIssuedBy({ type, chain }: Identity, authorities: readonly Uint8Array[]): boolean {
  if (type !== 'X509') return false;
  const issuers = chain.map((der) => parseCertificate(der)?.issuer.der);
  return authorities.some((name) =>
    issuers.some((issuer) => issuer !== undefined && sameBytes(issuer, name)),
  );
}

/** The name of a scheme that we offered, or `undefined` for one that we did not. */
export function offeredScheme(code: number, offered: readonly SchemeName[]): SchemeName | undefined {
  const name = schemeByCode(code)?.name;
  return name !== undefined && offered.includes(name) ? name : undefined;
}

/** Whether a certificate with a key of `type` can authenticate `suite` in DTLS 1.2 (RFC 8422 §2, §5.10). */
export function keyFitsSuite(type: KeyType, suite: CipherSuite): boolean {
  const rsa = type === 'rsa' || type === 'rsa-pss';
  switch (suite.keyExchange) {
    case 'ecdhe_rsa':
      return rsa;
    case 'ecdhe_ecdsa':
      return !rsa;
    case 'tls13':
      return true;
    default:
      return false;
  }
}

const CURVE_OF: Partial<Record<KeyType, number>> = {
  p256: Group.secp256r1,
  p384: Group.secp384r1,
  p521: Group.secp521r1,
};

/** RFC 8422 §5.1: in DTLS 1.2 a client's list of groups also restricts the curves of certificates. */
export function curveAccepted(type: KeyType, groups: readonly number[] | undefined): boolean {
  const curve = CURVE_OF[type];
  return curve === undefined || groups === undefined || groups.includes(curve);
}

export interface CredentialChoice extends Credential {
  readonly suite: CipherSuite;
}

export interface Wishes {
  readonly suites: readonly number[];
  readonly schemes: readonly number[];
  /** `undefined` when the client sent no supported_groups. */
  readonly groups: readonly number[] | undefined;
  /** The client's conditions for our certificates. */
  readonly types: readonly CertificateTypeName[];
}

/** Our first DTLS 1.2 suite that the client offered and that one of our certificates can serve. */
export function chooseCredential12(
  suites: readonly CipherSuite[],
  identities: readonly Identity[],
  sigalgs: readonly SchemeName[],
  client: Wishes,
): CredentialChoice | undefined {
  for (const suite of suitesOf(suites, FACTS_12)) {
    if (!client.suites.includes(suite.code)) continue;
    for (const identity of identities) {
      if (!client.types.includes(identity.type)) continue;
      if (!keyFitsSuite(identity.key.type, suite) || !curveAccepted(identity.key.type, client.groups))
        continue;
      const scheme = chooseScheme(identity.key, sigalgs, client.schemes, FACTS_12.name);
      if (scheme !== undefined) return { suite, identity, scheme };
    }
  }
  return undefined;
}
