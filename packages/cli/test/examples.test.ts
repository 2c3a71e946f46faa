import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeEphemeralIdentity } from '#lib/certificate.js';

const PATIENCE = { timeout: 60_000 };

test('the demo shows three echoes, what was negotiated and a close that both sides saw', PATIENCE, () => {
  let { status, stdout, stderr } = demo();
  // A client waits half a second for the server's close_notify, and a busy machine may pause the server for longer.
  for (let left = 4; left > 0 && stderr.includes('close_notify was not seen'); left--)
    ({ status, stdout, stderr } = demo());
  assert.equal(status, 0, stdout + stderr);
  for (const line of ['one', 'two', 'three']) assert.match(stdout, new RegExp(`\\| Echo: ${line}\n`));
  assert.match(
    stdout,
    /\nversion +DTLS.*\nsuite +TLS_.*\ngroup +\S+\ncertificate +sha256:[0-9a-f]{64}\n.*\nclosed +close_notify/,
  );
});

test('the echo client example talks to the echo server example', PATIENCE, async (t) => {
  const { cert, key } = await savedIdentity(t);
  const server = spawn(process.execPath, [example('echo-server'), '0', cert, key]);
  t.after(() => server.kill());
  const [greeting] = (await once(server.stdout, 'data')) as [Buffer];
  const [, port = ''] = /^listening on port (\d+)\n$/.exec(greeting.toString()) ?? [];
  const client = spawnSync(process.execPath, [example('echo-client'), port, cert], { encoding: 'utf8' });
  assert.deepEqual([client.status, client.stdout, client.stderr], [0, 'hello over DTLS\n', '']);
});

function demo(): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [example('demo')], { encoding: 'utf8' });
}

function example(name: string): string {
  return fileURLToPath(new URL(`../../../../examples/dist/${name}.js`, import.meta.url));
}

/** A self-signed certificate and its key in files. */
async function savedIdentity(t: TestContext): Promise<{ cert: string; key: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'dtls-examples-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { cert, key } = await makeEphemeralIdentity('127.0.0.1');
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}
