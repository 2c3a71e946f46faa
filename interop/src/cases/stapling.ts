import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { boringssl } from '../peers/boringssl.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { run } from '../process.js';
import type { Version } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const START_MS = 10_000;
const HOST = '127.0.0.1';

interface Plan {
  readonly peer: Peer;
  readonly version: Version;
}

type Status = 'good' | 'revoked';

const PLANS: readonly Plan[] = [
  { peer: openssl, version: 'DTLSv1.2' },
  { peer: boringssl, version: 'DTLSv1.2' },
  { peer: boringssl, version: 'DTLSv1.3' },
];

/** OCSP staples; the foreign programs only pass them on and show them, and our side verifies them. */
export function staplingCases(): Case[] {
  return PLANS.flatMap((plan) => [
    staplingCase({ client: plan.peer, server: ours }, plan, asServer),
    staplingCase({ client: ours, server: plan.peer }, plan, asClient),
  ]);
}

function staplingCase(
  pair: Pick<Case, 'client' | 'server'>,
  plan: Plan,
  run: (plan: Plan, pki: Pki) => Promise<string>,
): Case {
  return {
    name: `${pairName(pair)}, ${plan.version}, OCSP staple`,
    kind: 'session',
    ...pair,
    slow: false,
    timeout: 30_000,
    run: async (pki) => await run(plan, pki),
  };
}

/** A response of the CA about the server's certificate, DER, in a file. */
async function respond({ folder, ca, servers }: Pki, status: Status): Promise<string> {
  const own = mkdtempSync(join(folder, 'ocsp-'));
  const file = (name: string): string => join(own, name);
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

/** A client gets our staple when it asks for one, and none when it does not. */
async function asServer({ peer, version }: Plan, pki: Pki): Promise<string> {
  const { cert, key } = pki.servers.ECDSA;
  const ocspResponse = readFileSync(await respond(pki, 'good'));
  const options = { host: HOST, port: 0, cert: readFileSync(cert), key: readFileSync(key), ocspResponse };
  const endpoint = listen(() => undefined, options);
  const shown = async (staple: boolean): Promise<string | undefined> => {
    const side = await peer.startClient({
      ...{ version, host: HOST, port: endpoint.address?.port ?? 0, staple },
      ...{ folder: pki.folder, ca: pki.ca, name: SERVER_NAME },
    });
    try {
      if (!(await side.established(START_MS))) throw new Failure('no session', [side.log()]);
      return side.facts().staple;
    } finally {
      await side.stop();
    }
  };
  try {
    const wanted = await shown(true);
    if (wanted !== 'good' && wanted !== ocspResponse.toString('hex'))
      throw new Failure(`the client shows ${wanted ?? 'no staple'}`);
    const unwanted = await shown(false);
    if (unwanted !== undefined) throw new Failure('a staple without a request');
    return 'good';
  } finally {
    endpoint.destroy();
  }
}

/** A server with a good staple, one with a revoked status, and one without. */
async function asClient(plan: Plan, pki: Pki): Promise<string> {
  const good = await outcome(plan, pki, await respond(pki, 'good'));
  if (good !== 'open') throw new Failure(`with a good staple: ${good}`);
  const revoked = await outcome(plan, pki, await respond(pki, 'revoked'));
  if (!revoked.includes('CERT_REVOKED')) throw new Failure(`with a staple that says revoked: ${revoked}`);
  const none = await outcome(plan, pki, undefined);
  if (none === 'open') throw new Failure('a server without a staple is believed');
  return 'good, revoked, none';
}

async function outcome({ peer, version }: Plan, pki: Pki, staple: string | undefined): Promise<string> {
  const server = await peer.startServer({
    ...{ version, host: HOST, folder: pki.folder, pair: pki.servers.ECDSA },
    ...(staple === undefined ? {} : { staple }),
  });
  const session = connect(HOST, server.port, {
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
    await server.stop();
  }
}
