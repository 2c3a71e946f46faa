import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makePki } from './pki.js';
import { assertRefused, dtls, pinOf, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const WRONG_PIN = `sha256:${'00'.repeat(32)}`;

test('an ephemeral certificate is refused without its pin, and both sides say why', PATIENCE, async (t) => {
  const server = await startServer(t);
  assertRefused(await dtls(['client', server.address]), 1, /handshake with .* failed: .*\(ERR_DTLS_\w+\)$/);
  await server.process.shows('stderr', /127\.0\.0\.1:\d+ handshake failed: .*unknown_ca.*\(ERR_DTLS_\w+\)\n/);
});

test('a wrong pin is refused; a right one beside it is accepted', PATIENCE, async (t) => {
  const server = await startServer(t);
  const wrong = /failed: .* none of --pin\. .* pin it: --pin sha256:[0-9a-f]{64} \(ERR_DTLS_CERTIFICATE\)$/;
  assertRefused(await dtls(['client', server.address, '--pin', WRONG_PIN]), 1, wrong);
  const args = ['client', server.address, '--pin', WRONG_PIN, '--pin', await pinOf(server)];
  assert.deepEqual(await dtls(args, 'hi\n'), { code: 0, stdout: 'Echo: hi\n', stderr: '' });
});

test('--insecure accepts anything, with a loud warning', PATIENCE, async (t) => {
  const server = await startServer(t);
  const { code, stdout, stderr } = await dtls(['client', server.address, '--insecure', '-v'], 'hi\n');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'Echo: hi\n' });
  assert.match(stderr, /^dtls: WARNING: --insecure: the server is NOT verified/);
  assert.match(stderr, / certificate sha256:[0-9a-f]{64}, CN=dtls server, NOT verified \(\w+\)\n/);
});

test(
  '--ca accepts what the CA signed for the host, and --servername another of its names',
  PATIENCE,
  async (t) => {
    const { ca, cert, key } = await makePki(t);
    const server = await startServer(t, ['--cert', cert, '--key', key]);
    assert.equal(server.process.stderr, `dtls: listening on ${server.address}\n`);
    const args = ['client', server.address, '--ca', ca, '-v'];
    const byAddress = await dtls(args, 'hi\n');
    assert.deepEqual([byAddress.code, byAddress.stdout], [0, 'Echo: hi\n']);
    assert.match(byAddress.stderr, / certificate sha256:[0-9a-f]{64}, CN=example\.test, verified\n/);
    const byName = await dtls([...args, '--servername', 'example.test'], 'hi\n');
    assert.deepEqual([byName.code, byName.stdout], [0, 'Echo: hi\n']);
  },
);

test("without --ca Node's store is used, NODE_EXTRA_CA_CERTS included", PATIENCE, async (t) => {
  const { ca, otherCa, cert, key, directory } = await makePki(t);
  const { address } = await startServer(t, ['--cert', cert, '--key', key]);
  const connect = async (extra: string) => dtls(['client', address], 'hi\n', { NODE_EXTRA_CA_CERTS: extra });
  assert.equal((await connect(ca)).stdout, 'Echo: hi\n');
  for (const extra of [otherCa, '', join(directory, 'nowhere.pem')])
    assert.equal((await connect(extra)).code, 1);
});

test('--client-ca decides which clients a server accepts', PATIENCE, async (t) => {
  const { ca, otherCa, cert, key } = await makePki(t);
  const certificate = ['--cert', cert, '--key', key];
  const right = await startServer(t, [...certificate, '--client-ca', ca]);
  const client = (address: string, own: readonly string[]) =>
    dtls(['client', address, '--ca', ca, ...own], 'hi\n');
  assert.equal((await client(right.address, certificate)).stdout, 'Echo: hi\n');
  assert.equal((await client(right.address, [])).code, 1);
  const wrong = await startServer(t, [...certificate, '--client-ca', otherCa]);
  assert.equal((await client(wrong.address, certificate)).code, 1);
});

test('a certificate of another CA, and one for another name, are refused', PATIENCE, async (t) => {
  const { ca, otherCa, cert, key } = await makePki(t);
  const { address } = await startServer(t, ['--cert', cert, '--key', key]);
  assertRefused(await dtls(['client', address, '--ca', otherCa]), 1, /failed: .*\(ERR_DTLS_\w+\)$/);
  assertRefused(
    await dtls(['client', address, '--ca', ca, '--servername', 'other.test']),
    1,
    /failed: .*HOSTNAME_MISMATCH.*\(ERR_DTLS_\w+\)$/,
  );
});

