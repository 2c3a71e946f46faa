import { toText } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { Encoded } from './options.js';

const DER_SEQUENCE = 0x30;
/** RFC 7468 §10, §11 and the older forms, such as BEGIN EC PRIVATE KEY. */
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** A key as the provider reads it. Errors have the provider's code and name the option. */
export function importKey(
  data: Encoded,
  passphrase: string | undefined,
  option: string,
  provider: CryptoProvider,
): PrivateKey {
  if (!holdsKey(data)) throw callerError('ERR_OSSL_UNSUPPORTED', `${option}: there is no private key in it`);
  try {
    return provider.importPrivateKey(data, passphrase);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const reason = error instanceof Error ? error.message : String(error);
    throw callerError(
      typeof code === 'string' ? code : 'ERR_OSSL_UNSUPPORTED',
      `${option}: ${reason}`,
      error,
    );
  }
}

/** DER begins with a SEQUENCE; anything else is PEM, in which one block has to be a private key. */
function holdsKey(data: Encoded): boolean {
  if (typeof data !== 'string' && data[0] === DER_SEQUENCE) return true;
  return PRIVATE_KEY.test(typeof data === 'string' ? data : toText(data));
}
