import type { ValidationBudget } from './budget.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import { type DistinguishedName, isKeyWithin, lowerAscii } from './distinguished-name.js';
import type { NameConstraints } from './extensions.js';
import { type GeneralNames, noNames, OTHER_NAME } from './general-names.js';
import { mayBeHost } from './names.js';

type Verdict = VerifyCode | undefined;

/**
 * The role of a certificate in its path. The common names of a server are compared with host names, so they are
 * constrained like host names. Those of a client are not compared; only common names with a dot are constrained, as
 * in OpenSSL.
 */
export type NameRole = 'server' | 'client' | 'ca';

/** The names of one certificate, and the verdicts on them. */
interface Subject {
  /** `undefined` when a name is malformed. */
  readonly names: Names | undefined;
  readonly verdicts: Map<NameConstraints, Verdict>;
}

/** In the form that is compared. */
interface Names {
  readonly dns: readonly string[];
  readonly ip: readonly Uint8Array[];
  readonly email: readonly Mailbox[];
  /** Keys of distinguished names. */
  readonly directory: readonly string[];
  readonly others: ReadonlySet<number>;
}

interface Mailbox {
  readonly local: string;
  /** Lower case. */
  readonly host: string;
}

/** The constraints of one CA in the form that is compared. */
interface Bases {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
  readonly hasDistances: boolean;
}

interface Subtrees {
  readonly dns: Form<HostBase>;
  readonly email: Form<MailboxBase>;
  readonly ip: Form<Uint8Array>;
  readonly directory: Form<string>;
  readonly others: ReadonlySet<number>;
}

interface Form<Base> {
  readonly bases: readonly Base[];
  /** Comparisons that one name costs, counted in {@link VALIDATION_LIMITS}. */
  readonly cost: number;
}

interface HostBase {
  /** Lower case; empty for all hosts. */
  readonly host: string;
  /** `.host` */
  readonly suffix: string;
  /** The end of a wildcard that matches the base; `undefined` where none does. */
  readonly parent: string | undefined;
}

type MailboxBase = { readonly below: string } | (Mailbox & { readonly below: undefined });

/**
 * Checks names against constraints: each name is normalized once per validation, each pair of certificates compared
 * once.
 */
export class ConstraintChecker {
  readonly #budget: ValidationBudget;
  readonly #subjects: Readonly<Record<NameRole, Map<Certificate, Subject>>> = {
    server: new Map(),
    client: new Map(),
    ca: new Map(),
  };
  readonly #bases = new Map<NameConstraints, Bases>();

  constructor(budget: ValidationBudget) {
    this.#budget = budget;
  }

  /**
   * What in `certificate` violates the constraints of a CA above it; `undefined`: nothing. Its subject counts as a
   * directory name, its emailAddress attributes as mailboxes. Constrained forms that are not understood here (URI,
   * otherName, …) are refused where a certificate uses them. @see RFC 5280 §4.2.1.10, §6.1.3 (b), (c)
   */
  check(certificate: Certificate, constraints: NameConstraints, role: NameRole): Verdict {
    const { names, verdicts } = this.#subjectOf(certificate, role);
    if (names === undefined) return 'UNSUPPORTED_NAME_SYNTAX';
    if (!verdicts.has(constraints)) {
      verdicts.set(constraints, checkNames(names, this.#basesOf(constraints), this.#budget));
    }
    return verdicts.get(constraints);
  }

  #subjectOf(certificate: Certificate, role: NameRole): Subject {
    const subjects = this.#subjects[role];
    const subject = subjects.get(certificate) ?? {
      names: constrainedNames(certificate, role),
      verdicts: new Map(),
    };
    subjects.set(certificate, subject);
    return subject;
  }

  #basesOf(constraints: NameConstraints): Bases {
    const bases = this.#bases.get(constraints) ?? {
      permitted: subtrees(constraints.permitted),
      excluded: subtrees(constraints.excluded),
      hasDistances: constraints.hasDistances,
    };
    this.#bases.set(constraints, bases);
    return bases;
  }
}

/** `undefined` when a name is malformed. */
function constrainedNames({ subject, extensions }: Certificate, role: NameRole): Names | undefined {
  const san = extensions.subjectAltName ?? noNames();
  const email = [...san.email, ...(subject.emailAddresses ?? [''])];
  if (email.some((mailbox) => !mailbox.includes('@'))) return undefined;
  if (san.ip.some(({ length }) => length !== 4 && length !== 16)) return undefined;
  const hosts = extensions.subjectAltName === undefined ? hostsOf(subject, role) : san.dns;
  return {
    dns: hosts.map(lowerAscii),
    ip: san.ip,
    email: email.map(splitMailbox),
    directory: keysOf(subject.isEmpty ? san.directory : [subject, ...san.directory]),
    others: san.others,
  };
}

/** Common names that could be host names. A phrase is not constrained. */
function hostsOf(subject: DistinguishedName, role: NameRole): string[] {
  if (role === 'ca') return [];
  return subject.commonNames.filter(
    (name) => (role === 'server' || name.includes('.')) && mayBeHost(lowerAscii(name)),
  );
}

