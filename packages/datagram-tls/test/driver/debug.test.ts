import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** NODE_DEBUG is read when a process starts, so each case has a process of its own; the result is its standard error. */
function run(nodeDebug: string | undefined, body: string): string {
  const script = `import * as debug from ${JSON.stringify(import.meta.resolve('#lib/driver/debug.js'))};
const peer = { address: '127.0.0.1', port: 5000 };
${body}`;
  const env: NodeJS.ProcessEnv = { ...process.env };
  if (nodeDebug === undefined) delete env['NODE_DEBUG'];
  else env['NODE_DEBUG'] = nodeDebug;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '');
  return stderr;
}

const ALL = `debug.logBind({ address: '::1', port: 9000 });
debug.logPeer(peer);
debug.logBytes('received', peer, 20);
debug.logRemoval(peer, 'closed');
debug.hexDump('received', peer, Uint8Array.from({ length: 20 }, (_, i) => 0x3c + i * 8));`;

test('nothing is logged without NODE_DEBUG', () => {
  assert.equal(run(undefined, ALL), '');
});

test('NODE_DEBUG=dtls logs bind, new peer, bytes and removal, and no dump', () => {
  const lines = run('dtls', ALL)
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^DTLS \d+: /, ''));
  assert.deepEqual(lines, [
    'bound to [::1]:9000',
    'new peer 127.0.0.1:5000',
    '127.0.0.1:5000 received 20 bytes',
    'removed 127.0.0.1:5000: closed',
  ]);
});

test('NODE_DEBUG=dtls-hex dumps 16 bytes a line with offset and printable characters', () => {
  const [head, ...lines] = run('dtls-hex', ALL).trimEnd().split('\n');
  assert.match(head ?? '', /^DTLS-HEX \d+: 127\.0\.0\.1:5000 received 20 bytes$/);
  assert.deepEqual(lines, [
    '0000  3c 44 4c 54 5c 64 6c 74 7c 84 8c 94 9c a4 ac b4  <DLT\\dlt|.......',
    '0010  bc c4 cc d4                                      ....',
  ]);
});

test('the bytes of a datagram are not read unless they are dumped', () => {
  const stderr = run(
    'dtls',
    `debug.hexDump('sent', peer, new Proxy(new Uint8Array(1), { get() { throw new Error('read'); } }));`,
  );
  assert.equal(stderr, '');
});
