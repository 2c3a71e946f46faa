/** Whether `npm run test:long` runs: every case of a test with very many. `npm test` runs a part of them. */
export const LONG = process.env['DTLS_TEST_LONG'] === '1';

const PART = 8;

/** How many of `all` cases to run; otherwise one of `part`. */
export function casesOf(all: number, part = PART): number {
  return LONG ? all : Math.ceil(all / part);
}

/** The step through all places of something, so that every place is visited in a long run. */
export const STEP = LONG ? 1 : PART;
