import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtls, pinOf, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

test('-v reports the application protocol and the SRTP profile of --alpn and --srtp', PATIENCE, async (t) => {
  const profiles = 'SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80';
  const server = await startServer(t, ['--alpn', 'coap,mqtt', '--srtp', profiles]);
  const args = ['client', server.address, '--pin', await pinOf(server), '-v'];
  const { stderr } = await dtls([...args, '--alpn', 'mqtt', '--srtp', 'SRTP_AES128_CM_SHA1_80'], 'hi\n');
  assert.match(stderr, / open: .*, protocol mqtt, SRTP profile SRTP_AES128_CM_SHA1_80, /);
});

test('without a common application protocol both sides say so', PATIENCE, async (t) => {
  const server = await startServer(t, ['--alpn', 'coap']);
  const { code, stderr } = await dtls(['client', server.address, '--insecure', '--alpn', 'mqtt'], '');
  assert.equal(code, 1);
  assert.match(stderr, /no_application_protocol/);
  await server.process.shows('stderr', /no application protocol: the client offers none/);
});

test('--sigalgs decides the signature scheme', PATIENCE, async (t) => {
  const server = await startServer(t, []);
  const args = ['client', server.address, '--insecure', '-v', '--sigalgs', 'ecdsa_secp256r1_sha256'];
  assert.match((await dtls(args, '')).stderr, /signature ecdsa_secp256r1_sha256/);
});

test('--require-client-cert refuses a client without a certificate', PATIENCE, async (t) => {
  const server = await startServer(t, ['--require-client-cert']);
  const { stderr } = await dtls(['client', server.address, '--insecure', '--max-version', 'DTLSv1.2'], '');
  assert.match(stderr, /handshake_failure/);
});

test(
  '--record-size-limit and --max-fragment-length limit the lines that the peer sends',
  PATIENCE,
  async (t) => {
    const line = `${'x'.repeat(150)}\n`;
    const server = await startServer(t, ['--record-size-limit', '100']);
    const args = ['client', server.address, '--pin', await pinOf(server), '--max-version', 'DTLSv1.2'];
    const { code, stderr } = await dtls([...args, '--max-fragment-length', '512'], `${line}short\n`);
    assert.match(stderr, /line 1 not sent: 151 bytes/);
    assert.equal(code, 1);
  },
);
