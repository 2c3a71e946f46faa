import type { AlertName } from '../base/alerts.js';
import { type Version, WireVersion } from './codes.js';

/**
 * The facts of a version of DTLS for code that serves all of them. Names of versions are compared in negotiation and
 * here; everything else asks for the property that it depends on.
 */
export interface VersionRules {
  /** Peers acknowledge records, so that no flight has to be kept for a request (RFC 9147 §7). */
  readonly acks: boolean;
  /** A violation in an authentic record ends the session; otherwise it is discarded (RFC 9147 §4.5.2). */
  readonly violationsAreFatal: boolean;
  /** The level of an alert is ignored: its description decides whether it is fatal (RFC 8446 §6). */
  readonly alertsWithoutLevel: boolean;
  /** close_notify ends only the sender's direction (RFC 8446 §6.1). */
  readonly halfClose: boolean;
  /** A peer may request a new handshake in an open session, which is refused (RFC 5246 §7.4.1.1). */
  readonly renegotiation: boolean;
  /** Epoch 1 is that of early data (RFC 9147 §6.1). */
  readonly earlyData: boolean;
  /** Keys are updated in an open session, which every peer has to acknowledge (RFC 9147 §8). */
  readonly keyUpdates: boolean;
  /** A side gives its peer further connection IDs in an open session (RFC 9147 §9). */
  readonly newConnectionIds: boolean;
  /** A record's number is encrypted (RFC 9147 §4.2.3). */
  readonly encryptsNumbers: boolean;
  /** The content type comes after the content, and counts as a byte of it (RFC 8446 §5.2, RFC 8449 §4). */
  readonly typeBytes: 0 | 1;
  /**
   * A session can be resumed under any suite with the same hash; otherwise the suite must be the same (RFC 8446
   * §4.6.1).
   */
  readonly resumesByHash: boolean;
  /**
   * A ticket that is offered twice shows observers that both connections belong to one client (RFC 8446 appendix
   * C.4).
   */
  readonly ticketsOnce: boolean;
  /** Groups that combine a KEM and a curve exist (RFC 10024). */
  readonly hybridGroups: boolean;
  /** A signature scheme names one type of key, and PKCS#1 v1.5 is forbidden in handshakes (RFC 8446 §4.2.3). */
  readonly schemesFixKeys: boolean;
  /**
   * A client offers its pre-shared keys in the ClientHello, and the server may choose a certificate instead (RFC 8446
   * §4.2.11).
   */
  readonly pskInHello: boolean;
  /** A server can request an OCSP response of a client (RFC 8446 §4.4.2.1). */
  readonly clientStatus: boolean;
  /** The alert for a client without a required certificate (RFC 8446 §4.4.2.4). */
  readonly noCertificate: AlertName;
}

/** A version of DTLS, as far as all layers know it. */
export interface VersionFacts {
  /** As the options `minVersion` and `maxVersion` write it. */
  readonly name: Version;
  /** On the wire, where DTLS counts down. */
  readonly code: number;
  /** What sets it apart. */
  readonly rules: VersionRules;
}

export const FACTS_12: VersionFacts = {
  name: 'DTLSv1.2',
  code: WireVersion.dtls12,
  rules: {
    acks: false,
    violationsAreFatal: false,
    alertsWithoutLevel: false,
    halfClose: false,
    renegotiation: true,
    earlyData: false,
    keyUpdates: false,
    newConnectionIds: false,
    encryptsNumbers: false,
    typeBytes: 0,
    resumesByHash: false,
    ticketsOnce: false,
    hybridGroups: false,
    schemesFixKeys: false,
    pskInHello: false,
    clientStatus: false,
    noCertificate: 'handshake_failure',
  },
};

export const FACTS_13: VersionFacts = {
  name: 'DTLSv1.3',
  code: WireVersion.dtls13,
  rules: {
    acks: true,
    violationsAreFatal: true,
    alertsWithoutLevel: true,
    halfClose: true,
    renegotiation: false,
    earlyData: true,
    keyUpdates: true,
    newConnectionIds: true,
    encryptsNumbers: true,
    typeBytes: 1,
    resumesByHash: true,
    ticketsOnce: true,
    hybridGroups: true,
    schemesFixKeys: true,
    pskInHello: true,
    clientStatus: true,
    noCertificate: 'certificate_required',
  },
};

const BY_NAME: Readonly<Record<Version, VersionFacts>> = { 'DTLSv1.2': FACTS_12, 'DTLSv1.3': FACTS_13 };

/** What is known of a version by its name, such as that of a suite. */
export function rulesOf(version: Version): VersionRules {
  return BY_NAME[version].rules;
}

/** The one of `versions` with this name. */
export function versionNamed<V extends VersionFacts>(versions: readonly V[], name: Version): V | undefined {
  return versions.find((version) => version.name === name);
}

/** Whether `version` is the best allowed one. */
export function isLatest(versions: readonly VersionFacts[], { code }: VersionFacts): boolean {
  return versions.every((other) => other.code >= code);
}

/** A later version is greater; on the wire DTLS counts down. */
export function isAtLeast(version: Version, other: Version): boolean {
  return BY_NAME[version].code <= BY_NAME[other].code;
}
