/** The lines of SDP that a data channel needs: ICE (RFC 8839), DTLS (RFC 8122, RFC 8842) and SCTP (RFC 8841). */
import { createHash } from 'node:crypto';

/** `a=setup`: who sends the ClientHello. An offer says `actpass`, and the answer chooses. */
export type Setup = 'actpass' | 'active' | 'passive';

/** `a=fingerprint`. */
export interface Fingerprint {
  /** As SDP writes it: `sha-256`. */
  readonly hash: string;
  /** Upper-case hexadecimal, bytes separated by colons. */
  readonly value: string;
}

export interface Candidate {
  readonly address: string;
  readonly port: number;
}

export interface Description {
  readonly ice: { readonly fragment: string; readonly password: string; readonly lite: boolean };
  readonly fingerprints: readonly Fingerprint[];
  readonly setup: Setup;
  readonly candidates: readonly Candidate[];
  readonly sctpPort: number;
  readonly mid: string;
}

/** Hashes of RFC 8122 §5 that are not broken, and Node's names for them. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
]);

/** The fingerprint of a certificate in DER; `undefined` with a hash that is unknown or broken. */
export function fingerprintOf(certificate: Uint8Array, hash = 'sha-256'): Fingerprint | undefined {
  const name = HASHES.get(hash);
  if (name === undefined) return undefined;
  const digits = createHash(name).update(certificate).digest('hex').toUpperCase();
  return { hash, value: (digits.match(/../g) ?? []).join(':') };
}

/** Whether a certificate in DER has one of `fingerprints` (RFC 8122 §6.2). */
export function hasFingerprint(certificate: Uint8Array, fingerprints: readonly Fingerprint[]): boolean {
  return fingerprints.some(({ hash, value }) => fingerprintOf(certificate, hash)?.value === value);
}

/** Our DTLS role, by what both descriptions say (RFC 8842 §5.3); throws when they contradict each other. */
export function dtlsRole(ours: Setup, theirs: Setup): 'client' | 'server' {
  if (ours === 'active' && theirs !== 'active') return 'client';
  if (ours === 'passive' && theirs !== 'passive') return 'server';
  if (ours === 'actpass' && theirs !== 'actpass') return theirs === 'active' ? 'server' : 'client';
  throw new Error(`a=setup:${ours} and a=setup:${theirs} choose no client`);
}

export function formatSdp({ ice, fingerprints, setup, candidates, sctpPort, mid }: Description): string {
  const [{ address, port } = { address: '0.0.0.0', port: 9 }] = candidates;
  const lines = [
    'v=0',
    'o=- 1 2 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    ...(ice.lite ? ['a=ice-lite'] : []),
    `a=group:BUNDLE ${mid}`,
    `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`,
    `c=IN IP4 ${address}`,
    `a=mid:${mid}`,
    `a=ice-ufrag:${ice.fragment}`,
    `a=ice-pwd:${ice.password}`,
    ...fingerprints.map(({ hash, value }) => `a=fingerprint:${hash} ${value}`),
    `a=setup:${setup}`,
    `a=sctp-port:${sctpPort}`,
    ...candidates.map(
      (candidate, index) =>
        `a=candidate:${index} 1 udp ${2_130_706_431 - index} ${candidate.address} ${candidate.port} typ host`,
    ),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** Throws when a line is missing. Candidates that are not UDP, or are names (mDNS), are left out. */
export function parseSdp(sdp: string): Description {
  const lines = sdp.split(/\r?\n/);
  const all = (name: string) =>
    lines.filter((line) => line.startsWith(`a=${name}:`)).map((line) => line.slice(name.length + 3));
  const one = (name: string): string => {
    const [value] = all(name);
    if (value === undefined) throw new Error(`the description has no a=${name}`);
    return value;
  };
  return {
    ice: {
      fragment: one('ice-ufrag'),
      password: one('ice-pwd'),
      lite: lines.includes('a=ice-lite'),
    },
    fingerprints: all('fingerprint').flatMap(parseFingerprint),
    setup: parseSetup(one('setup')),
    candidates: all('candidate').flatMap(parseCandidate),
    sctpPort: Number(one('sctp-port')),
    mid: one('mid'),
  };
}

function parseFingerprint(text: string): Fingerprint[] {
  const [hash, value] = text.split(' ');
  return hash === undefined || value === undefined
    ? []
    : [{ hash: hash.toLowerCase(), value: value.toUpperCase() }];
}

function parseSetup(text: string): Setup {
  if (text === 'actpass' || text === 'active' || text === 'passive') return text;
  throw new Error(`a=setup:${text} is not supported`);
}

function parseCandidate(text: string): Candidate[] {
  const [, , protocol, , address, port] = text.split(' ');
  const isUsable = protocol?.toLowerCase() === 'udp' && /^[\d.]+$/.test(address ?? '');
  return isUsable && address !== undefined ? [{ address, port: Number(port) }] : [];
}
