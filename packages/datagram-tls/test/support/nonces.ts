import { toHex } from '#lib/base/bytes.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';

/** Every key and nonce that any process sealed with: the second time is an error. */
export class Nonces {
  readonly #used = new Map<string, Set<string>>();

  watch(provider: CryptoProvider): CryptoProvider {
    return {
      ...provider,
      aead: (name, key) => {
        const aead = provider.aead(name, key);
        const used = this.#usedWith(toHex(key));
        return {
          tagLength: aead.tagLength,
          open: (...sealed) => aead.open(...sealed),
          seal: (nonce, ...rest) => {
            const id = String.fromCharCode(...nonce);
            if (used.has(id)) throw new Error(`a nonce is used twice: ${toHex(nonce)}`);
            used.add(id);
            aead.seal(nonce, ...rest);
          },
        };
      },
    };
  }

  #usedWith(key: string): Set<string> {
    const known = this.#used.get(key);
    if (known !== undefined) return known;
    const used = new Set<string>();
    this.#used.set(key, used);
    return used;
  }
}
