/** Loads the binaries of platforms that this machine is not of, and calls them beside the node:crypto of a Node of that platform. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foreignNode } from './foreign.mjs';
import { hostTarget, targets } from './targets.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const native = join(root, 'packages/native');
const TESTS = 'packages/datagram-tls/build/test/crypto/native';
/** Emulators take some milliseconds for each. */
const CALLS = '3000';
const LIMIT_MS = 60_000;
const LIMIT_OF_TESTS_MS = 240_000;
/** s. No further platform begins later; the longest that one may take beside it has room in the stage of `.ci/run`. */
const LAST_START = 90;

/** `tests`: those of the native part, too. `note(name, failure)` and `skip(name)` are told of each. */
export function loadForeign({ tests, note, skip }) {
  const end = process.uptime() + LAST_START;
  for (const target of targets.filter((one) => one !== hostTarget)) {
    const { name } = target;
    if (!tests && process.uptime() > end) {
      skip(`${name} is loaded: there was no time for it`);
      continue;
    }
    const file = join(native, 'build', `${name}.node`);
    const node = existsSync(file)
      ? foreignNode(target, join(root, '.cache/foreign'))
      : { missing: 'it is not built' };
    if (node.missing === undefined) loadOne(name, node, { tests, note, skip });
    else skip(`${name} is loaded: ${node.missing}`);
  }
}

function loadOne(name, node, { tests, note, skip }) {
  const expected = `${name}.node`;
  const which = `require('./packages/native'); const [, file] = Object.keys(require.cache);
    console.error(process.version, file.split(/[\\\\/]/).pop())`;
  // What `-e` would have to quote for Wine.
  const { status, said } = run(node, ['--input-type=commonjs', '--eval', which]);
  const [version, loaded] = said.trim().split(/\s+/).slice(-2);
  const isRight = status === 0 && loaded === expected;
  note(`${name} is what Node ${version} loads`, isRight ? undefined : said);
  if (!isRight) return;
  const fuzz = run(node, ['--expose-gc', 'packages/native/test/fuzz.cjs', `../build/${expected}`, CALLS]);
  note(`${name}: ${CALLS} random calls`, fuzz.status === 0 ? undefined : fuzz.said);
  if (!tests) return;
  if (!node.hasSuites) return skip(`${name}: the tests: its Node is too old for them`);
  for (const test of readdirSync(join(root, TESTS)).filter((one) => one.endsWith('.test.js'))) {
    const { status: result, said: output } = run(node, [`${TESTS}/${test}`], LIMIT_OF_TESTS_MS);
    const [, passed] = /^\S+ pass (\d+)$/m.exec(output) ?? [];
    note(`${name}: ${test}: ${passed} passed`, result === 0 ? undefined : output.slice(-4000));
  }
}

/** Wine's Node writes to files only. */
function run({ command, args, env }, more, limit = LIMIT_MS) {
  const folder = mkdtempSync(join(tmpdir(), 'foreign-'));
  const path = join(folder, 'output');
  const file = openSync(path, 'a');
  try {
    const { status, error } = spawnSync(command, [...args, ...more], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', file, file],
      timeout: limit,
    });
    return { status, said: error?.message ?? readFileSync(path, 'utf8') };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}
