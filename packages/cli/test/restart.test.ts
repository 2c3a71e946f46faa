import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stateFile, successor } from './restart.js';
import {
  assertRefused,
  dtls,
  pinOf,
  type Running,
  type Server,
  start,
  startProcess,
  startServerProcess,
} from './running.js';

const PATIENCE = { timeout: 60_000 };
const NO_OPENSSL = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

/** A client that has had an echo. */
async function talkingClient(t: TestContext, server: Server, ...more: string[]): Promise<Running> {
  const client = startProcess(t, ['client', server.address, '--pin', await pinOf(server), ...more]);
  client.stdin.write('before\n');
  await client.shows('stdout', /Echo: before\n/);
  return client;
}

async function lastEcho(client: Running, line: string): Promise<void> {
  client.stdin.write(`${line}\n`);
  await client.shows('stdout', new RegExp(`Echo: ${line}\n`));
  client.stdin.end();
}

for (const version of ['DTLSv1.2', 'DTLSv1.3'])
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`a client of ${version} goes on with the next server after ${signal}`, PATIENCE, async (t) => {
      const state = ['--state', stateFile(t)];
      const server = await startServerProcess(t, [...state, '-v']);
      const client = await talkingClient(t, server, '--max-version', version, '-v');
      const ended = await server.process.interrupt(signal);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stderr, / goes on with the next server\ndtls: kept 1 session in .*\/state\n$/);
      const next = await successor(t, server, [...state, '-v']);
      client.stdin.write('after\n');
      await client.shows('stdout', /Echo: after\n/);
      // No goodbye of the first server. That of the second may come later than a client waits for it.
      assert.doesNotMatch(client.stderr, / close_notify\n/);
      client.stdin.end();
      const { code, stdout, stderr } = await client.finished;
      assert.deepEqual([code, stdout], [0, 'Echo: before\nEcho: after\n'], stderr);
      // One handshake.
      assert.equal(stderr.match(/ open: /g)?.length, 1);
      assert.equal(stderr.match(/ sent .*close_notify\n/g)?.length, 1);
      assert.match(next.stderr, /went on with 1 session of .*\/state\n/);
      assert.doesNotMatch(next.stderr, /client_hello/);
    });

test('openssl s_client goes on with the next server', { ...PATIENCE, skip: NO_OPENSSL }, async (t) => {
  const state = ['--state', stateFile(t)];
  const server = await startServerProcess(t, state);
  const child = spawn('openssl', ['s_client', '-dtls1_2', '-quiet', '-connect', server.address]);
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const echo = async (line: string): Promise<void> => {
    child.stdin.write(`${line}\n`);
    while (!output.includes(`Echo: ${line}\n`))
      await new Promise((resolve) => child.stdout.once('data', resolve));
  };
  await echo('before');
  assert.match((await server.process.interrupt('SIGTERM')).stderr, /kept 1 session in /);
  const next = await successor(t, server, [...state, '-v']);
  await echo('after');
  assert.doesNotMatch(next.stderr, /client_hello/);
});

test('a client goes on through three servers, each of which has the state once', PATIENCE, async (t) => {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  const client = await talkingClient(t, server);
  await server.process.interrupt('SIGTERM');
  const second = await successor(t, server, ['--state', file]);
  assert.ok(!existsSync(file));
  client.stdin.write('second\n');
  await client.shows('stdout', /Echo: second\n/);
  await second.interrupt('SIGTERM');
  await successor(t, server, ['--state', file]);
  await lastEcho(client, 'third');
  const { code, stdout } = await client.finished;
  assert.deepEqual([code, stdout], [0, 'Echo: before\nEcho: second\nEcho: third\n']);
});

test('a client that sends while no server runs loses that, and goes on', PATIENCE, async (t) => {
  const state = ['--state', stateFile(t)];
  const server = await startServerProcess(t, state);
  const args = ['client', server.address, '--pin', await pinOf(server)];
  const client = start(t, args, { NODE_DEBUG: 'dtls' });
  client.stdin.write('before\n');
  await client.shows('stdout', /Echo: before\n/);
  await server.process.interrupt('SIGTERM');
  const said = client.stderr.length;
  // Longer than what the client may repeat of its handshake.
  client.stdin.write(`${'lost'.repeat(200)}\n`);
  await client.shows('stderr', new RegExp(`^[^]{${said},} sent [89]\\d\\d bytes\n`));
  await successor(t, server, state);
  await lastEcho(client, 'after');
  const { code, stdout } = await client.finished;
  assert.deepEqual([code, stdout], [0, 'Echo: before\nEcho: after\n']);
});

