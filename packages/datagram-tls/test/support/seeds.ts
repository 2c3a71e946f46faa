import { casesOf } from './long.js';

const GIVEN = process.env['DTLS_SEED'];

/** One seed alone is played, by `DTLS_SEED`: nothing is to be said of many. */
export const ONE_SEED = GIVEN !== undefined;

/** `all` seeds of a simulation from `first` on in a long run, and otherwise one of `part`. */
export function seedsOf(all: number, part?: number, first = 1): number[] {
  return GIVEN === undefined
    ? Array.from({ length: casesOf(all, part) }, (_, i) => first + i)
    : [Number(GIVEN)];
}

/** Runs `play`; the message of an error then begins with the command that plays this seed of this test file again. */
export function playSeed<T>(seed: number, file: string, play: () => T): T {
  try {
    return play();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`DTLS_SEED=${seed} npm test -- ${file}: ${message}`, { cause });
  }
}
