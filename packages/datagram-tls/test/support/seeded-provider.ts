import { createECDH, createPrivateKey } from 'node:crypto';
import { concat } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { EcdhExchange, X25519Exchange } from '#lib/crypto/node-exchange.js';
import type { CryptoProvider, KeyExchange } from '#lib/crypto/provider.js';
import type { GroupName } from '#lib/wire/codes.js';
import type { Random } from './random.js';

/** PKCS#8 around the 32 bytes of an X25519 key (RFC 8410 §7). */
const X25519_PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

/**
 * The real provider with repeatable randomness. With X25519 or P-256 and an Ed25519 certificate a whole handshake is
 * repeatable to the byte.
 */
export function seededProvider(random: Random): CryptoProvider {
  const startKeyExchange = (group: GroupName): KeyExchange => {
    if (group === 'x25519') {
      const key = Buffer.from(concat(X25519_PKCS8, random.bytes(32)));
      return new X25519Exchange(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
    }
    if (group === 'secp256r1') {
      const ecdh = createECDH('prime256v1');
      ecdh.setPrivateKey(concat(Uint8Array.of(1), random.bytes(31)));
      return new EcdhExchange(group, ecdh);
    }
    return nodeProvider.startKeyExchange(group);
  };
  return {
    ...nodeProvider,
    randomBytes: (length) => random.bytes(length),
    startKeyExchange,
    answerKeyExchange: (group, peerShare) => {
      if (group !== 'x25519' && group !== 'secp256r1')
        return nodeProvider.answerKeyExchange(group, peerShare);
      const exchange = startKeyExchange(group);
      const secret = exchange.finish(peerShare);
      return secret === undefined ? undefined : { share: exchange.share, secret };
    },
  };
}