test('the state and the key that is made for it are readable by their owner alone', PATIENCE, async (t) => {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
  const key = readFileSync(`${file}.key`);
  assert.equal(key.length, 32);
  await talkingClient(t, server);
  await server.process.interrupt('SIGTERM');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await successor(t, server, ['--state', file]);
  assert.ok(!existsSync(file));
  assert.deepEqual(readFileSync(`${file}.key`), key);
});

/** What a server says and still does when it finds the state of one session, damaged. */
async function startedWith(t: TestContext, damage: (state: Buffer) => Buffer): Promise<string> {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  await talkingClient(t, server);
  await server.process.interrupt('SIGTERM');
  writeFileSync(file, damage(readFileSync(file)));
  const next = await successor(t, server, ['--state', file]);
  assert.ok(!existsSync(file));
  const newClient = await dtls(['client', server.address, '--insecure'], 'new\n');
  assert.equal(newClient.stdout, 'Echo: new\n', newClient.stderr);
  return next.stderr;
}

test('a file that is not a state is reported, and new clients are served', PATIENCE, async (t) => {
  const said = await startedWith(t, () => Buffer.from('junk'));
  assert.match(said, /--state: '.*\/state' is damaged: it is not a file of dtls server --state\n/);
  assert.match(said, /went on with 0 sessions /);
});

test('a state that is cut off is reported, and new clients are served', PATIENCE, async (t) => {
  const said = await startedWith(t, (state) => state.subarray(0, -1));
  assert.match(said, /--state: '.*\/state' is damaged: it ends after 0 of 1 sessions\n/);
});

test('bytes after the last session are reported, and the sessions go on', PATIENCE, async (t) => {
  const said = await startedWith(t, (state) => Buffer.concat([state, Buffer.of(0)]));
  assert.match(said, /is damaged: there is more after the last session\n/);
  assert.match(said, /went on with 1 session /);
});

test('a server elsewhere says where the sessions were served, and goes on with them', PATIENCE, async (t) => {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  await talkingClient(t, server);
  await server.process.interrupt('SIGTERM');
  const next = await startServerProcess(t, ['--state', file]);
  const { stderr } = next.process;
  const said = /--state: the sessions of '.*' were served on (.*), and this server is on (.*)\n/.exec(stderr);
  assert.deepEqual(said?.slice(1), [server.address, next.address], stderr);
  assert.match(stderr, /went on with 1 session of /);
});

test('a server that restarts at the same address does not mention the address', PATIENCE, async (t) => {
  assert.doesNotMatch(await startedWith(t, (state) => state), /were served on|damaged/);
});

test('a state of the format before is read, which has no address', PATIENCE, async (t) => {
  const said = await startedWith(t, (state) => {
    const length = state.readUInt32BE(16);
    return Buffer.concat([Buffer.from('dtls sessions 1\n'), state.subarray(20 + length)]);
  });
  assert.match(said, /went on with 1 session of /);
  assert.doesNotMatch(said, /were served on|damaged/);
});

for (const [what, damage] of [
  ['with control characters', (state) => state.fill(0x1b, 20, 21)],
  ['that is longer than the file', (state) => state.fill(0xff, 16, 20)],
  ['of no characters', (state) => state.fill(0, 16, 20)],
  ['that is cut off', (state) => state.subarray(0, 24)],
] satisfies readonly [string, (state: Buffer) => Buffer][])
  test(`an address ${what} is no address of a state`, PATIENCE, async (t) => {
    const said = await startedWith(t, damage);
    assert.match(said, /--state: '.*\/state' is damaged: it is not a file of dtls server --state\n/);
    assert.match(said, /went on with 0 sessions /);
  });

test('a changed session is reported with the reason, and new clients are served', PATIENCE, async (t) => {
  const said = await startedWith(t, (state) => {
    state.writeUInt8(state.readUInt8(state.length - 1) ^ 1, state.length - 1);
    return state;
  });
  assert.match(said, /dtls: session 1 cannot go on: .*another key.*\(ERR_DTLS_STATE\)\n/);
  assert.match(said, /went on with 0 sessions /);
});

