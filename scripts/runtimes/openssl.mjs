/** OpenSSL as a peer of DTLS 1.2, which is what its version 3 has. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../ports.mjs';
import { FIXTURES, KEY } from './identities.mjs';

const LIMIT_MS = 60_000;
const AGAIN_MS = 500;
const PSK = ['-psk', KEY.toString('hex'), '-psk_identity', 'sensor'];

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Sends `hello` until it comes back; resolves with what s_client said. */
export async function opensslClient(port, by, suite) {
  const args = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-CAfile', `${FIXTURES}ca.pem`];
  if (by === 'psk') args.push(...PSK, '-cipher', 'PSK');
  if (suite !== undefined) args.push('-cipher', `${suite}:@SECLEVEL=0`);
  const child = spawn('openssl', args, { timeout: LIMIT_MS });
  const said = { stdout: '', stderr: '' };
  const again = setInterval(() => child.stdin.write('hello\n'), AGAIN_MS);
  child.stdin.on('error', () => undefined);
  child.stdin.write('hello\n');
  child.stderr.on('data', (data) => {
    said.stderr += data;
  });
  child.stdout.on('data', (data) => {
    said.stdout += data;
    if (/^hello$/m.test(said.stdout)) child.kill();
  });
  await once(child, 'close');
  clearInterval(again);
  return {
    echoed: /^hello$/m.test(said.stdout),
    refused: /alert handshake failure/.test(said.stderr),
    ...said,
  };
}

/** An s_server that echoes: `{ port, kill }`. */
export async function opensslServer(suite) {
  const port = await freePort();
  const args = ['s_server', '-dtls1_2', '-quiet', '-accept', `127.0.0.1:${port}`, ...PSK];
  args.push('-cert', `${FIXTURES}server-p256.pem`, '-key', `${FIXTURES}server-p256.key`);
  if (suite !== undefined) args.push('-cipher', `${suite}:@SECLEVEL=0`);
  const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdout.on('data', (data) => child.stdin.write(data));
  child.stdin.on('error', () => undefined);
  return { port, kill: () => child.kill() };
}
