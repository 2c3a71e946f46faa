export interface Entry {
  readonly name: string;
  readonly reason?: string | undefined;
}

export interface Tally {
  readonly passed: number;
  readonly failures: readonly Entry[];
  readonly skips: readonly Entry[];
}

export function reportOf(tally: Tally): string;
export function listedIn(output: string): Pick<Tally, 'failures' | 'skips'>;
