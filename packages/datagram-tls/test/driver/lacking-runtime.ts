import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Makes a Node that lacks what other runtimes lack, and throws as they do: CCM and ChaCha20-Poly1305, P-521 for ECDH and Ed448. Its
 * lists of names still hold them all. To be loaded before the library.
 */
const { createCipheriv, createDecipheriv, createECDH, createPublicKey } = crypto;

function refuse(name: unknown): void {
  if (/ccm|chacha20|secp521r1/.test(String(name))) throw new TypeError(`Unknown algorithm ${String(name)}`);
}

const ED448 = '06032b6571';

Object.assign(crypto, {
  createCipheriv: (name: string, ...rest: never[]) => {
    refuse(name);
    return Reflect.apply(createCipheriv, crypto, [name, ...rest]) as unknown;
  },
  createDecipheriv: (name: string, ...rest: never[]) => {
    refuse(name);
    return Reflect.apply(createDecipheriv, crypto, [name, ...rest]) as unknown;
  },
  createECDH: (name: string) => {
    refuse(name);
    return createECDH(name);
  },
  createPublicKey: (input: Parameters<typeof createPublicKey>[0]) => {
    const { key } = input as { key?: unknown };
    if (Buffer.isBuffer(key) && key.toString('hex').includes(ED448)) throw new TypeError('Unknown key');
    return createPublicKey(input);
  },
});
syncBuiltinESMExports();
