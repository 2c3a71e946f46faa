import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { client, echoServer } from './echo.js';

/** A key that may sign with SHA-256 alone, which its certificate's algorithm does not tell a client. */
function restrictedIdentity(): { cert: string; key: string } | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'dtls-'));
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const shape = [
    '-newkey',
    'rsa-pss',
    '-pkeyopt',
    'rsa_keygen_bits:2048',
    '-pkeyopt',
    'rsa_pss_keygen_md:sha256',
  ];
  const rest = ['-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert];
  try {
    if (spawnSync('openssl', ['req', '-x509', ...shape, ...rest]).status !== 0) return undefined;
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const identity = restrictedIdentity();
const skip = identity === undefined ? 'openssl is not here to make the key' : false;

it('a signature that the platform refuses to make ends that handshake with internal_error, and nothing else', {
  skip,
}, async () => {
  const server = echoServer({ ...identity });
  const picky = client(server.port, { sigalgs: ['rsa_pss_pss_sha512'], rejectUnauthorized: false });
  await assert.rejects(picky.opened, { code: 'ERR_DTLS_PEER_ALERT', alert: 'internal_error' });
  const error = await server.sessions[0]?.opened.then(
    () => undefined,
    (reason: unknown) => reason as { code: string },
  );
  assert.equal(error?.code, 'ERR_DTLS_INTERNAL');
  const easy = client(server.port, { sigalgs: ['rsa_pss_pss_sha256'], rejectUnauthorized: false });
  await easy.opened;
  await easy.close();
  await server.endpoint.close();
});
