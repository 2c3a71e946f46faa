import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertRefused, dtls, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const TARGET = '127.0.0.1:9';

function keyFile(t: TestContext, text: string | Uint8Array): string {
  const path = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(path, { recursive: true }));
  const file = join(path, 'keys.txt');
  writeFileSync(file, text);
  return file;
}

test(
  'keys of the command line and of a file accept two clients, each reported by name',
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

test('an unknown identity is refused, and the server says so', PATIENCE, async (t) => {
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
  'a file without a key, and one with a malformed line, are named with the reason',
  PATIENCE,
  async (t) => {
    const none = await dtls(['client', TARGET, '--psk-file', keyFile(t, '# nothing\n')]);
    assertRefused(none, 2, /--psk-file: cannot use '.*keys\.txt': it holds no key/);
    const wrong = await dtls(['client', TARGET, '--psk-file', keyFile(t, 'a:00\nb=00\n')]);
    assertRefused(wrong, 2, /--psk-file: cannot use '.*keys\.txt': line 2 is not ID:HEX/);
  },
);

// Siege cases F1 and F2: key files that are read wrongly, and a hint that cannot be known.

test('a byte order mark at the start of a key file is not part of the identity', PATIENCE, async (t) => {
  const server = await startServer(t, ['--psk-file', keyFile(t, '\ufeffpump:00ff\n')]);
  const client = await dtls(['client', server.address, '--psk', 'pump:00ff'], 'hi\n');
  assert.deepEqual([client.code, client.stdout], [0, 'Echo: hi\n'], client.stderr);
});

test(
  'a key file with bytes that are not UTF-8 is refused with the number of the line',
  PATIENCE,
  async (t) => {
    const file = keyFile(
      t,
      Buffer.concat([Buffer.from('a:00\n'), Buffer.from([0xe9]), Buffer.from(':00\n')]),
    );
    const finished = await dtls(['client', TARGET, '--psk-file', file]);
    assertRefused(finished, 2, /--psk-file: cannot use '.*keys\.txt': line 2 is not UTF-8/);
  },
);

test('a key file with an identity twice is refused with the numbers of both lines', PATIENCE, async (t) => {
  const finished = await dtls(['server', '127.0.0.1:0', '--psk-file', keyFile(t, 'a:00\n#\nb:01\na:02\n')]);
  assertRefused(finished, 2, /--psk-file: .*: lines 1 and 4 have the same identity, 'a'/);
});

test('--psk with an identity that was given before is a wrong command line', PATIENCE, async () => {
  const finished = await dtls(['client', TARGET, '--psk', 'a:00', '--psk', 'a:01']);
  assertRefused(finished, 2, /--psk .*The identity 'a' is there already/, true);
});

test('a client without any answer does not blame the pre-shared key', PATIENCE, async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const target = `127.0.0.1:${silent.address().port}`;
  const client = await dtls(['client', target, '--psk', 'a:00', '--handshake-timeout', '300']);
  assertRefused(
    client,
    1,
    /DTLS handshake timeout: the peer never answered.* \(ERR_DTLS_HANDSHAKE_TIMEOUT\)$/,
  );
});

/** A target at which nothing listens. */
async function closedPort(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return `127.0.0.1:${port}`;
}

// Siege case F6.
for (const psk of [[], ['--psk', 'a:00']]) {
  const what = psk.length === 0 ? 'without a key' : 'with a pre-shared key';
  test(`a client ${what} reports that a closed port cannot be reached, and no more`, PATIENCE, async () => {
    const client = await dtls(['client', await closedPort(), ...psk]);
    assertRefused(client, 1, /Nothing listens on that port .*\(ERR_DTLS_UNREACHABLE\)$/);
    assert.doesNotMatch(client.stderr, /pre-shared key/);
  });
}

test('a client that a server with another key answers reports it', PATIENCE, async (t) => {
  const server = await startServer(t, ['--psk', 'a:00ff']);
  const client = await dtls(['client', server.address, '--psk', 'a:00aa', '--handshake-timeout', '3000']);
  assertRefused(client, 1, /may have another pre-shared key \(ERR_DTLS_\w+\)$/);
});
