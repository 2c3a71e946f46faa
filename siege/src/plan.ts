/** How much of everything one run affords. */
export interface Amounts {
  readonly ci: boolean;
  /** Seconds of what is sent at a rate. */
  readonly seconds: number;
  /** Datagrams of a storm. */
  readonly storm: number;
  /** Clients that do a handshake, or half of one. */
  readonly clients: number;
  /** Associations that fill the server. */
  readonly full: number;
  /** The server's limits on them; 0: its defaults. */
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  /** How long a silent client is kept, ms; 0: the server's defaults. */
  readonly patience: number;
}

/** What .ci/run affords: limits are set low instead of being filled. */
export const CI: Amounts = {
  ci: true,
  seconds: 2.5,
  storm: 20,
  clients: 60,
  full: 240,
  maxSessions: 200,
  maxSessionsPerHost: 50,
  patience: 4000,
};

/** The defaults of the library, filled to the brim. */
export const WHOLE: Amounts = {
  ci: false,
  seconds: 10,
  storm: 100,
  clients: 1200,
  full: 11_000,
  maxSessions: 0,
  maxSessionsPerHost: 0,
  patience: 0,
};

/** A tenth of an attack, by which the server's code is warm and its memory grown to what it needs. */
export function rehearsal(amounts: Amounts): Amounts {
  const tenth = (n: number) => Math.ceil(n / 10);
  return {
    ...amounts,
    seconds: amounts.seconds / 10,
    storm: tenth(amounts.storm),
    clients: tenth(amounts.clients),
    full: tenth(amounts.full),
  };
}
