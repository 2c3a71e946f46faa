import { whenever } from '../base/awaitable.js';
import {
  brief,
  invalidArgType,
  invalidArgValue,
  missingArgs,
  passedOn,
  readAnswer,
  textOf,
} from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import type { VersionFacts } from '../wire/version.js';
import type { ChooseSecurity, Security } from './config.js';
import type { OptionTable } from './option-table.js';
import { SECURITY_OPTIONS, type SecurityOptions } from './options.js';
import { withMore } from './trust.js';

/** Reads the settings of one name; throws the caller's mistake. */
type ReadIdentity = (identity: object) => Security;

const OTHERS = '*';

/** Reads `sni`: a map immediately, a function's answer when it returns. */
export function resolveSni(sni: SecurityOptions['sni'], read: ReadIdentity): ChooseSecurity | undefined {
  if (sni === undefined) return undefined;
  if (typeof sni === 'function') return chooseByFunction(sni, read);
  const identities = readMap(sni, read);
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
    throw invalidArgValue('options.sni', `${wanted}. Received '${brief(textOf(key))}'`);
  }
  return name;
}

function chooseByFunction(choose: (name: string | undefined) => unknown, read: ReadIdentity): ChooseSecurity {
  const known = new WeakMap<object, Security>();
  const use = (identity: unknown): Security | undefined => {
    if (identity === undefined || identity === null) return undefined;
    const security = known.get(identity) ?? readAnswer(() => readUnder('options.sni()', identity, read));
    known.set(identity, security);
    return security;
  };
  return (name) => whenever(choose(name), use);
}

/** A fault of an identity is reported with its place. */
function readUnder(place: string, identity: unknown, read: ReadIdentity): Security {
  if (typeof identity !== 'object' || identity === null || Array.isArray(identity)) {
    throw invalidArgType(place, 'an instance of DTLSSecureContext or of type object', identity);
  }
  try {
    return read(identity);
  } catch (error) {
    throw (error as { code?: unknown }).code === undefined
      ? error
      : passedOn(place, error, 'ERR_INVALID_ARG_VALUE');
  }
}

/** The rows of options that a name of `sni` may have of its own; every other option is for the endpoint as a whole. */
const NAME_ROWS = new Map(
  Object.entries<OptionTable[string]>(SECURITY_OPTIONS).flatMap(([option, { perName }]) =>
    perName === undefined ? [] : [[option, perName] as const],
  ),
);

/**
 * The settings of `endpoint` for one of its names: `own`, and the endpoint's where `own` has none. Versions, suites
 * and groups are chosen before the name is read: a HelloRetryRequest is sent without it.
 */
export function resolveNamedIdentity<V extends VersionFacts>(
  endpoint: Security<V>,
  own: Security,
): Security<V> {
  const replaced = new Set<string>();
  for (const option of own.given) {
    const fields = NAME_ROWS.get(option);
    if (fields === undefined)
      throw invalidArgValue(`options.${option}`, 'is the same for all names: set it beside sni');
    for (const field of fields) replaced.add(field);
  }
  const kept = [...endpoint.given].filter((option) => !NAME_ROWS.get(option)?.some((f) => replaced.has(f)));
  const security: Security<V> = {
    ...endpoint,
    trust: withMore(endpoint.trust, own.trustBesides),
    ...Object.fromEntries([...replaced].map((field) => [field, own[field as keyof Security]])),
    given: new Set([...kept, ...own.given]),
    sni: undefined,
  };
  if (security.identities.length === 0 && security.psk.role === 'none')
    throw missingArgs('options.cert', 'a name of options.sni needs a certificate or pre-shared keys');
  return security;
}
