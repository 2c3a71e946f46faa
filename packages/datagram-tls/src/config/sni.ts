import { whenever } from '../base/awaitable.js';
import { callerError, invalidArgType, invalidArgValue, missingArgs } from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import { checkObject } from './checks.js';
import type { ChooseSecurity, Security } from './config.js';
import type { SecurityOptions } from './options.js';
import { withMore } from './trust.js';

/** Reads what one name is served with; throws the caller's mistake. */
type ReadIdentity = (identity: object) => Security;

const OTHERS = '*';
/** The only reader of the option `sni`. A map is read here and now, what a function answers when it does. */
export function resolveSni(sni: unknown, read: ReadIdentity): ChooseSecurity | undefined {
  if (sni === undefined) return undefined;
  if (typeof sni === 'function') return chooseByFunction(sni as (name: string | undefined) => unknown, read);
  checkObject(sni, 'options.sni');
  const identities = readMap(sni as object, read);
  return (name) => identities.get(name ?? OTHERS) ?? identities.get(OTHERS);
}

function readMap(sni: object, read: ReadIdentity): ReadonlyMap<string, Security> {
  const entries: Iterable<readonly [unknown, unknown]> = sni instanceof Map ? sni : Object.entries(sni);
  const identities = new Map<string, Security>();
  for (const [key, identity] of entries) {
    const name = readName(key);
    if (identities.has(name)) throw invalidArgValue('options.sni', `holds '${name}' twice`);
    identities.set(name, readUnder(`options.sni['${name}']`, identity, read));
  }
  if (identities.size === 0) throw invalidArgValue('options.sni', 'must hold at least one name');
  return identities;
}

function readName(key: unknown): string {
  if (key === OTHERS) return key;
  const name = typeof key === 'string' ? hostName(key) : undefined;
  if (name === undefined) {
    const wanted = "must have as keys host names in ASCII, and '*' for all others";
    throw invalidArgValue('options.sni', `${wanted}. Received '${String(key)}'`);
  }
  return name;
}

function chooseByFunction(choose: (name: string | undefined) => unknown, read: ReadIdentity): ChooseSecurity {
  const known = new WeakMap<object, Security>();
  const use = (identity: unknown): Security | undefined => {
    if (identity === undefined || identity === null) return undefined;
    const security = known.get(identity) ?? readUnder('the result of options.sni', identity, read);
    known.set(identity, security);
    return security;
  };
  return (name) => whenever(choose(name), use);
}

/** What is wrong with an identity is told with the place where it stands. */
function readUnder(place: string, identity: unknown, read: ReadIdentity): Security {
  if (typeof identity !== 'object' || identity === null || Array.isArray(identity)) {
    throw invalidArgType(place, 'an instance of DTLSSecureContext or of type object', identity);
  }
  try {
    return read(identity);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw code === undefined ? error : callerError(code, `${place}: ${message}`, error);
  }
}

/**
 * What a name of `sni` may have of its own: options that set it, and the fields that come of them. Every other option is
 * for the endpoint as a whole.
 */
const OF_A_NAME: readonly {
  readonly options: readonly (keyof SecurityOptions)[];
  readonly fields: readonly (keyof Security)[];
}[] = [
  { options: ['cert', 'key', 'pfx', 'passphrase', 'certificateTypes'], fields: ['identities'] },
  // Pins stand above a CA: those of the endpoint would make the CA of a name mean nothing.
  { options: ['ca', 'pins'], fields: ['trust', 'pins'] },
  { options: ['peerCertificateTypes'], fields: ['peerCertificateTypes'] },
  { options: ['psk', 'pskHideUnknown', 'pskIdentityHint'], fields: ['psk'] },
  { options: ['crl'], fields: ['crls'] },
  { options: ['requestOCSP', 'requireOCSP'], fields: ['requestStaple', 'requireStaple'] },
  { options: ['ocspResponse'], fields: ['findStaple'] },
  { options: ['requestCert'], fields: ['requestCert'] },
  { options: ['rejectUnauthorized'], fields: ['rejectUnauthorized'] },
  { options: ['verifyPeer'], fields: ['verifyPeer'] },
  { options: ['sigalgs'], fields: ['sigalgs'] },
  { options: ['alpn'], fields: ['alpn'] },
  { options: ['srtp'], fields: ['srtp'] },
];

const ALLOWED = new Set<string>(OF_A_NAME.flatMap(({ options }) => options));

/**
 * Who `endpoint` is for a client that asks for one of its names: `own`, and the endpoint's wherever that was not given.
 * Versions, suites and groups are chosen before the name is looked at: a HelloRetryRequest goes out without it.
 */
export function resolveNamedIdentity(endpoint: Security, own: Security): Security {
  for (const option of own.given) {
    if (!ALLOWED.has(option))
      throw invalidArgValue(`options.${option}`, 'is the same for all names: set it beside sni');
  }
  const differs = OF_A_NAME.filter(({ options }) => options.some((option) => own.given.has(option)));
  const fields = differs.flatMap((part) => part.fields.map((field) => [field, own[field]] as const));
  const replaced = new Set<string>(differs.flatMap(({ options }) => options));
  const given = new Set([...[...endpoint.given].filter((name) => !replaced.has(name)), ...own.given]);
  const trust = withMore(endpoint.trust, own.trustBesides);
  const security: Security = { ...endpoint, trust, ...Object.fromEntries(fields), given, sni: undefined };
  if (security.identities.length === 0 && security.psk.role === 'none') throw missingArgs('options.cert');
  return security;
}