function subtrees(names: GeneralNames): Subtrees {
  return {
    dns: form(names.dns.map(hostBase), ({ host }) => host.length),
    email: form(names.email.map(mailboxBase), (base) => (base.below ?? base.local + base.host).length),
    ip: form(names.ip, ({ length }) => length),
    directory: form(keysOf(names.directory), (key) => key.length),
    others: names.others,
  };
}

function form<Base>(bases: readonly Base[], length: (base: Base) => number): Form<Base> {
  let cost = 0;
  for (const base of bases) cost += 1 + (length(base) >> 5);
  return { bases, cost };
}

function checkNames(
  names: Names,
  { permitted, excluded, hasDistances }: Bases,
  budget: ValidationBudget,
): Verdict {
  if (hasDistances) return 'SUBTREE_MINMAX';
  return (
    checkOpaqueForms(names, permitted, excluded) ??
    checkForm(names.dns, permitted.dns, excluded.dns, hostIsWithin, budget, wildcardCovers) ??
    checkForm(names.email, permitted.email, excluded.email, mailboxIsWithin, budget) ??
    checkIpMasks(names, permitted, excluded) ??
    checkForm(names.ip, permitted.ip, excluded.ip, ipIsWithin, budget) ??
    checkForm(names.directory, permitted.directory, excluded.directory, isKeyWithin, budget)
  );
}

function checkOpaqueForms(names: Names, permitted: Subtrees, excluded: Subtrees): Verdict {
  const constrainsMailboxes = permitted.email.bases.length + excluded.email.bases.length > 0;
  const isConstrained = (form: number): boolean =>
    permitted.others.has(form) || excluded.others.has(form) || (form === OTHER_NAME && constrainsMailboxes);
  return [...names.others].some(isConstrained) ? 'UNSUPPORTED_CONSTRAINT_TYPE' : undefined;
}

/** `reaches`: whether a name covers something within an excluded base, such as the hosts of a wildcard. */
function checkForm<Name, Base>(
  names: readonly Name[],
  permitted: Form<Base>,
  excluded: Form<Base>,
  isWithin: (name: Name, base: Base) => boolean,
  budget: ValidationBudget,
  reaches?: (name: Name, base: Base) => boolean,
): Verdict {
  const cost = permitted.cost + excluded.cost;
  if (cost === 0) return undefined;
  for (const name of names) {
    if (!budget.allows('comparisons', cost)) return 'VALIDATION_LIMIT_REACHED';
    if (permitted.cost > 0 && !permitted.bases.some((base) => isWithin(name, base)))
      return 'PERMITTED_VIOLATION';
    if (excluded.bases.some((base) => isWithin(name, base))) return 'EXCLUDED_VIOLATION';
    if (reaches !== undefined && excluded.bases.some((base) => reaches(name, base)))
      return 'EXCLUDED_VIOLATION';
  }
  return undefined;
}

function hostBase(base: string): HostBase {
  const host = lowerAscii(base);
  const dot = host.indexOf('.');
  return {
    host,
    suffix: host.startsWith('.') ? host : `.${host}`,
    parent: dot > 0 ? host.slice(dot) : undefined,
  };
}

/**
 * `example.com` contains itself and all names below it, `.example.com` only names below it, the empty base all names.
 */
function hostIsWithin(name: string, { host, suffix }: HostBase): boolean {
  return host === '' || name === host || name.endsWith(suffix);
}

/** `*.example.com` also covers `bad.example.com`. */
function wildcardCovers(name: string, { parent }: HostBase): boolean {
  return (
    parent !== undefined && name.length === parent.length + 1 && name.startsWith('*') && name.endsWith(parent)
  );
}

function mailboxBase(base: string): MailboxBase {
  if (base.startsWith('.')) return { below: lowerAscii(base) };
  return { below: undefined, ...splitMailbox(base.includes('@') ? base : `@${base}`) };
}

/**
 * A base is a mailbox, a host (`example.com`: mailboxes on exactly that host) or a domain (`.example.com`: on hosts
 * below it).
 */
function mailboxIsWithin({ local, host }: Mailbox, base: MailboxBase): boolean {
  if (base.below !== undefined) return host.length > base.below.length && host.endsWith(base.below);
  return host === base.host && (base.local === '' || base.local === local);
}

function splitMailbox(mailbox: string): Mailbox {
  const at = mailbox.lastIndexOf('@');
  return { local: mailbox.slice(0, at), host: lowerAscii(mailbox.slice(at + 1)) };
}

/** A base is an address and a mask of the same length (RFC 4632 style). */
function checkIpMasks({ ip }: Names, permitted: Subtrees, excluded: Subtrees): Verdict {
  const isMasked = ({ length }: Uint8Array): boolean => length === 8 || length === 32;
  const allMasked = permitted.ip.bases.every(isMasked) && excluded.ip.bases.every(isMasked);
  return ip.length === 0 || allMasked ? undefined : 'UNSUPPORTED_CONSTRAINT_SYNTAX';
}

function ipIsWithin(ip: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== 2 * ip.length) return false;
  for (let i = 0; i < ip.length; i++) {
    const mask = base[i + ip.length] as number;
    if ((((base[i] as number) ^ (ip[i] as number)) & mask) !== 0) return false;
  }
  return true;
}

function keysOf(names: readonly DistinguishedName[]): string[] {
  return names.map(({ key }) => key);
}
