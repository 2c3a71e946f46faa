import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { Child, run } from '../process.js';
import { type Case, pairName } from './case.js';

const START_MS = 10_000;
const HOST = '127.0.0.1';

/** OCSP staples in DTLS 1.2; OpenSSL's programs only pass them on and print them, and we verify them. */
export function staplingCases(): Case[] {
  return [
    staplingCase({ client: openssl, server: ours }, asServer),
    staplingCase({ client: ours, server: openssl }, asClient),
  ];
}

function staplingCase(pair: Pick<Case, 'client' | 'server'>, run: Case['run']): Case {
  return {
    name: `${pairName(pair)}, OCSP staple`,
    kind: 'session',
    ...pair,
    slow: false,
    timeout: 30_000,
    run,
  };
}

/** A response of the CA about the server's certificate, DER, in a file. */
async function respond({ folder, ca, servers }: Pki, status: 'good' | 'revoked'): Promise<string> {
  const file = (name: string): string => join(folder, `${status}-${name}`);
  const { cert } = servers.ECDSA;
  const serial =
    (await run('openssl', ['x509', '-in', cert, '-noout', '-serial'])).trim().split('=')[1] ?? '';
  const when = status === 'good' ? '' : '250101000000Z';
  writeFileSync(
    file('index'),
    [status === 'good' ? 'V' : 'R', '491231235959Z', when, serial, 'unknown', '/CN=x\n'].join('\t'),
  );
  await run('openssl', ['ocsp', '-issuer', ca, '-cert', cert, '-reqout', file('request'), '-no_nonce']);
  await run('openssl', [
    ...['ocsp', '-index', file('index'), '-CA', ca, '-rsigner', ca, '-rkey', join(folder, 'ca.key')],
    ...['-reqin', file('request'), '-respout', file('response'), '-ndays', '1'],
  ]);
  return file('response');
}

async function asServer(pki: Pki): Promise<string> {
  const { cert, key } = pki.servers.ECDSA;
  const ocspResponse = readFileSync(await respond(pki, 'good'));
  const options = { host: HOST, port: 0, cert: readFileSync(cert), key: readFileSync(key), ocspResponse };
  const endpoint = listen(() => undefined, options);
  const port = endpoint.address?.port ?? 0;
  const child = new Child('openssl', [
    ...['s_client', '-dtls1_2', '-connect', `${HOST}:${port}`, '-status', '-CAfile', pki.ca],
  ]);
  try {
    if (!(await child.printed(/Cert Status: good/, START_MS)))
      throw new Failure('s_client shows no staple', [child.output]);
    return 'good';
  } finally {
    await child.stop();
    endpoint.destroy();
  }
}

/** A server whose staple is good, and one whose staple says revoked. */
async function asClient(pki: Pki): Promise<string> {
  const good = await outcome(pki, 'good');
  if (good !== 'open') throw new Failure(`with a good staple: ${good}`);
  const revoked = await outcome(pki, 'revoked');
  if (!revoked.includes('CERT_REVOKED')) throw new Failure(`with a staple that says revoked: ${revoked}`);
  return 'good, revoked';
}

async function outcome(pki: Pki, status: 'good' | 'revoked'): Promise<string> {
  const port = await freePort();
  const { cert, key } = pki.servers.ECDSA;
  const child = new Child('openssl', [
    ...['s_server', '-dtls1_2', '-accept', `${HOST}:${port}`, '-cert', cert, '-key', key],
    ...['-status_file', await respond(pki, status)],
  ]);
  await child.printed(/^ACCEPT/m, START_MS);
  const session = connect(HOST, port, {
    ca: readFileSync(pki.ca),
    servername: SERVER_NAME,
    requireOCSP: true,
  });
  try {
    return await session.opened.then(
      () => 'open',
      (error: unknown) => String(error),
    );
  } finally {
    session.destroy();
    await child.stop();
  }
}
