import { resolveLimits } from 'datagram-tls/core';

/** How much of everything one run affords. */
export interface Amounts {
  readonly ci: boolean;
  /** Seconds of a flood. */
  readonly seconds: number;
  /** Datagrams of a storm. */
  readonly storm: number;
  /** Clients with a whole handshake, or half of one. */
  readonly clients: number;
  /** Associations that fill the server. */
  readonly full: number;
  /** Limits of the server, which the crowds fill. */
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  readonly maxHandshakes: number;
  readonly maxUnreadBytesInAll: number;
  /** How long a silent client is kept, ms; 0: the server's defaults. */
  readonly patience: number;
}

/** The amounts for .ci/run: limits are low, so that small crowds fill them. */
export const CI: Amounts = {
  ci: true,
  seconds: 2.5,
  storm: 20,
  clients: 60,
  full: 240,
  maxSessions: 200,
  maxSessionsPerHost: 50,
  maxHandshakes: 100,
  maxUnreadBytesInAll: 0x80_0000,
  patience: 4000,
};

const { maxSessions, maxSessionsPerHost, maxHandshakes } = resolveLimits({});

/** The defaults of the library, completely filled. */
export const WHOLE: Amounts = {
  ci: false,
  seconds: 10,
  storm: 100,
  clients: 1200,
  full: 11_000,
  maxSessions,
  maxSessionsPerHost,
  maxHandshakes,
  maxUnreadBytesInAll: 0x400_0000,
  patience: 0,
};

/**
 * The attack that comes before the one that is measured: the server's code is warm after it, and its memory has grown.
 * It is as large as the measured one, and with --ci a third of it. Memory that each peer leaves behind shows either way.
 */
export function rehearsal(amounts: Amounts): Amounts {
  if (!amounts.ci) return amounts;
  const third = (n: number) => Math.ceil(n / 3);
  return {
    ...amounts,
    seconds: amounts.seconds / 3,
    storm: third(amounts.storm),
    clients: third(amounts.clients),
    full: third(amounts.full),
  };
}
