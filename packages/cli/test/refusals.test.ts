import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makePki } from './pki.js';
import { assertRefused, dtls, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const TARGET = '127.0.0.1:9';
const BOUND = '127.0.0.1:0';
/** Any file that can be read. */
const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));

for (const [args, line] of [
  [['client'], /missing required argument 'HOST:PORT'/],
  [['client', 'localhost'], /^dtls: 'localhost' is invalid\. HOST:PORT is expected/],
  [['client', '::1:9000'], /\[::1\]:9000/],
  [['client', 'localhost:0'], /from 1 to 65535/],
  [['client', TARGET, 'more'], /too many arguments/],
  [['client', TARGET, '--nonsense'], /unknown option '--nonsense'/],
  [['client', TARGET, '--mtu', 'x'], /'--mtu <bytes>' .*whole number/],
  [['client', TARGET, '--mtu', '10'], /--mtu .*\(ERR_OUT_OF_RANGE\)/],
  [['client', TARGET, '--record-size-limit', '63'], /--record-size-limit .*\(ERR_OUT_OF_RANGE\)/],
  [['client', TARGET, '--max-fragment-length', '500'], /--max-fragment-length .*\(ERR_INVALID_ARG_VALUE\)/],
  [['client', TARGET, '--pin'], /'--pin <fingerprint>' argument missing/],
  [['client', TARGET, '--pin', 'sha256:12'], /--pin .*\(ERR_INVALID_ARG_VALUE\)/],
  [['client', TARGET, '--groups', 'X448'], /--groups\b.*X448.*\(ERR_\w+\)/],
  [['client', TARGET, '--ciphers', 'NONSENSE'], /--ciphers\b.*NONSENSE.*\(ERR_\w+\)/],
  [['client', TARGET, '--ciphers', 'TLS_NONSENSE'], /--ciphers\b.*NONSENSE.*\(ERR_\w+\)/],
  [['client', TARGET, '--insecure', '--ca', PACKAGE], /'--insecure' cannot be used with option '--ca/],
  [['client', TARGET, '--passphrase-file', PACKAGE], /--passphrase-file needs --key or --pfx/],
  [['server', BOUND, '--servername', 'x'], /unknown option '--servername'/],
  [['server', BOUND, '--mtu', '99999'], /--mtu .*\(ERR_OUT_OF_RANGE\)/],
  [['sever', BOUND], /unknown command 'sever'/],
  [['--nonsense'], /unknown option '--nonsense'/],
] as const) {
  test(
    `dtls ${args.map((arg) => (arg === PACKAGE ? 'FILE' : arg)).join(' ')}: one line, usage, status 2`,
    PATIENCE,
    async () => {
      assertRefused(await dtls(args), 2, line, true);
    },
  );
}

test('dtls without a command prints the usage to standard error', PATIENCE, async () => {
  const { code, stdout, stderr } = await dtls([]);
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  assert.match(stderr, /^Usage: dtls /);
});

for (const option of ['--cert', '--key', '--ca', '--passphrase-file']) {
  test(
    `a file for ${option} that cannot be read: the option, the file and the code, status 2`,
    PATIENCE,
    async () => {
      const finished = await dtls(['client', TARGET, option, '/nonexistent/file.pem']);
      const line = new RegExp(`${option}: cannot read '/nonexistent/file\\.pem': .*\\(ENOENT\\)$`);
      assertRefused(finished, 2, line);
    },
  );
}

test('a key log that cannot be opened names the option or the variable, status 2', PATIENCE, async () => {
  const file = '/nonexistent/keys';
  assertRefused(await dtls(['client', TARGET, '--keylog', file]), 2, /--keylog: cannot open .*\(ENOENT\)$/);
  assertRefused(
    await dtls(['client', TARGET], '', { SSLKEYLOGFILE: file }),
    2,
    /SSLKEYLOGFILE: cannot open .*\(ENOENT\)$/,
  );
});

test('unusable certificates and keys are named by their option, status 2', PATIENCE, async (t) => {
  const { cert, key, encryptedKey, passphrase, otherKey, directory } = await makePki(t);
  const server = (...args: string[]) => dtls(['server', BOUND, ...args]);
  assertRefused(await server('--cert', key, '--key', key), 2, /--cert\b.*\(ERR_\w+\)$/);
  assertRefused(await server('--cert', cert, '--key', cert), 2, /--key\b.*\(ERR_\w+\)$/);
  assertRefused(await server('--cert', cert, '--key', directory), 2, /--key: .*\(EISDIR\)$/);
  assertRefused(
    await server('--cert', cert, '--key', otherKey),
    2,
    /--key\b.*\(ERR_OSSL_X509_KEY_VALUES_MISMATCH\)$/,
  );
  assertRefused(await server('--cert', cert), 2, /--key\b.*\(ERR_MISSING_ARGS\)$/, true);
  assertRefused(await server('--key', key), 2, /--cert\b.*\(ERR_MISSING_ARGS\)$/, true);
  assertRefused(
    await server('--cert', cert, '--key', encryptedKey),
    2,
    /--key\b.* Give --passphrase-file \(ERR_OSSL_BAD_DECRYPT\)$/,
    true,
  );
  assertRefused(
    await server('--cert', cert, '--key', encryptedKey, '--passphrase-file', cert),
    2,
    /--(key|passphrase-file)\b.*\(ERR_\w+\)$/,
  );
  const noCa = (file: string) => dtls(['client', TARGET, '--ca', file]);
  assertRefused(await noCa(passphrase), 2, /--ca holds no CA certificate in PEM or DER \(ERR_\w+\)$/);
  assertRefused(await noCa(key), 2, /--ca holds no CA certificate .*; it holds a PRIVATE KEY \(ERR_\w+\)$/);
});

test('a port in use: the address and the code, status 1', PATIENCE, async (t) => {
  const { address } = await startServer(t);
  assertRefused(
    await dtls(['server', address]),
    1,
    /cannot listen on 127\.0\.0\.1:\d+: address already in use \(EADDRINUSE\)$/,
  );
});

test('a host that does not resolve: its name and the code, status 1', PATIENCE, async () => {
  const line = /nosuchhost\.invalid:9.*\((ENOTFOUND|EAI_AGAIN)\)$/;
  assertRefused(
    await dtls(['client', 'nosuchhost.invalid:9', '--pin', `sha256:${'00'.repeat(32)}`]),
    1,
    line,
  );
  assertRefused(await dtls(['server', 'nosuchhost.invalid:9']), 1, line);
});

test('--version prints the version of the package', PATIENCE, async () => {
  const manifest = readFileSync(PACKAGE, 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  assert.deepEqual(await dtls(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help shows commands, options and examples on standard output', PATIENCE, async () => {
  const { code, stdout, stderr } = await dtls(['--help']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /server \[options\].*client \[options\].*Examples:\n {2}dtls server /s);
  const client = (await dtls(['client', '--help'])).stdout;
  assert.match(client, /--pin .*--insecure .*SSLKEYLOGFILE.*Examples:/s);
  assert.match(client, /^Certificates and trust:\n {2}--cert .*^Negotiation and sizes:\n {2}--servername /ms);
});

test('a key file without a key is refused with a clear message', PATIENCE, async (t) => {
  // Siege case F5.
  const { cert, ca, directory } = await makePki(t);
  const empty = join(directory, 'empty.pem');
  writeFileSync(empty, '');
  for (const file of [empty, ca]) {
    const finished = await dtls(['server', BOUND, '--cert', cert, '--key', file]);
    assertRefused(finished, 2, /--key: there is no private key in it\..* \(ERR_OSSL_UNSUPPORTED\)$/);
  }
});
