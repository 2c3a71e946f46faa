import type { FirstBytePlan } from './first-byte.js';
import type { Shape } from './server.js';

/**
 * The amount of one kind of work in a run: at most `count` operations in at most `seconds`, after `warmup` unmeasured
 * ones.
 */
export interface Amount {
  readonly count: number;
  readonly seconds: number;
  readonly warmup: number;
}

/** Work that is repeated in rounds. */
export interface Repeated extends Amount {
  /** Done once before the rounds, until the just-in-time compiler has finished. */
  readonly first: Amount;
  /** Seconds since the first round began; no further round begins after them. */
  readonly until: number;
}

/** Echoes and handshakes in a part of its own. */
export interface Turns {
  readonly rounds: number;
  readonly echo: Repeated;
  readonly handshake: Repeated;
}

/** Bounds of a whole run. */
export interface Plan {
  readonly floods: Repeated;
  readonly runtimes: Turns;
  readonly clients: Turns;
  readonly firstByte: FirstBytePlan;
  /** Associations of one server, and turns of records at each number. */
  readonly growth: { readonly counts: readonly number[]; readonly turns: number };
  readonly rounds: number;
  /** How often each program of the imports is started. */
  readonly starts: number;
  readonly echo: Repeated;
  readonly shapes: Repeated;
  readonly handshake: Repeated;
  readonly idle: Amount;
  /** Sessions that rest and hibernate, in each run, and in runs in which the peers' records have connection IDs. */
  readonly sleepers: { readonly counts: readonly number[]; readonly withIds: readonly number[] };
  /** Turns of records in one process, and associations among which a record is looked up. */
  readonly records: { readonly rounds: number; readonly associations: number };
  /** Phases of this length, without a flood and with one, after handshakes that show the server's capacity. */
  readonly flood: {
    readonly rounds: number;
    readonly ms: number;
    readonly first: { readonly count: number; readonly seconds: number };
  };
}

export const ECHO_SIZES = [64, 1200] as const;
export const ECHO_WINDOW = 32;

/** The forms of load in which echoes of one suite are compared. More on the way than these would overrun the sockets' buffers. */
export const SHAPES: readonly Shape[] = [
  { clients: 1, window: 32, size: 64 },
  { clients: 1, window: 1, size: 64 },
  { clients: 1, window: 32, size: 256 },
  { clients: 1, window: 32, size: 1200 },
  { clients: 8, window: 4, size: 64 },
  { clients: 8, window: 8, size: 1200 },
  { clients: 64, window: 1, size: 64 },
  { clients: 64, window: 1, size: 1200 },
];

/** Datagrams that a server receives, and answers, in a handshake of DTLS 1.2 with a cookie exchange, and its close. */
export const MESSAGES_PER_HANDSHAKE = 4;
/** Their average size, bytes. */
export const MESSAGE_SIZE = 150;

/** Parts that are the same in every form but the whole one. */
const SMALL = {
  floods: {
    ...{ count: 10_000, seconds: 0.3, warmup: 200, until: 8 },
    first: { count: 5_000, seconds: 0.4, warmup: 0 },
  },
  runtimes: {
    rounds: 1,
    echo: {
      ...{ count: 3_000, seconds: 1, warmup: 300, until: 12 },
      first: { count: 5_000, seconds: 2, warmup: 0 },
    },
    handshake: {
      ...{ count: 60, seconds: 0.5, warmup: 10, until: 12 },
      first: { count: 200, seconds: 1, warmup: 0 },
    },
  },
  clients: {
    rounds: 1,
    echo: {
      ...{ count: 3_000, seconds: 0.5, warmup: 300, until: 8 },
      first: { count: 3_000, seconds: 0.5, warmup: 0 },
    },
    handshake: {
      ...{ count: 60, seconds: 1, warmup: 10, until: 8 },
      first: { count: 100, seconds: 1, warmup: 0 },
    },
  },
  firstByte: { clients: 4, connections: 2, lossy: 4 },
  growth: { counts: [1, 100, 1_000], turns: 20 },
} as const satisfies Partial<Plan>;

