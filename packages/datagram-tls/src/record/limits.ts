import type { AeadName } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import { MAX_SEQUENCE } from './sequence.js';
import type { WriterState } from './writer.js';

/** How long one key may serve in one direction. */
export interface KeyLimits {
  /** Records that may be sealed. */
  readonly sealed: number;
  /** Records that may fail authentication before the key must not be used any more. */
  readonly forged: number;
}

/** RFC 8446 §5.5 counts 2^24.5 full records for GCM; ChaCha20-Poly1305 outlasts the sequence numbers. */
const GCM_SEALED = Math.floor(2 ** 24.5);

/**
 * Blocks of CBC may collide, by the birthday bound, no sooner than it takes to tell GCM's from chance: the same number
 * serves. Nobody guesses a tag of 32 bytes.
 */
const CBC_LIMITS: KeyLimits = { sealed: GCM_SEALED, forged: 2 ** 36 };

/** RFC 9147 §4.5.3 and its appendix B. */
const LIMITS_13: Readonly<Record<AeadName, KeyLimits>> = {
  'aes-128-gcm': { sealed: GCM_SEALED, forged: 2 ** 36 },
  'aes-256-gcm': { sealed: GCM_SEALED, forged: 2 ** 36 },
  'chacha20-poly1305': { sealed: MAX_SEQUENCE + 1, forged: 2 ** 36 },
  'aes-128-ccm': { sealed: 2 ** 23, forged: Math.floor(2 ** 23.5) },
  'aes-256-ccm': { sealed: 2 ** 23, forged: Math.floor(2 ** 23.5) },
  // No RFC has a number that a stranger's junk would not reach at once. This one leaves a forger a chance of 2^-44.
  'aes-128-ccm-8': { sealed: 2 ** 23, forged: 2 ** 20 },
  'aes-256-ccm-8': { sealed: 2 ** 23, forged: 2 ** 20 },
};

/** RFC 9325 §4.4 allows fewer forgeries of GCM in 1.2, whose nonces are shorter; for the rest 1.3's numbers serve. */
const GCM_FORGED_12 = 2 ** 28;

export function limitsOf(suite: CipherSuite): KeyLimits {
  if (suite.aead === undefined) return CBC_LIMITS;
  const limits = LIMITS_13[suite.aead];
  if (suite.version === 'DTLSv1.3' || !suite.aead.endsWith('gcm')) return limits;
  return { ...limits, forged: GCM_FORGED_12 };
}

/** New keys are due when half the records are spent, which leaves time for a KeyUpdate that gets lost. */
export function writerState(sequence: number, limits: KeyLimits): WriterState {
  const left = Math.min(limits.sealed, MAX_SEQUENCE + 1) - sequence;
  if (left <= 1) return left === 1 ? 'last' : 'exhausted';
  return sequence * 2 >= limits.sealed ? 'update-due' : 'open';
}