test('--state-key takes 32 bytes or 64 hexadecimal digits, the same key for both', PATIENCE, async (t) => {
  const file = stateFile(t);
  const [raw, hex] = [`${file}.raw`, `${file}.hex`];
  const key = Buffer.alloc(32, 0xa7);
  writeFileSync(raw, key);
  writeFileSync(hex, `${key.toString('hex')}\n`);
  const server = await startServerProcess(t, ['--state', file, '--state-key', raw]);
  const client = await talkingClient(t, server);
  await server.process.interrupt('SIGTERM');
  await successor(t, server, ['--state', file, '--state-key', hex]);
  await lastEcho(client, 'after');
  assert.equal((await client.finished).stdout, 'Echo: before\nEcho: after\n');
  assert.ok(!existsSync(`${file}.key`));
});

test('a key of another size, a missing one, and one without --state are refused', PATIENCE, async (t) => {
  const file = stateFile(t);
  const key = `${file}.short`;
  writeFileSync(key, 'short');
  const args = ['server', '127.0.0.1:0', '--state-key', key];
  assertRefused(
    await dtls([...args, '--state', file]),
    2,
    /--state-key: cannot use '.*short': it has 5 bytes; 32/,
  );
  assertRefused(await dtls(args), 2, /--state-key needs --state/, true);
  rmSync(key);
  assertRefused(await dtls([...args, '--state', file]), 2, /--state-key: cannot read '.*short'/);
});

test('--state in a missing folder, or with the name of a folder, is refused at once', PATIENCE, async (t) => {
  const file = stateFile(t);
  const missing = await dtls(['server', '127.0.0.1:0', '--state', `${file}/none/state`]);
  assertRefused(missing, 2, /--state: cannot write '.*none\/state': .*\(ENO(ENT|TDIR)\)/);
  const folder = await dtls(['server', '127.0.0.1:0', '--state', dirname(file)]);
  assertRefused(folder, 2, /--state: cannot use '.*': it is not a regular file/);
});

test('a state that cannot be written closes the sessions, and the status is 1', PATIENCE, async (t) => {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  const client = await talkingClient(t, server, '-v');
  rmSync(dirname(file), { recursive: true });
  const { code, stderr } = await server.process.interrupt('SIGTERM');
  assert.equal(code, 1);
  assert.match(stderr, /--state: cannot write '.*state': .*\(ENOENT\); the sessions are closed\n$/);
  const ended = await client.finished;
  assert.equal(ended.code, 0);
  assert.match(ended.stderr, / received warning alert close_notify\n/);
});

test('a server without open sessions leaves no state', PATIENCE, async (t) => {
  const file = stateFile(t);
  const server = await startServerProcess(t, ['--state', file]);
  assert.equal((await server.process.interrupt('SIGTERM')).code, 0);
  assert.ok(!existsSync(file));
});

test('-v tells the connection IDs of --cid, in each version', PATIENCE, async (t) => {
  const server = await startServerProcess(t, ['--cid', '4', '-v']);
  const client = ['client', server.address, '--pin', await pinOf(server), '-v'];
  for (const version of ['DTLSv1.2', 'DTLSv1.3']) {
    const plain = await dtls([...client, '--max-version', version], 'hi\n');
    const [, sent = ''] =
      / open: .*, connection ID sent ([0-9a-f]{8}), connection ID received none, /.exec(plain.stderr) ?? [];
    assert.notEqual(sent, '', plain.stderr);
    await server.process.shows(
      'stderr',
      new RegExp(`connection ID sent none, connection ID received ${sent},`),
    );
    const both = await dtls([...client, '--max-version', version, '--cid'], 'hi\n');
    assert.match(both.stderr, /connection ID sent [0-9a-f]{8}, connection ID received [0-9a-f]{16},/);
  }
});

test('a session with connection IDs goes on with the next server', PATIENCE, async (t) => {
  const args = ['--state', stateFile(t), '--cid'];
  const server = await startServerProcess(t, args);
  const client = await talkingClient(t, server, '--cid');
  await server.process.interrupt('SIGTERM');
  await successor(t, server, args);
  await lastEcho(client, 'after');
  assert.equal((await client.finished).stdout, 'Echo: before\nEcho: after\n');
});

test('--cid refuses other lengths, and says where it stands without one', PATIENCE, async () => {
  assertRefused(await dtls(['server', '127.0.0.1:0', '--cid', '21']), 2, /--cid .*20/, true);
  assertRefused(await dtls(['server', '--cid', '127.0.0.1:0']), 2, /--cid stands last/, true);
});

test('--state is for servers', PATIENCE, async (t) => {
  assertRefused(await dtls(['client', '127.0.0.1:9', '--state', stateFile(t)]), 2, /--state/, true);
});
