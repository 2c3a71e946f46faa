import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { VERSIONS } from '../support/settings.js';

/** So many that what the process takes besides is little of each. */
const SESSIONS = 2000;
/** Bytes of a session, with its place in a list. Beside it the endpoint and the application keep 700 to 900 of it. */
const MOST = 3500;

suite('memory of an open session that rests', () => {
  for (const version of VERSIONS)
    test(`${version}: at most ${MOST} bytes, with the last flight of its handshake`, async (t) => {
      const program = fileURLToPath(new URL('resting-program.js', import.meta.url));
      const args = ['--no-opt', '--no-maglev', program, version, String(SESSIONS)];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000 });
      const each = Number.parseFloat(stdout);
      t.diagnostic(`${Math.round(each)} bytes`);
      assert.ok(each > 1000 && each <= MOST, `${each} bytes`);
    });
});
