import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

// Siege case F8: `npm test -- PATH` ran everything when PATH was that of a source.

const RUNNER = fileURLToPath(new URL('../../../../scripts/test.mjs', import.meta.url));

function runTests(fragment: string): { readonly status: number | null; readonly stdout: string } {
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return spawnSync(process.execPath, [RUNNER, '--no-build', fragment], { encoding: 'utf8', env });
}

for (const fragment of ['packages/cli/test/lines.test.ts', 'cli/test/lines', 'cli/build/test/lines']) {
  test(`npm test -- ${fragment} runs that file alone`, { timeout: 60_000 }, () => {
    const { status, stdout } = runTests(fragment);
    assert.equal(status, 0, stdout);
    assert.deepEqual(stdout.match(/^✔ \S+/gm), ['✔ packages/cli/test/lines.test.ts']);
  });
}

test('npm test with a path that no test file has says so and runs nothing', { timeout: 60_000 }, () => {
  const { status, stdout } = runTests('cli/test/nowhere');
  assert.equal(status, 1);
  assert.match(stdout, /no test file has "cli\/test\/nowhere" in its path/);
  assert.match(stdout, /^0 passed, 1 failed, 0 skipped$/m);
});
