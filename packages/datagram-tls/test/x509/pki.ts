import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Certificate, parseCertificate } from '#lib/x509/certificate.js';
import { readCertificates } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';

/** The certificates and CRLs that fixtures/make.sh made, by name. */
const pki = entries('pki.pem');
const crls = entries('crls.pem');

export const names: readonly string[] = [...pki.keys()];

function entries(file: string): Map<string, string> {
  // The tests run from build/test; the fixtures stay with the sources.
  const path = fileURLToPath(new URL(`../../../test/x509/fixtures/${file}`, import.meta.url));
  const parts = readFileSync(path, 'utf8')
    .split(/^# (.+)\n/m)
    .slice(1);
  return new Map(parts.flatMap((name, i) => (i % 2 === 0 ? [[name, parts[i + 1] ?? '']] : [])));
}

export function pem(name: string): string {
  return entry(pki, name);
}

export function crlPem(name: string): string {
  return entry(crls, name);
}

function entry(from: ReadonlyMap<string, string>, name: string): string {
  const text = from.get(name);
  assert.ok(text !== undefined, `no fixture ${name}`);
  return text;
}

export function der(name: string): Uint8Array {
  const [first] = readCertificates(pem(name), name);
  assert.ok(first);
  return first;
}

const certificates = new Map<string, Certificate>();

export function certificate(name: string): Certificate {
  const known = certificates.get(name) ?? parsed(der(name));
  certificates.set(name, known);
  return known;
}

export function parsed(bytes: Uint8Array): Certificate {
  const result = parseCertificate(bytes);
  assert.ok(result, 'not a certificate');
  return result;
}

export function store(...trusted: string[]): TrustStore {
  return new TrustStore(trusted.map(certificate));
}

const DAY = 86_400_000;

/** A moment `days` after the fixtures were made, in milliseconds since the epoch. */
export function day(days: number): number {
  return certificate('root').notBefore + days * DAY;
}
