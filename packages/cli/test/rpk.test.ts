import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keyPinOf } from '#lib/pin.js';
import { makePki } from './pki.js';
import { assertRefused, dtls, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const TARGET = '127.0.0.1:9';

function keyPin(file: string): string {
  return keyPinOf(createPublicKey(createPrivateKey(readFileSync(file))));
}

test('a server with --rpk prints the pin of an ephemeral key, which lets clients in', PATIENCE, async (t) => {
  const server = await startServer(t, ['--rpk']);
  const [, flags = ''] = await server.process.shows('stderr', /(--rpk --pin spki-sha256:[0-9a-f]{64})\n/);
  const client = await dtls(['client', server.address, '-v', ...flags.split(' ')], 'hi\n');
  assert.deepEqual([client.code, client.stdout], [0, 'Echo: hi\n'], client.stderr);
  assert.match(client.stderr, / raw public key spki-sha256:[0-9a-f]{64}, verified\n/);
});

test('both sides show raw public keys, and each pins the other', PATIENCE, async (t) => {
  const { key, otherKey } = await makePki(t);
  const server = await startServer(t, ['--rpk', '--key', key, '--pin', keyPin(otherKey), '-v']);
  const args = ['client', server.address, '--rpk', '--pin', keyPin(key)];
  assert.equal((await dtls([...args, '--key', key])).code, 1);
  assert.deepEqual(await dtls([...args, '--key', otherKey], 'hi\n'), {
    code: 0,
    stdout: 'Echo: hi\n',
    stderr: '',
  });
  await server.process.shows('stderr', / raw public key spki-sha256:[0-9a-f]{64}, verified\n/);
});

test('beside a certificate --rpk leaves clients a choice', PATIENCE, async (t) => {
  const { ca, cert, key } = await makePki(t);
  const { address } = await startServer(t, ['--rpk', '--cert', cert, '--key', key]);
  const byCertificate = await dtls(['client', address, '--ca', ca, '-v'], 'hi\n');
  assert.match(byCertificate.stderr, / certificate sha256:.*, verified\n/);
  const byKey = await dtls(['client', address, '--rpk', '--pin', keyPin(key), '-v'], 'hi\n');
  assert.match(byKey.stderr, / raw public key .*, verified\n/);
});

for (const args of [[], ['--pin', `sha256:${'00'.repeat(32)}`], ['--psk', 'id:00']]) {
  test(`a client with --rpk ${args.join(' ')} has neither a key to show nor a pin for the server`, async () => {
    assertRefused(await dtls(['client', TARGET, '--rpk', ...args]), 2, /--rpk needs a --key or --pfx/, true);
  });
}
