// Sockets and the end of their process, as net-snmp needs it: it calls unref at once, and ref for each request.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bound, closed, echoing, PSK_SERVER, type Watched } from './sockets.js';

const PROGRAM = fileURLToPath(new URL('reference-program.js', import.meta.url));

/** What a process says that sends one message to `server`, and whether it ends by itself. */
async function said(mode: string, server: Watched): Promise<string> {
  const program = spawn(process.execPath, [PROGRAM, mode, String(server.port())], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  let output = '';
  program.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const [code] = (await once(program, 'close')) as [number | null];
  assert.equal(code, 0);
  await closed(server);
  return output;
}

suite('a socket that is not referenced', () => {
  test('keeps the process until the callback of a message that waits, not until its answer', async () => {
    // The server never answers.
    assert.equal(await said('unref', await bound({ server: PSK_SERVER })), 'sent\n');
  });

  test('keeps the process while it is referenced again', async () => {
    assert.equal(await said('ref in the callback', await echoing()), 'sent\nanswer: echo hello\n');
  });

  test('does not keep a process that only listens', async () => {
    assert.equal(await said('listen', await echoing()), 'listening\n');
  });
});
