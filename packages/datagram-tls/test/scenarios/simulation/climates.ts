import assert from 'node:assert/strict';
import { CLIENTS } from '../../support/identities.js';
import type { Weather } from '../../support/network.js';
import { Random } from '../../support/random.js';
import { playSeed } from '../../support/seeds.js';
import type { TestedVersion } from '../../support/settings.js';
import { type LifeOptions, live, type Outcome } from './life.js';

/**
 * Longer than any run: the handshake is over when it succeeds or gives up by its own rules. A server without state needs all fragments
 * of one ClientHello: with a loss of 30 % an attempt with four of them, which takes a minute in the end, is answered once in six.
 */
const PATIENT = { handshakeTimeout: 1_500_000 };

export interface Climate {
  readonly name: string;
  /** In a long run of its test; otherwise a part of them. */
  readonly seeds: number;
  readonly weather: (random: Random) => Partial<Weather>;
  readonly options?: LifeOptions;
  /** Where there is but one. */
  readonly version?: 'DTLSv1.3';
  /** Codes that a handshake may fail with; none: every one of them has to succeed. */
  readonly mayFail?: readonly string[];
  /** The least share of handshakes that succeed, where not all have to. */
  readonly least?: number;
}

export const CLIMATES: readonly Climate[] = [
  {
    name: 'loss of up to 30 % with reordering: every handshake succeeds',
    seeds: 1000,
    weather: (random) => ({ loss: random.fraction() * 0.3, jitter: random.below(400) }),
    options: { clientBehaviour: PATIENT, serverBehaviour: PATIENT },
  },
  {
    name: 'heavy reordering and duplication without loss: every handshake succeeds',
    seeds: 800,
    weather: (random) => ({ duplication: random.fraction(), jitter: random.below(3000) }),
  },
  {
    name: 'small datagrams, whose messages come in many fragments, with loss and reordering: every handshake succeeds',
    seeds: 600,
    weather: (random) => ({ loss: random.fraction() * 0.2, duplication: 0.1, jitter: random.below(200) }),
    options: {
      clientBehaviour: { ...PATIENT, mtu: 256 },
      serverBehaviour: { ...PATIENT, mtu: 256 },
    },
  },
  {
    name: 'a path whose MTU changes under way, never below 256 bytes: every handshake succeeds',
    seeds: 600,
    weather: (random) => ({
      loss: random.fraction() * 0.1,
      jitter: random.below(100),
      mtu: changingMtu(random),
    }),
    options: { clientBehaviour: PATIENT, serverBehaviour: PATIENT },
  },
  {
    name: 'client certificates and slow signatures, with loss and reordering: every handshake succeeds',
    seeds: 400,
    weather: (random) => ({ loss: random.fraction() * 0.25, duplication: 0.2, jitter: random.below(300) }),
    options: {
      client: { ...CLIENTS.ed25519 },
      server: { requestCert: true },
      clientBehaviour: PATIENT,
      serverBehaviour: PATIENT,
      jobs: 1700,
    },
  },
  {
    name: 'sessions that are resumed, mutual and in small datagrams, with loss and reordering: every one goes on',
    seeds: 600,
    weather: (random) => ({ loss: random.fraction() * 0.3, duplication: 0.1, jitter: random.below(300) }),
    options: {
      resumes: true,
      client: { ...CLIENTS.ed25519 },
      server: { requestCert: true },
      clientBehaviour: { ...PATIENT, mtu: 400 },
      serverBehaviour: { ...PATIENT, mtu: 400 },
    },
  },
  {
    name: 'key updates of either side and of both at once, with loss and reordering: every message that arrives is read',
    seeds: 1000,
    version: 'DTLSv1.3',
    weather: (random) => ({ loss: random.fraction() * 0.3, duplication: 0.1, jitter: random.below(60) }),
    options: { keyUpdates: true, clientBehaviour: PATIENT, serverBehaviour: PATIENT },
  },
  {
    name: 'loss of 40 to 70 %: a handshake that fails has run out of time',
    seeds: 400,
    weather: (random) => ({ loss: 0.4 + random.fraction() * 0.3, jitter: random.below(400) }),
    mayFail: ['ERR_DTLS_HANDSHAKE_TIMEOUT'],
    least: 0.3,
  },
  {
    // Unauthenticated data can be changed into anything: another message, a wrong length, an alert.
    name: 'corruption of up to 20 %: a message corrupted before there are keys may end in a clear error, nothing else',
    seeds: 1000,
    weather: (random) => ({
      corruption: random.fraction() * 0.2,
      duplication: random.fraction() * 0.1,
      jitter: random.below(100),
    }),
    mayFail: [
      'ERR_DTLS_HANDSHAKE_TIMEOUT',
      'ERR_DTLS_PEER_ALERT',
      'ERR_DTLS_BAD_SIGNATURE',
      'ERR_DTLS_NO_SHARED_CIPHER',
      'ERR_DTLS_NO_SHARED_GROUP',
      'ERR_DTLS_NO_SHARED_SIGNATURE',
      'ERR_DTLS_UNSUPPORTED_VERSION',
      'ERR_DTLS_CERTIFICATE',
      'ERR_DTLS_BAD_CERTIFICATE',
      'ERR_DTLS_DECODE_ERROR',
      'ERR_DTLS_DECRYPT_ERROR',
      'ERR_DTLS_HANDSHAKE_FAILURE',
      'ERR_DTLS_ILLEGAL_PARAMETER',
      'ERR_DTLS_PROTOCOL_VERSION',
      'ERR_DTLS_UNEXPECTED_MESSAGE',
      'ERR_DTLS_UNSUPPORTED_CERTIFICATE',
      'ERR_DTLS_UNSUPPORTED_EXTENSION',
      'ERR_DTLS_INAPPROPRIATE_FALLBACK',
      'ERR_DTLS_MISSING_EXTENSION',
    ],
    least: 0.6,
  },
];

/** One association in this climate; it throws unless it connects, or fails as this climate excuses. */
export function liveIn(climate: Climate, version: TestedVersion, seed: number): Outcome {
  const weather = climate.weather(new Random(seed + 0x2000_0000));
  // In DTLS 1.3 a cookie that expires ends the handshake (RFC 9147 §5.1).
  const limits = { cookieLifetime: PATIENT.handshakeTimeout };
  return playSeed(seed, 'weather', () =>
    check(climate, live({ version, seed, weather, limits, ...climate.options })),
  );
}

/** A failure is one that this climate excuses, on each side. */
function check({ mayFail = [] }: Climate, outcome: Outcome): Outcome {
  const { pair, connected } = outcome;
  if (connected) return outcome;
  pair.explain(() => {
    assert.ok(mayFail.length > 0, 'the handshake failed');
    for (const side of [pair.client, pair.server]) {
      if (side.error !== undefined)
        assert.ok(mayFail.includes(side.error.code), `the ${side.role} failed with ${side.error.code}`);
    }
  });
  return outcome;
}

/** Some value from 256 to 1500, and another every few seconds. */
function changingMtu(random: Random): (now: number) => number {
  const sizes = Array.from({ length: 16 }, () => random.pick([256, 300, 400, 548, 600, 900, 1200, 1500]));
  const period = random.between(500, 8000);
  return (now) => sizes[Math.floor(now / period) % sizes.length] as number;
}
