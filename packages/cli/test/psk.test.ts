import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertRefused, dtls, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const TARGET = '127.0.0.1:9';

function keyFile(t: TestContext, text: string): string {
  const path = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(path, { recursive: true }));
  const file = join(path, 'keys.txt');
  writeFileSync(file, text);
  return file;
}

test(
  'a key of the command line and one of a file let two clients in, and each is told by name',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['-v', '--psk', 'pump:1:00ff', '--psk', 'lamp:aabb']);
    const pump = await dtls(['client', server.address, '--psk', 'pump:1:00FF'], 'hi\n');
    assert.deepEqual([pump.code, pump.stdout], [0, 'Echo: hi\n'], pump.stderr);
    const file = keyFile(t, '# ours\n\nlamp:aabb\r\n');
    const lamp = await dtls(['client', server.address, '--psk-file', file], 'hi\n');
    assert.deepEqual([lamp.code, lamp.stdout], [0, 'Echo: hi\n'], lamp.stderr);
    assert.match(server.process.stderr, /group \w+, signature none, pre-shared key of pump:1,/);
    assert.match(server.process.stderr, /pre-shared key of lamp,/);
  },
);

test('an identity that the server does not know is refused, and it says so', PATIENCE, async (t) => {
  const server = await startServer(t, ['--psk', 'pump:00ff']);
  const client = await dtls(['client', server.address, '--psk', 'lamp:00ff']);
  assert.equal(client.code, 1);
  assert.match(client.stderr, /unknown_psk_identity/);
  await server.process.shows('stderr', /ERR_DTLS_UNKNOWN_PSK_IDENTITY/);
});

for (const value of ['pump', 'pump:', ':00ff', 'pump:00f', 'pump:xx']) {
  test(`--psk ${value} is a wrong command line`, PATIENCE, async () => {
    assertRefused(await dtls(['client', TARGET, '--psk', value]), 2, /--psk .*ID:HEX is expected/, true);
  });
}

test(
  'a file without a key, and one with a line that is none, are named with the reason',
  PATIENCE,
  async (t) => {
    const none = await dtls(['client', TARGET, '--psk-file', keyFile(t, '# nothing\n')]);
    assertRefused(none, 2, /--psk-file: cannot use '.*keys\.txt': it holds no key/);
    const wrong = await dtls(['client', TARGET, '--psk-file', keyFile(t, 'a:00\nb=00\n')]);
    assertRefused(wrong, 2, /--psk-file: cannot use '.*keys\.txt': line 2 is not ID:HEX/);
  },
);
