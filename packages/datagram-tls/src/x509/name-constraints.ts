import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { DistinguishedName } from './distinguished-name.js';
import type { NameConstraints } from './extensions.js';
import { type GeneralNames, noNames, OTHER_NAME } from './general-names.js';
import { hostNames } from './names.js';
import { lowerAscii } from './strings.js';

/** Comparisons that the names of one certificate may cost under the constraints of one CA. */
const MAX_COMPARISONS = 1 << 16;

type Verdict = VerifyCode | undefined;

/**
 * What in `certificate` breaks the constraints of a CA above it; `undefined`: nothing. Its subject counts as a directory
 * name, its emailAddress attributes as mailboxes, and of a leaf also the common names that would pass for host names.
 * Forms that are constrained but not understood here (URI, otherName, …) are refused where a certificate uses them.
 * @see RFC 5280 §4.2.1.10, §6.1.3 (b), (c)
 */
export function checkNameConstraints(
  certificate: Certificate,
  constraints: NameConstraints,
  isLeaf: boolean,
): Verdict {
  const names = constrainedNames(certificate, isLeaf);
  if (names === undefined) return 'UNSUPPORTED_NAME_SYNTAX';
  const { permitted, excluded } = constraints;
  if (count(names) * (count(permitted) + count(excluded)) > MAX_COMPARISONS) return 'UNSPECIFIED';
  if (constraints.hasDistances) return 'SUBTREE_MINMAX';
  return (
    checkOpaqueForms(names, permitted, excluded) ??
    checkForm(names.dns, permitted.dns, excluded.dns, hostIsWithin, wildcardCovers) ??
    checkForm(names.email, permitted.email, excluded.email, mailboxIsWithin) ??
    checkForm(names.ip, permitted.ip, excluded.ip, ipIsWithin) ??
    checkForm(names.directory, permitted.directory, excluded.directory, directoryIsWithin)
  );
}

/** `undefined` when a name is malformed. */
function constrainedNames(certificate: Certificate, isLeaf: boolean): GeneralNames | undefined {
  const { subject, extensions } = certificate;
  const san = extensions.subjectAltName ?? noNames();
  const email = [...san.email, ...(subject.emailAddresses ?? [''])];
  if (email.some((mailbox) => !mailbox.includes('@'))) return undefined;
  if (san.ip.some(({ length }) => length !== 4 && length !== 16)) return undefined;
  return {
    dns: isLeaf ? hostNames(certificate).filter((name) => isHostLike(name) || san.dns.length > 0) : san.dns,
    ip: san.ip,
    email,
    directory: subject.isEmpty ? san.directory : [subject, ...san.directory],
    others: san.others,
  };
}

/** A common name that name verification would compare with a host: one that is a phrase constrains nobody. */
function isHostLike(commonName: string): boolean {
  return /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i.test(commonName);
}

function count(names: GeneralNames): number {
  return names.dns.length + names.ip.length + names.email.length + names.directory.length + names.others.size;
}

function checkOpaqueForms(names: GeneralNames, permitted: GeneralNames, excluded: GeneralNames): Verdict {
  const isConstrained = (form: number): boolean =>
    permitted.others.has(form) ||
    excluded.others.has(form) ||
    (form === OTHER_NAME && permitted.email.length + excluded.email.length > 0);
  return [...names.others].some(isConstrained) ? 'UNSUPPORTED_CONSTRAINT_TYPE' : undefined;
}

/** `reaches`: whether a name stands for something within an excluded base; by default, whether it is within itself. */
function checkForm<Name>(
  names: readonly Name[],
  permitted: readonly Name[],
  excluded: readonly Name[],
  isWithin: (name: Name, base: Name) => boolean | undefined,
  reaches: (name: Name, base: Name) => boolean = () => false,
): Verdict {
  for (const name of names) {
    const allowed = permitted.map((base) => isWithin(name, base));
    const barred = excluded.map((base) => isWithin(name, base));
    if (allowed.includes(undefined) || barred.includes(undefined)) return 'UNSUPPORTED_CONSTRAINT_SYNTAX';
    if (allowed.length > 0 && !allowed.includes(true)) return 'PERMITTED_VIOLATION';
    if (barred.includes(true) || excluded.some((base) => reaches(name, base))) return 'EXCLUDED_VIOLATION';
  }
  return undefined;
}

/** `example.com` holds itself and all below it, `.example.com` only what is below, the empty base everything. */
function hostIsWithin(name: string, base: string): boolean {
  const host = lowerAscii(name);
  const tail = lowerAscii(base);
  if (tail === '' || host === tail) return true;
  return host.endsWith(tail.startsWith('.') ? tail : `.${tail}`);
}

/** `*.example.com` also stands for `bad.example.com`. */
function wildcardCovers(name: string, base: string): boolean {
  if (!name.startsWith('*.')) return false;
  const [, parent] = /^[^.]+(\..*)$/.exec(base) ?? [];
  return parent !== undefined && lowerAscii(parent) === lowerAscii(name.slice(1));
}

/** A base is a mailbox, a host (`example.com`: mailboxes on just that host) or a domain (`.example.com`: on those below). */
function mailboxIsWithin(mailbox: string, base: string): boolean {
  const [local, host] = splitMailbox(mailbox);
  if (base.startsWith('.')) return host.endsWith(lowerAscii(base)) && host.length > base.length;
  const [baseLocal, baseHost] = splitMailbox(base.includes('@') ? base : `@${base}`);
  return host === baseHost && (baseLocal === '' || baseLocal === local);
}

function splitMailbox(mailbox: string): [local: string, host: string] {
  const at = mailbox.lastIndexOf('@');
  return [mailbox.slice(0, at), lowerAscii(mailbox.slice(at + 1))];
}

/** A base is an address and a mask of the same length (RFC 4632 style); `undefined` when it is not. */
function ipIsWithin(ip: Uint8Array, base: Uint8Array): boolean | undefined {
  if (base.length !== 8 && base.length !== 32) return undefined;
  if (base.length !== 2 * ip.length) return false;
  return ip.every((byte, i) => (((base[i] as number) ^ byte) & (base[i + ip.length] as number)) === 0);
}

function directoryIsWithin(name: DistinguishedName, base: DistinguishedName): boolean {
  return name.isWithin(base);
}
