import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { dtls, pinOf, type Server, start, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function clientArgs(server: Server, ...more: string[]): Promise<string[]> {
  return ['client', server.address, '--pin', await pinOf(server), ...more];
}

test(
  '-v reports every flight, what was negotiated, the certificate and the close, a line each, in DTLS 1.2',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['-v', '--max-version', 'DTLSv1.2']);
    const client = await dtls(await clientArgs(server, '-v'), 'hi\n');
    assert.equal(client.stdout, 'Echo: hi\n');
    const pin = await pinOf(server);
    for (const line of [
      / sent client_hello \(1 datagram, \d+ bytes\)$/m,
      / received hello_verify_request \(/m,
      / received server_hello, certificate, .*server_hello_done \(/m,
      / sent client_key_exchange, .*finished \(/m,
      / open: DTLSv1\.2, suite TLS_ECDHE_ECDSA_\w+, group \w+, signature \w+, messages up to \d+ bytes$/m,
      new RegExp(` certificate ${pin}, CN=dtls server, verified$`, 'm'),
      / sent warning alert close_notify$/m,
      / closed after 1 message sent and 1 received$/m,
    ]) {
      assert.match(client.stderr, line);
    }
    for (const line of client.stderr.trimEnd().split('\n'))
      assert.ok(line.startsWith(`dtls: ${server.address} `), line);
    await server.process.shows('stderr', /127\.0\.0\.1:\d+ open: DTLSv1\.2, suite TLS_ECDHE_ECDSA_/);
    await server.process.shows(
      'stderr',
      / received warning alert close_notify\n(.*\n)?.* closed after 1 message sent and 1 received\n/,
    );
  },
);

test(
  '-v reports flights, acknowledgements and what was negotiated in DTLS 1.3, the default',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['-v']);
    const client = await dtls(await clientArgs(server, '-v'), 'hi\n');
    assert.equal(client.stdout, 'Echo: hi\n');
    for (const line of [
      / sent client_hello \(1 datagram, \d+ bytes\)$/m,
      / received hello_retry_request \(/m,
      / received server_hello, encrypted_extensions, certificate, certificate_verify, finished \(/m,
      / sent finished \(1 datagram, \d+ bytes\)$/m,
      / received ack of 1 record$/m,
      / open: DTLSv1\.3, suite TLS_AES_128_GCM_SHA256, group \w+, signature \w+, messages up to \d+ bytes$/m,
    ]) {
      assert.match(client.stderr, line);
    }
  },
);

test('--min-version and --max-version bound what is negotiated', PATIENCE, async (t) => {
  const server = await startServer(t, ['--min-version', 'DTLSv1.3']);
  const client = await dtls(await clientArgs(server, '--max-version', 'DTLSv1.2'));
  assert.equal(client.code, 1);
  assert.match(client.stderr, /failed: .*protocol_version/);
  const wrong = await dtls(['client', '127.0.0.1:9', '--max-version', 'DTLSv9']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--max-version/);
});

test('--ciphers and --groups decide what is negotiated, by IANA and by OpenSSL name', PATIENCE, async (t) => {
  const server = await startServer(t, ['--groups', 'P-384:X25519']);
  for (const suites of ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384']) {
    const args = await clientArgs(server, '-v', '--ciphers', suites, '--groups', 'P-384:P-256');
    const { stderr } = await dtls(args, 'hi\n');
    assert.match(stderr, / open: .*suite TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, group (P-384|secp384r1),/);
  }
});

test('without a common suite both sides say so', PATIENCE, async (t) => {
  const server = await startServer(t, ['--ciphers', 'ECDHE-ECDSA-AES256-GCM-SHA384']);
  const client = await dtls(await clientArgs(server, '--ciphers', 'ECDHE-ECDSA-CHACHA20-POLY1305'));
  assert.equal(client.code, 1);
  assert.match(client.stderr, /handshake with .* failed: .*handshake_failure.*\(ERR_DTLS_\w+\)\n$/);
  await server.process.shows('stderr', / handshake failed: .*\(ERR_DTLS_\w+\)\n/);
});

test('--mtu limits the datagrams that are sent', PATIENCE, async (t) => {
  const server = await startServer(t, ['--mtu', '300', '-v', '--max-version', 'DTLSv1.2']);
  await dtls(await clientArgs(server), 'hi\n');
  await server.process.shows('stderr', / sent server_hello, certificate, .* \((?!1 datagram)\d+ datagrams, /);
});

test('--keylog appends NSS lines to a file of its owner alone, at both ends', PATIENCE, async (t) => {
  const [ours, theirs] = [join(directory(t), 'client.keys'), join(directory(t), 'server.keys')];
  const server = await startServer(t, ['--keylog', theirs]);
  const args = await clientArgs(server, '--keylog', ours);
  await dtls(args, 'hi\n');
  await dtls(args, 'hi\n');
  const lines = readFileSync(ours, 'utf8');
  assert.match(lines, /^([A-Z]+_[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}\n){10}$/);
  assert.deepEqual(readFileSync(theirs, 'utf8').split('\n').sort(), lines.split('\n').sort());
  assert.equal(statSync(ours).mode & 0o777, 0o600);
});

test('SSLKEYLOGFILE names a key log, which is appended to; --keylog goes before it', PATIENCE, async (t) => {
  const [fromEnvironment, fromOption] = [join(directory(t), 'a.keys'), join(directory(t), 'b.keys')];
  writeFileSync(fromEnvironment, '# mine\n');
  const server = await startServer(t);
  const args = await clientArgs(server, '--max-version', 'DTLSv1.2');
  await dtls(args, 'hi\n', { SSLKEYLOGFILE: fromEnvironment });
  await dtls([...args, '--keylog', fromOption], 'hi\n', { SSLKEYLOGFILE: fromEnvironment });
  assert.match(readFileSync(fromEnvironment, 'utf8'), /^# mine\nCLIENT_RANDOM \S+ \S+\n$/);
  assert.match(readFileSync(fromOption, 'utf8'), /^CLIENT_RANDOM \S+ \S+\n$/);
  assert.equal((await dtls(await clientArgs(server), 'hi\n', { SSLKEYLOGFILE: '' })).stderr, '');
});

test(
  'NODE_DEBUG=dtls logs bind, new peer, bytes and removal; dtls-hex dumps datagrams',
  PATIENCE,
  async (t) => {
    const server = start(t, ['server', '127.0.0.1:0'], { NODE_DEBUG: 'dtls' });
    const [, command = ''] = await server.shows('stderr', / dtls (client .* --pin .*)\n/);
    const client = await dtls(command.split(' '), 'hi\n', { NODE_DEBUG: 'dtls-hex' });
    assert.equal(client.stdout, 'Echo: hi\n');
    assert.match(client.stderr, /^0000 {2}16 fe f[df] 00 00 [0-9a-f ]{32} {2}.{16}$/m);
    for (const pattern of [
      /DTLS \d+: bound to 127\.0\.0\.1:\d+\n/,
      /DTLS \d+: new peer 127\.0\.0\.1:\d+\n/,
      /DTLS \d+: 127\.0\.0\.1:\d+ received \d+ bytes\n/,
      /DTLS \d+: removed 127\.0\.0\.1:\d+: .+\n/,
    ]) {
      await server.shows('stderr', pattern);
    }
  },
);
