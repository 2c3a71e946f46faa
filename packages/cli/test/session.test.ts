import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertRefused, dtls, pinOf, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

function sessionFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'session');
}

test(
  '--session keeps a session readable by its owner alone and resumes it, each time another',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['-v']);
    const file = sessionFile(t);
    const args = ['client', server.address, '--pin', await pinOf(server), '--session', file, '-v'];
    const first = await dtls(args, 'one\n');
    assert.deepEqual([first.code, first.stdout], [0, 'Echo: one\n'], first.stderr);
    assert.doesNotMatch(first.stderr, /resumed/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const kept = readFileSync(file);
    // What comes into its place is for the owner alone, whatever the file was.
    chmodSync(file, 0o644);
    const second = await dtls(args, 'two\n');
    assert.deepEqual([second.code, second.stdout], [0, 'Echo: two\n'], second.stderr);
    assert.match(second.stderr, /open: .*signature none, resumed, /);
    assert.match(second.stderr, /certificate sha256:[0-9a-f]{64}, .*, verified/);
    assert.match(server.process.stderr, /open: .*resumed/);
    assert.notDeepEqual(readFileSync(file), kept);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  },
);

test('--session with a server that gives none leaves no file', PATIENCE, async (t) => {
  const server = await startServer(t, ['--psk', 'pump:00ff']);
  const file = sessionFile(t);
  const client = await dtls(['client', server.address, '--psk', 'pump:00ff', '--session', file], 'one\n');
  assert.deepEqual([client.code, client.stdout], [0, 'Echo: one\n'], client.stderr);
  assert.ok(!existsSync(file));
});

test('--session names a file that is not a session, or cannot be read', PATIENCE, async (t) => {
  const file = sessionFile(t);
  writeFileSync(file, 'junk');
  assertRefused(
    await dtls(['client', '127.0.0.1:9', '--session', file]),
    2,
    /--session is not a session/,
    true,
  );
  assert.equal(readFileSync(file, 'utf8'), 'junk');
  const folder = await dtls(['client', '127.0.0.1:9', '--session', tmpdir()]);
  assertRefused(folder, 2, /--session: cannot read /);
});

test('--session is for clients', PATIENCE, async () => {
  assertRefused(await dtls(['server', '127.0.0.1:0', '--session', 'x']), 2, /--session/, true);
});

test(
  '--early-data is answered early where --max-early-data allows it, and as usual before there is a session',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['-v', '--max-early-data', '100']);
    const file = sessionFile(t);
    const args = ['client', server.address, '--pin', await pinOf(server), '--session', file, '-v'];
    const first = await dtls([...args, '--early-data', 'early one'], 'one\n');
    assert.deepEqual([first.code, first.stdout], [0, 'Echo: early one\nEcho: one\n'], first.stderr);
    assert.match(first.stderr, /open: .*early data refused/);
    const second = await dtls([...args, '--early-data', 'early two'], 'two\n');
    assert.deepEqual([second.code, second.stdout], [0, 'Echo: early two\nEcho: two\n'], second.stderr);
    assert.match(
      second.stderr,
      /early data offered[\s\S]*early data accepted[\s\S]*open: .*resumed, early data accepted/,
    );
    assert.match(server.process.stderr, /early data accepted/);
  },
);

test('--early-data needs --session, and each flag is for one side', PATIENCE, async () => {
  const alone = await dtls(['client', '127.0.0.1:9', '--early-data', 'x']);
  assertRefused(alone, 2, /--early-data needs --session/, true);
  assertRefused(await dtls(['server', '127.0.0.1:0', '--early-data', 'x']), 2, /--early-data/, true);
  assertRefused(await dtls(['client', '127.0.0.1:9', '--max-early-data', '5']), 2, /--max-early-data/, true);
  const tooMuch = await dtls(['server', '127.0.0.1:0', '--max-early-data', '70000']);
  assertRefused(tooMuch, 2, /--max-early-data .*65536/, true);
});

test('--session in a missing folder is refused before anything is sent', PATIENCE, async (t) => {
  // Siege case F4.
  const file = join(sessionFile(t), 'nowhere', 'session');
  const finished = await dtls(['client', '127.0.0.1:9', '--session', file]);
  assertRefused(finished, 2, /--session: cannot write '.*nowhere\/session': .*\(ENOENT\)$/);
});
