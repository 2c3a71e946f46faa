import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto';
import { concat } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { EcdhExchange, X25519Exchange } from '#lib/crypto/node-exchange.js';
import type { CryptoProvider, KeyExchange } from '#lib/crypto/provider.js';
import type { GroupName } from '#lib/wire/codes.js';
import { Random } from './random.js';

/** PKCS#8 around the 32 bytes of an X25519 key (RFC 8410 §7). */
const X25519_PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

/** Ephemeral keys to choose from: reading one costs more than all else in a handshake. */
const POOL = 64;
const pool: KeyObject[] = [];

function x25519Key(random: Random): KeyObject {
  const which = random.below(POOL);
  pool[which] ??= createPrivateKey({
    key: Buffer.from(concat(X25519_PKCS8, new Random(which).bytes(32))),
    format: 'der',
    type: 'pkcs8',
  });
  return pool[which];
}

/**
 * The real provider with repeatable randomness. With X25519 or P-256 and an Ed25519 certificate a whole handshake is
 * repeatable to the byte.
 */
export function seededProvider(random: Random): CryptoProvider {
  const startKeyExchange = (group: GroupName): KeyExchange => {
    if (group === 'x25519') return new X25519Exchange(x25519Key(random));
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