export const DEFAULT_PLAN: Plan = {
  floods: {
    ...{ count: 40_000, seconds: 0.6, warmup: 500, until: 30 },
    first: { count: 20_000, seconds: 0.8, warmup: 0 },
  },
  runtimes: {
    rounds: 3,
    echo: {
      ...{ count: 8_000, seconds: 0.6, warmup: 500, until: 40 },
      first: { count: 15_000, seconds: 1, warmup: 0 },
    },
    handshake: {
      ...{ count: 200, seconds: 1, warmup: 20, until: 60 },
      first: { count: 1_500, seconds: 2, warmup: 0 },
    },
  },
  clients: {
    rounds: 3,
    echo: {
      ...{ count: 8_000, seconds: 1, warmup: 500, until: 25 },
      first: { count: 8_000, seconds: 1, warmup: 0 },
    },
    handshake: {
      ...{ count: 200, seconds: 1, warmup: 20, until: 25 },
      first: { count: 300, seconds: 2, warmup: 0 },
    },
  },
  firstByte: { clients: 4, connections: 3, lossy: 12 },
  growth: { counts: [1, 100, 10_000], turns: 400 },
  rounds: 5,
  starts: 15,
  echo: {
    ...{ count: 15_000, seconds: 1.2, warmup: 1_500, until: 100 },
    first: { count: 20_000, seconds: 1.5, warmup: 0 },
  },
  shapes: {
    ...{ count: 12_000, seconds: 1, warmup: 1_000, until: 130 },
    first: { count: 10_000, seconds: 1, warmup: 0 },
  },
  handshake: {
    ...{ count: 800, seconds: 3, warmup: 200, until: 170 },
    first: { count: 5_000, seconds: 6, warmup: 0 },
  },
  idle: { count: 20_000, seconds: 120, warmup: 500 },
  sleepers: { counts: [1_000, 20_000, 100_000], withIds: [1_000, 20_000] },
  records: { rounds: 1_000, associations: 10_000 },
  flood: { rounds: 9, ms: 1_000, first: { count: 1_500, seconds: 6 } },
};

/** That of `.ci/run`: few servers, of which the ratios are gated. */
export const SHORT_PLAN: Plan = {
  ...SMALL,
  rounds: 5,
  starts: 3,
  echo: {
    ...{ count: 5_000, seconds: 0.5, warmup: 500, until: 15 },
    first: { count: 15_000, seconds: 1.5, warmup: 0 },
  },
  shapes: {
    ...{ count: 2_000, seconds: 0.2, warmup: 200, until: 10 },
    first: { count: 2_000, seconds: 0.2, warmup: 0 },
  },
  handshake: {
    ...{ count: 150, seconds: 0.7, warmup: 10, until: 25 },
    first: { count: 1_500, seconds: 2.5, warmup: 0 },
  },
  idle: { count: 200, seconds: 4, warmup: 100 },
  sleepers: { counts: [500], withIds: [500] },
  records: { rounds: 100, associations: 1_000 },
  flood: { rounds: 3, ms: 500, first: { count: 500, seconds: 2 } },
};

export const QUICK_PLAN: Plan = {
  ...SMALL,
  rounds: 3,
  starts: 7,
  echo: {
    ...{ count: 4_000, seconds: 0.4, warmup: 500, until: 12 },
    first: { count: 5_000, seconds: 0.5, warmup: 0 },
  },
  shapes: {
    ...{ count: 4_000, seconds: 0.4, warmup: 500, until: 30 },
    first: { count: 4_000, seconds: 0.4, warmup: 0 },
  },
  handshake: {
    ...{ count: 100, seconds: 0.5, warmup: 10, until: 25 },
    first: { count: 600, seconds: 1.5, warmup: 0 },
  },
  idle: { count: 500, seconds: 4, warmup: 200 },
  sleepers: { counts: [1_000], withIds: [1_000] },
  records: { rounds: 400, associations: 10_000 },
  flood: { rounds: 3, ms: 600, first: { count: 600, seconds: 3 } },
};
