// session.checkpoint.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DTLSEndpoint, type DTLSSession } from '#lib/index.js';
import { CA } from '../support/identities.js';
import { freePort } from '../support/loopback.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, echoServer, roundTrip, until } from './echo.js';

const key = randomBytes(32);

interface Ends {
  readonly server: EchoServer;
  readonly endpoint: DTLSEndpoint;
  readonly session: DTLSSession;
  readonly other: DTLSSession;
}

async function open(version: (typeof VERSIONS)[number]): Promise<Ends> {
  const server = echoServer({ minVersion: version, maxVersion: version });
  const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1' });
  const session = endpoint.connect('127.0.0.1', server.port, { ca: CA, servername: 'localhost' });
  await session.opened;
  const other = server.sessions[0] ?? assert.fail();
  await other.opened;
  return { server, endpoint, session, other };
}

for (const version of VERSIONS) {
  describe(`${version}: a session with checkpoints`, () => {
    it('goes on after a crash, whose client notices a few lost messages at most', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'dtls-crash-'));
      const file = join(folder, 'session.state');
      const program = fileURLToPath(new URL('crash-program.js', import.meta.url));
      const port = await freePort();
      const args = [program, file, key.toString('hex'), version, String(port)];
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      assert.equal((await lines.next()).value, 'listening');
      const session = client(port);
      await session.opened;
      assert.equal((await lines.next()).value, 'kept');
      for (let i = 0; i < 30; i++) assert.equal(await roundTrip(session, `m${i}`), `m${i}`);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const next = echoServer({ port, minVersion: version, maxVersion: version });
      const moved = next.endpoint.import(readFileSync(file), { key });
      moved.onmessage = (data) => void moved.send(data);
      let answers = 0;
      session.onmessage = () => answers++;
      await until(
        () => answers > 2,
        () => session.send('after the crash'),
      );
      assert.deepEqual(next.sessions, []);
      await session.close();
      await next.endpoint.close();
      rmSync(folder, { recursive: true });
    });

    it('sends no more than its store allows, and goes on when that is done', async () => {
      const { server, endpoint, session } = await open(version);
      const waiting: (() => void)[] = [];
      const first = session.checkpoint({
        key,
        reserve: 16,
        store: () => new Promise<void>((resolve) => waiting.push(resolve)),
      });
      let sent = 0;
      while (session.send('x') > 0) sent++;
      assert.ok(sent > 8 && sent < 16, `${sent} messages`);
      assert.equal(waiting.length, 1);
      let drained = false;
      void session.drained.then(() => {
        drained = true;
      });
      waiting.shift()?.();
      await first;
      await until(
        () => drained,
        () => waiting.shift()?.(),
      );
      await until(
        () => session.send('y') > 0,
        () => waiting.shift()?.(),
      );
      await Promise.all([endpoint.close(), server.endpoint.close()]);
    });

    it('fails with the error of its store', async () => {
      const { server, endpoint, session, other } = await open(version);
      const errors: Error[] = [];
      session.onerror = (error) => errors.push(error);
      const full = new Error('the disk is full');
      let calls = 0;
      const store = (): void => {
        if (calls++ > 0) throw full;
      };
      await session.checkpoint({ key, reserve: 16, store });
      await until(
        () => session.destroyed,
        () => {
          if (!session.destroyed) session.send('x');
        },
      );
      assert.deepEqual(errors, [full]);
      await other.closed;
      await Promise.all([endpoint.close(), server.endpoint.close()]);
    });

    it('rejects what its first store throws', async () => {
      const { server, endpoint, session } = await open(version);
      const full = new Error('the disk is full');
      await assert.rejects(session.checkpoint({ key, store: () => Promise.reject(full) }), full);
      assert.equal(session.destroyed, true);
      assert.throws(() => session.checkpoint({ key, store: () => undefined }), { code: 'ERR_INVALID_STATE' });
      await Promise.all([endpoint.close(), server.endpoint.close()]);
    });
  });
}