test(
  'a server with --ca refuses clients without a certificate of it, and accepts those with one',
  PATIENCE,
  async (t) => {
    const { ca, cert, key, otherCert, otherKey } = await makePki(t);
    const server = await startServer(t, ['--cert', cert, '--key', key, '--ca', ca, '-v']);
    const args = ['client', server.address, '--ca', ca];
    assert.equal((await dtls(args)).code, 1);
    assert.equal((await dtls([...args, '--cert', otherCert, '--key', otherKey])).code, 1);
    assert.doesNotMatch(server.process.stderr, / open: /);
    const client = await dtls([...args, '--cert', cert, '--key', key], 'hi\n');
    assert.deepEqual(client, { code: 0, stdout: 'Echo: hi\n', stderr: '' });
    await server.process.shows('stderr', / certificate sha256:[0-9a-f]{64}, CN=example\.test, verified\n/);
  },
);

test('a server with --pin accepts only the client with that certificate', PATIENCE, async (t) => {
  const { ca, cert, key, otherCert, otherKey } = await makePki(t);
  const pin = `sha256:${new X509Certificate(readFileSync(otherCert)).fingerprint256}`;
  const server = await startServer(t, ['--cert', cert, '--key', key, '--pin', pin]);
  const args = ['client', server.address, '--ca', ca];
  assert.equal((await dtls([...args, '--cert', cert, '--key', key])).code, 1);
  const client = await dtls([...args, '--cert', otherCert, '--key', otherKey], 'hi\n');
  assert.deepEqual(client, { code: 0, stdout: 'Echo: hi\n', stderr: '' });
});

test('an encrypted key is opened by the first line of --passphrase-file', PATIENCE, async (t) => {
  const { ca, cert, encryptedKey, passphrase } = await makePki(t);
  const args = ['--cert', cert, '--key', encryptedKey, '--passphrase-file', passphrase];
  const { address } = await startServer(t, args);
  assert.equal((await dtls(['client', address, '--ca', ca], 'hi\n')).stdout, 'Echo: hi\n');
});

test('a key and its chain come in one file with --pfx', PATIENCE, async (t) => {
  const folder = new URL('../../../datagram-tls/test/x509/fixtures/pkcs12/', import.meta.url);
  const pfx = fileURLToPath(new URL('openssl.p12', folder));
  const { directory } = await makePki(t);
  const passphrase = join(directory, 'pfx-passphrase');
  writeFileSync(passphrase, 'secret\n');
  const args = ['--pfx', pfx, '--passphrase-file', passphrase];
  const { address } = await startServer(t, args);
  const ca = fileURLToPath(new URL('root.pem', folder));
  const client = ['client', address, '--servername', 'localhost', '--ca', ca];
  assert.equal((await dtls(client, 'hi\n')).stdout, 'Echo: hi\n');
  assertRefused(
    await dtls(['client', address, '--pfx', pfx]),
    2,
    /--pfx: .*passphrase is missing.*\(ERR_OSSL_PKCS12_MAC/,
  );
});

test('a refused certificate is described, with its pin and how to trust it', PATIENCE, async (t) => {
  // Siege case F7.
  const { ca, cert, key } = await makePki(t);
  const server = await startServer(t, ['--cert', cert, '--key', key]);
  const pin = `sha256:${new X509Certificate(readFileSync(cert)).fingerprint256.replaceAll(':', '').toLowerCase()}`;
  const { stderr } = await dtls(['client', server.address]);
  assert.match(stderr, /^dtls: it sent the certificate of CN=example\.test, issued by CN=/m);
  assert.match(stderr, /^dtls: {3}names: .*DNS:example\.test/m);
  assert.match(stderr, new RegExp(`^dtls: {3}pin: ${pin}$`, 'm'));
  assert.match(stderr, new RegExp(`^dtls: to trust it, compare the pin .* --pin ${pin} `, 'm'));
  assert.match(stderr, /^dtls: handshake with .* Give its CA in --ca, /);
  const misnamed = await dtls(['client', server.address, '--ca', ca, '--servername', 'other.test']);
  assert.match(misnamed.stderr, /^dtls: if one of these names is .* add --servername NAME$/m);
});

test('a server names the pin of a client certificate that it refuses', PATIENCE, async (t) => {
  const { ca, cert, key, otherCa } = await makePki(t);
  const server = await startServer(t, ['--cert', cert, '--key', key, '--client-ca', otherCa]);
  await dtls(['client', server.address, '--ca', ca, '--cert', cert, '--key', key]);
  await server.process.shows('stderr', / handshake failed: .*; its pin is sha256:[0-9a-f]{64}\n/);
});

test('a refused chain of two names the certificate behind the first', PATIENCE, async (t) => {
  // Siege case F7.
  const { ca, cert, key, directory } = await makePki(t);
  const chain = join(directory, 'chain.pem');
  writeFileSync(chain, `${readFileSync(cert, 'utf8')}\n${readFileSync(ca, 'utf8')}`);
  const server = await startServer(t, ['--cert', chain, '--key', key]);
  const { code, stderr } = await dtls(['client', server.address]);
  assert.equal(code, 1);
  assert.match(stderr, /^dtls: it sent the certificate of CN=example\.test, /m);
  assert.match(stderr, /^dtls: {3}followed by the certificate of CN=Test CA$/m);
});
