/** What a run of the repository's programs, and of .ci/run over them, says at its end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Entry {
  readonly name: string;
  readonly reason?: string;
}

interface Report {
  readonly reportOf: (tally: {
    passed: number;
    failures: readonly Entry[];
    skips: readonly Entry[];
  }) => string;
  readonly listedIn: (output: string) => { failures: readonly Entry[]; skips: readonly Entry[] };
}

const ROOT = new URL('../../../../../', import.meta.url);
const { reportOf, listedIn } = (await import(new URL('scripts/report.mjs', ROOT).href)) as Report;
const RULES = fileURLToPath(new URL('.ci/failures.awk', ROOT));
const SPACE = fileURLToPath(new URL('.ci/space.sh', ROOT));
const noAwk = spawnSync('awk', ['BEGIN { exit 0 }']).status === 0 ? false : 'awk is not installed';

const manyLines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}`).join('\n');
const log = (...failures: readonly Entry[]) => `✖ a line\n${reportOf({ passed: 1, failures, skips: [] })}\n`;

/** What .ci/run lists of the logs of these stages. */
function listed(logs: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'datagram-tls-report-'));
  try {
    const paths = Object.keys(logs).map((stage) => join(folder, stage));
    for (const path of paths) writeFileSync(path, logs[path.slice(folder.length + 1)] ?? '');
    const { stdout, stderr } = spawnSync('awk', ['-f', RULES, ...paths], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout.trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

suite('the end of a program that counts', () => {
  test('has failures and skips by name, each with its reason, and the counts last', () => {
    const report = reportOf({
      passed: 3,
      failures: [
        { name: 'one', reason: 'it is wrong' },
        { name: 'two', reason: 'first\n\nthird' },
      ],
      skips: [{ name: 'three', reason: 'no peer' }, { name: 'four' }],
    });
    assert.deepEqual(report.split('\n'), [
      '',
      'Failed:',
      '  one: it is wrong',
      '  two:',
      '      first',
      '      ',
      '      third',
      '',
      'Skipped:',
      '  three: no peer',
      '  four',
      '',
      '3 passed, 2 failed, 2 skipped',
    ]);
  });

  test('has the counts alone when all passed', () => {
    assert.equal(reportOf({ passed: 3, failures: [], skips: [] }), '\n3 passed, 0 failed, 0 skipped');
  });

  test('is read back by a program that runs another', () => {
    const failures = [{ name: 'one', reason: 'a\n  b' }, { name: 'two' }];
    const report = reportOf({ passed: 0, failures, skips: [{ name: 'three', reason: 'no peer' }] });
    const read = listedIn(report);
    assert.deepEqual(
      read.failures.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.equal(read.failures[0]?.reason, 'a\n  b\n');
    assert.deepEqual(
      read.skips.map(({ name }) => name),
      ['three: no peer'],
    );
  });
});

suite('the end of .ci/run', { skip: noAwk }, () => {
  test('names the failures of each stage, with their reasons', () => {
    const found = listed({
      runtimes: log({ name: 'Node 22: a test', reason: 'actual: 1' }),
      siege: reportOf({ passed: 1, failures: [], skips: [{ name: 'x', reason: 'y' }] }),
      test: log({ name: 'another', reason: 'two\nlines' }),
    });
    assert.deepEqual(found, [
      'Failed in runtimes:',
      '  Node 22: a test: actual: 1',
      'Failed in test:',
      '  another:',
      '      two',
      '      lines',
    ]);
  });

  test('names every failure where there is no room for all reasons', () => {
    const names = Array.from({ length: 30 }, (_, i) => `failure ${i + 1}`);
    const found = listed({ test: log(...names.map((name) => ({ name, reason: manyLines(100) }))) });
    for (const name of names) assert.ok(found.includes(`  ${name}:`), name);
    assert.ok(found.length < 100, `${found.length} lines`);
    assert.equal(found[2], '      line 1');
  });

  test('is no longer for a stage with thousands of failures, and says how many there are', () => {
    const failures = Array.from({ length: 5000 }, (_, i) => ({ name: `failure ${i + 1}`, reason: 'x\ny' }));
    const found = listed({ test: log(...failures) });
    assert.ok(found.length < 300, `${found.length} lines`);
    assert.equal(found.at(-1), '  and 4800 more');
  });
});

suite('a stage of .ci/run that failed', { skip: noAwk }, () => {
  const noBash = spawnSync('bash', ['-c', 'exit 0']).status === 0 ? false : 'bash is not installed';
  /** What the summary says of its space: of its log, and of the MB that were free meanwhile, where 68,000 are now. */
  function blamed(log: string, ...free: readonly number[]): string {
    const folder = mkdtempSync(join(tmpdir(), 'datagram-tls-space-'));
    try {
      writeFileSync(join(folder, 'log'), log);
      writeFileSync(join(folder, 'free'), free.map((mb) => `${mb}\n`).join(''));
      const script = `df() { printf 'Filesystem\\n/dev/disk 1 1 %s 1%% /\\n' ${68_000 * 1024}; }; . "$1"; space_blamed test log free`;
      const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', SPACE], {
        cwd: folder,
        encoding: 'utf8',
      });
      assert.equal(stderr, '');
      return stdout;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('failed on a full disk where little was free at any moment, or where a program says so', {
    skip: noBash,
  }, () => {
    assert.match(
      blamed('ENOENT: no such file or directory', 68_000, 12, 68_000),
      /^space {12}test failed .* 12 MB/,
    );
    assert.match(blamed('ENOSPC: no space left on device, write', 68_000), /^space {12}test failed/);
    assert.match(blamed('cc1: fatal error: No space left on device'), /^space {12}test failed/);
  });

  test('failed for another reason where there was room', { skip: noBash }, () => {
    assert.equal(blamed('ENOENT: no such file or directory', 900, 68_000), '');
  });
});
