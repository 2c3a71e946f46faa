import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listen } from '#lib/index.js';
import { CA, SERVERS } from '../../support/identities.js';
import { freePort } from '../../support/loopback.js';

// One socket of ours beside several processes of OpenSSL, as their client and as their server at once.

const FIXTURES = fileURLToPath(new URL('../../../../test/support/fixtures/', import.meta.url));
const skip = spawnSync('openssl', ['version']).status !== 0 && 'openssl is not installed';
const PATIENCE = { timeout: 60_000 };

function openssl(t: TestContext, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn('openssl', args, { cwd: FIXTURES });
  t.after(() => child.kill());
  child.stdin.on('error', () => undefined);
  return child;
}

/** Resolves when it has printed `text`. */
async function prints(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  let seen = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      seen += String(chunk);
      if (seen.includes(text)) resolve();
    });
    child.on('close', () => reject(new Error(`openssl ended before it printed ${text}: ${seen}`)));
  });
}

interface Peer {
  readonly port: number;
  readonly child: ChildProcessWithoutNullStreams;
}

/** Prints what it receives, and sends what is typed. */
async function opensslServer(t: TestContext): Promise<Peer> {
  const port = await freePort();
  const identity = ['-cert', 'server-p256.pem', '-key', 'server-p256.key'];
  const child = openssl(t, ['s_server', '-dtls1_2', '-accept', `127.0.0.1:${port}`, ...identity]);
  await prints(child, 'ACCEPT');
  return { port, child };
}

suite('one socket and OpenSSL', { skip }, () => {
  test('an endpoint connects to three servers and serves a client at once', PATIENCE, async (t) => {
    const peers = await Promise.all([opensslServer(t), opensslServer(t), opensslServer(t)]);
    const heard: string[] = [];
    const endpoint = listen(
      (session) => {
        session.onmessage = (data) => {
          heard.push(String(data).trim());
          session.send('hello from the hub\n');
        };
      },
      { host: '127.0.0.1', port: 0, ...SERVERS.p256 },
    );
    t.after(() => endpoint.destroy());
    const sessions = peers.map(({ port }) =>
      endpoint.connect('127.0.0.1', port, { ca: CA, servername: 'localhost' }),
    );
    const { port } = await endpoint.opened;
    const child = openssl(t, ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-quiet']);
    child.stdin.write('hello from openssl\n');
    const answered = prints(child, 'hello from the hub');
    const answers = peers.map(async ({ child: peer }, i) => {
      const session = sessions[i] ?? assert.fail();
      await session.opened;
      const received = prints(peer, `number ${i}`);
      const message = new Promise<string>((resolve) => {
        session.onmessage = (data) => resolve(String(data).trim());
      });
      session.send(`number ${i}\n`);
      await received;
      peer.stdin.write(`answer ${i}\n`);
      return await message;
    });
    assert.deepEqual(await Promise.all(answers), ['answer 0', 'answer 1', 'answer 2']);
    await answered;
    assert.deepEqual(heard, ['hello from openssl']);
    const { clientSessions, serverSessions } = endpoint.stats;
    assert.deepEqual([clientSessions, serverSessions], [3n, 1n]);
    await endpoint.close();
  });
});
