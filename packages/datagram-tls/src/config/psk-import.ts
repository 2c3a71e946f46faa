import { EMPTY } from '../base/bytes.js';
import { ownProperties } from '../base/own-properties.js';
import type { Capabilities } from '../crypto/provider.js';
import { KDF_HASHES } from '../wire/imported-identity.js';
import { checkObject, checkOneOf } from './checks.js';
import { lacking } from './names.js';
import { textOrBytes } from './psk-bytes.js';
import type { PskImport } from './psk-policy.js';

/** `true` is as good as an object without properties, `false` as nothing. */
export function resolveImport(how: unknown, name: string, capabilities: Capabilities): PskImport | undefined {
  if (how === undefined || how === false) return undefined;
  if (how === true) return { context: EMPTY, hash: 'sha256' };
  checkObject(how, name);
  const { context = EMPTY, hash = 'sha256' } = ownProperties(how as object) as {
    context?: unknown;
    hash?: unknown;
  };
  checkOneOf(hash, `${name}.hash`, KDF_HASHES);
  if (!capabilities.hash(hash)) throw lacking('ERR_DTLS_UNSUPPORTED_HASH', `${name}.hash`, hash, hash);
  return Object.freeze({ context: textOrBytes(context, `${name}.context`), hash });
}
