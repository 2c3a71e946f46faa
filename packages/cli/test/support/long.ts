/** Whether `npm run test:long` runs; `npm test` runs a part of each test that imports this. */
export const LONG = process.env['DTLS_TEST_LONG'] === '1';
