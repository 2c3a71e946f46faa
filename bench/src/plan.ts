/** How much of one kind of work a run does: at most `count` operations in at most `seconds`, after `warmup` unmeasured ones. */
export interface Amount {
  readonly count: number;
  readonly seconds: number;
  readonly warmup: number;
}

/** Bounds of a whole run. The `until` times are seconds since its start: no further round of that part begins after them. */
export interface Plan {
  readonly rounds: number;
  readonly echo: Amount & { readonly until: number };
  readonly handshake: Amount & { readonly until: number };
  readonly idle: Amount;
}

export const ECHO_SIZES = [64, 1200] as const;
export const ECHO_WINDOW = 32;

export const DEFAULT_PLAN: Plan = {
  rounds: 5,
  echo: { count: 15_000, seconds: 1.2, warmup: 1_500, until: 90 },
  handshake: { count: 400, seconds: 1.5, warmup: 20, until: 120 },
  idle: { count: 2_000, seconds: 20, warmup: 500 },
};

export const QUICK_PLAN: Plan = {
  rounds: 3,
  echo: { count: 4_000, seconds: 0.4, warmup: 500, until: 16 },
  handshake: { count: 100, seconds: 0.5, warmup: 10, until: 22 },
  idle: { count: 500, seconds: 4, warmup: 200 },
};
