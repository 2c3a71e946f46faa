import { callerError } from '../base/errors.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { Encoded } from './options.js';

/** A key as the provider reads it. Errors have the provider's code and name the option. */
export function importKey(
  data: Encoded,
  passphrase: string | undefined,
  option: string,
  provider: CryptoProvider,
): PrivateKey {
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
