import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { makePki } from './pki.js';
import { assertRefused, dtls, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

function fingerprint(file: string): string {
  const { fingerprint256 } = new X509Certificate(readFileSync(file));
  return `sha256:${fingerprint256.replaceAll(':', '').toLowerCase()}`;
}

/** A server of two names with a certificate each, and the pin of both. */
async function named(t: TestContext, more: (files: Awaited<ReturnType<typeof makePki>>) => string[]) {
  const pki = await makePki(t);
  const { cert, key, otherCert, otherKey } = pki;
  const sni = ['--sni', `a.example:${cert}:${key}`, '--sni', `b.example:${otherCert}:${otherKey}`];
  const server = await startServer(t, [...sni, ...more(pki)]);
  const ask = (name: string, pinned: string, ...rest: string[]) =>
    dtls(['client', server.address, '--servername', name, '--pin', fingerprint(pinned), ...rest], 'hi\n');
  return { server, ask, cert, otherCert };
}

test('--sni shows each name its certificate, and refuses another name', PATIENCE, async (t) => {
  const { server, ask, cert, otherCert } = await named(t, () => []);
  assert.doesNotMatch(server.process.stderr, /ephemeral/);
  for (const [name, pinned] of [
    ['a.example', cert],
    ['B.example', otherCert],
  ] as const) {
    const { code, stdout, stderr } = await ask(name, pinned);
    assert.deepEqual([code, stdout], [0, 'Echo: hi\n'], stderr);
  }
  const { code, stderr } = await ask('c.example', cert);
  assert.equal(code, 1);
  assert.match(stderr, /unrecognized_name/);
  await server.process.shows('stderr', /ERR_DTLS_UNRECOGNIZED_NAME/);
});

test('--cert beside --sni is for all other names', PATIENCE, async (t) => {
  const { ask, cert, otherCert } = await named(t, (pki) => ['--cert', pki.cert, '--key', pki.key]);
  const other = await ask('c.example', cert);
  assert.deepEqual([other.code, other.stdout], [0, 'Echo: hi\n'], other.stderr);
  const named2 = await ask('b.example', otherCert);
  assert.equal(named2.code, 0, named2.stderr);
});

for (const value of ['a.example', 'a.example:cert.pem', ':cert.pem:key.pem', 'a:b:c:d']) {
  test(`--sni ${value} is a wrong command line`, PATIENCE, async () => {
    assertRefused(
      await dtls(['server', '127.0.0.1:0', '--sni', value]),
      2,
      /--sni .*NAME:CERT:KEY is expected/,
      true,
    );
  });
}

test('a missing file of --sni is named', PATIENCE, async () => {
  const missing = await dtls(['server', '127.0.0.1:0', '--sni', 'a.example:/no/cert.pem:/no/key.pem']);
  assertRefused(missing, 2, /--sni: cannot read '\/no\/cert\.pem'/);
});
