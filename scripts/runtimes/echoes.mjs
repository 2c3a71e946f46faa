/**
 * Echoes of a program on a runtime, as server and as client: both versions, certificates and pre-shared keys, with our own Node and
 * with OpenSSL.
 */
import { CERTIFIED, CLIENT_PSK, SERVER_PSK, TRUST } from './identities.mjs';
import { hasOpenssl, opensslClient, opensslServer } from './openssl.mjs';
import { echoed, firstLine, identity, MEETINGS, output, results, serve } from './ours.mjs';

const KINDS = ['certificate', 'psk'];
/** Of flows.mjs. */
const CHECKS = 13;

/** `start(...args)` runs the program, `library` is the packed one in this process. */
export async function runEchoes({ name, start, library, tally }) {
  await asServer({ name, start, library, tally });
  await asClient({ name, start, library, tally });
  const answer = await output(start('dgram'));
  tally.check(`${name} echoes over sockets of datagram-tls/dgram`, answer === 'hello\n', answer);
}

/** Streams, loops, back-pressure and channels of the program. */
export async function runFlows({ name, start, tally }) {
  const checks = await results(start('flows'));
  for (const { what, seen } of checks) tally.check(`${name} ${what}`, seen === undefined, seen);
  tally.check(
    `${name}: all checks of streams and channels ran`,
    checks.length === CHECKS,
    `${checks.length}`,
  );
}

/** Both versions with the ChaCha20-Poly1305 of libsodium, whether the runtime has one or not. */
export async function runSodium({ name, start, tally }) {
  const expected = [
    ['DTLSv1.2', 'PSK-CHACHA20-POLY1305', 'hello'],
    ['DTLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256', 'hello'],
  ];
  const seen = await results(start());
  for (const [i, one] of expected.entries())
    tally.check(
      `${name}: an echo of ${one[0]} by libsodium`,
      `${seen[i]}` === `${one}`,
      seen[i] ?? 'nothing',
    );
}

async function asServer({ name, start, library, tally }) {
  const server = start('server', JSON.stringify({ ...CERTIFIED, ...SERVER_PSK }));
  try {
    const port = Number(await firstLine(server));
    for (const { what, version, by, options } of MEETINGS) {
      const ended = await echoed(library, port, { ...options, ...identity('client', by) });
      tally.check(`${name} serves ${what}`, ended.text === 'hello' && ended.protocol === version, ended);
    }
    for (const by of KINDS) {
      const what = `${name} serves openssl s_client by ${by}`;
      if (!hasOpenssl) tally.skip(what, 'openssl is not installed');
      else {
        const ended = await opensslClient(port, by);
        tally.check(what, ended.echoed, ended);
      }
    }
  } finally {
    server.kill();
  }
}

async function asClient({ name, start, library, tally }) {
  const servers = MEETINGS.map(({ by, options }) =>
    serve(library, { ...options, ...identity('server', by) }),
  );
  const openssl = hasOpenssl ? await Promise.all(KINDS.map(() => opensslServer())) : [];
  const cases = [
    ...MEETINGS.map(({ what, by }, i) => ({ what, by, port: servers[i].address.port })),
    ...openssl.map(({ port }, i) => ({ what: `openssl s_server by ${KINDS[i]}`, by: KINDS[i], port })),
  ];
  try {
    const targets = cases.map(({ by, port }) => ({
      port,
      options: by === 'psk' ? CLIENT_PSK : TRUST,
      message: 'hello',
    }));
    const ended = await results(start('client', JSON.stringify(targets)));
    for (const [i, { what }] of cases.entries())
      tally.check(`${name} connects to ${what}`, ended[i]?.echoed === 'hello', ended[i] ?? 'nothing');
    if (!hasOpenssl) tally.skip(`${name} connects to openssl s_server`, 'openssl is not installed');
  } finally {
    for (const { kill } of openssl) kill();
    for (const endpoint of servers) await endpoint.close();
  }
}
