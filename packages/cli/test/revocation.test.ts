import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dtls, type Finished, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

function fixture(name: string): string {
  const path = `../../../datagram-tls/test/support/fixtures/ocsp/${name}`;
  return fileURLToPath(new URL(path, import.meta.url));
}

const CERTIFICATE = ['--cert', fixture('leaf.pem'), '--key', fixture('leaf.key')];

async function connect(t: TestContext, server: readonly string[], client: string): Promise<Finished> {
  const { address } = await startServer(t, [...CERTIFICATE, ...server]);
  const trust = ['--ca', fixture('ca.pem'), '--servername', 'localhost'];
  return dtls(['client', address, ...trust, client, '-v'], 'hi\n');
}

test('--ocsp delivers a staple, and a client with --ocsp reports that it is good', PATIENCE, async (t) => {
  const { stdout, stderr } = await connect(t, ['--ocsp', fixture('good.der')], '--ocsp');
  assert.equal(stdout, 'Echo: hi\n');
  assert.match(stderr, /CN=leaf, verified, OCSP status good$/m);
});

test('--ocsp accepts a server without a staple and --require-ocsp does not', PATIENCE, async (t) => {
  assert.equal((await connect(t, [], '--ocsp')).stdout, 'Echo: hi\n');
  assert.match((await connect(t, [], '--require-ocsp')).stderr, /failed: .*OCSP_VERIFY_NEEDED/);
});

test('--ocsp refuses a server whose staple says revoked', PATIENCE, async (t) => {
  const { code, stderr } = await connect(t, ['--ocsp', fixture('revoked.der')], '--ocsp');
  assert.equal(code, 1);
  assert.match(stderr, /failed: .*CERT_REVOKED/);
});

test('--crl refuses a server that is on the list of its CA', PATIENCE, async (t) => {
  const { address } = await startServer(t, CERTIFICATE);
  const args = ['client', address, '--ca', fixture('ca.pem'), '--servername', 'localhost'];
  assert.equal((await dtls([...args, '--crl', fixture('nobody.crl')], 'hi\n')).stdout, 'Echo: hi\n');
  assert.match((await dtls([...args, '--crl', fixture('leaf.crl')], '')).stderr, /failed: .*CERT_REVOKED/);
});

test("a server's --ocsp must be about its certificate", PATIENCE, async () => {
  const server = ['server', '127.0.0.1:0'];
  const about = ['--ocsp', fixture('about-another.der')];
  for (const [args, reason] of [
    [[...server, ...CERTIFICATE, ...about], /--ocsp must be a successful OCSP response/],
    [[...server, ...about], /--ocsp needs --cert or --pfx/],
  ] as const) {
    const { code, stderr } = await dtls(args);
    assert.equal(code, 2);
    assert.match(stderr, reason);
  }
});
