import { invalidArgValue } from '../base/errors.js';
import { didYouMean } from '../base/nearest.js';
import { memberOf } from '../base/own-properties.js';
import { layerProvider, type PartialProvider } from '../crypto/layered-provider.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { checkFunction, checkObject } from './checks.js';
import { kindOf } from './kinds.js';
import type { Kind } from './option-table.js';

/** The functions of each group of a {@link PartialProvider}; `undefined`: it is a function itself. */
const GROUPS = {
  hashes: ['has', 'hash', 'mac', 'hkdfExpand'],
  aeads: ['has', 'aead'],
  derivedAead: undefined,
  aesCbc: ['has', 'aesCbc'],
  recordNumberMasks: ['has', 'recordNumberMask'],
  keyExchanges: ['has', 'startKeyExchange', 'answerKeyExchange'],
  signatures: ['has', 'importPrivateKey', 'importPublicKey', 'isKeyOf', 'sign', 'verify'],
  randomBytes: undefined,
  equal: undefined,
  passwords: [],
} as const satisfies Record<keyof PartialProvider, readonly string[] | undefined>;

/** It may be an object of a class, with members of its own. */
export const partialProvider: Kind<PartialProvider> = kindOf('object', (value, name) => {
  checkObject(value, name);
  if (isPlain(value as object)) for (const own of Object.keys(value as object)) checkGroupName(own, name);
  for (const [group, functions] of Object.entries(GROUPS)) {
    const given = memberOf(value as object, group);
    if (given === undefined) continue;
    if (functions === undefined) checkFunction(given, `${name}.${group}`);
    else checkGroup(given, functions, `${name}.${group}`);
  }
});

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A misspelt group would be one that is never used. */
function checkGroupName(own: string, name: string): void {
  if (Object.hasOwn(GROUPS, own)) return;
  throw invalidArgValue(`${name}.${own}`, `is no group of primitives${didYouMean(own, Object.keys(GROUPS))}`);
}

function checkGroup(given: unknown, functions: readonly string[], name: string): void {
  checkObject(given, name);
  for (const one of functions) checkFunction(memberOf(given as object, one), `${name}.${one}`);
}

/** The platform's provider, below what the application has. */
export function withLayer(base: CryptoProvider, given: PartialProvider | undefined): CryptoProvider {
  if (given === undefined) return base;
  const top = Object.create(null) as Record<string, unknown>;
  for (const group of Object.keys(GROUPS)) {
    const own = memberOf(given, group);
    top[group] = typeof own === 'function' ? own.bind(given) : own;
  }
  return layerProvider(base, top);
}
