import { type AeadSuite, type CbcSuite, SUITES } from '#lib/crypto/suites.js';

/** A suite with an AEAD, by either of its names. */
export function aeadSuite(name: string): AeadSuite {
  for (const suite of SUITES)
    if (suite.aead !== undefined && (suite.name === name || suite.opensslName === name)) return suite;
  throw new Error(`there is no AEAD suite ${name}`);
}

/** The suites with CBC. */
export const CBC_SUITES: readonly CbcSuite[] = SUITES.filter((suite) => suite.aead === undefined);
