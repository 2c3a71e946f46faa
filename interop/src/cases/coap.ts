import { readFileSync } from 'node:fs';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { ACKNOWLEDGEMENT, CONFIRMABLE, CONTENT, decodeCoap, encodeCoap, GET } from '../coap.js';
import { Failure } from '../exchange.js';
import { freePortPair } from '../net/ports.js';
import { COAP_PSK, type Credentials, type Libcoap, libcoap } from '../peers/libcoap.js';
import { ours } from '../peers/ours.js';
import { within } from '../peers/program.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import type { Child } from '../process.js';
import { reasonOf } from '../text.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 30_000;
const STEP_MS = 10_000;
const CROSSED_VISITS = 5;
const TIME = 'half past ten';
/** As libcoap prints it: Nov 22 22:37:26 */
const THEIR_TIME = /^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d$/;

/** Our suite: one that RFC 7252 §9.1 makes mandatory, or our defaults. */
interface Row {
  readonly credentials: Credentials;
  readonly suite?: string;
}

const ROWS: readonly Row[] = [
  { credentials: 'PSK' },
  { credentials: 'PKI' },
  { credentials: 'PSK', suite: 'TLS_PSK_WITH_AES_128_CCM_8' },
  { credentials: 'PKI', suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8' },
];

/** CoAP over DTLS (RFC 7252 §9) with libcoap: GET /time in both directions, by a shared key and by certificates of both. */
export function coapCases(): Case[] {
  return (['openssl', 'gnutls'] as const)
    .map(libcoap)
    .flatMap((peer) => [
      ...ROWS.flatMap((row) => [
        coapCase({ client: peer, server: ours }, row, async (pki) => await answer(peer, row, pki)),
        coapCase({ client: ours, server: peer }, row, async (pki) => await ask(peer, row, pki)),
      ]),
      crossedCase(peer),
    ]);
}

/** Their client, at an address that we connect to: it is no server, so our attempt has to give way. */
function crossedCase(peer: Libcoap): Case {
  const pair = { client: peer, server: ours };
  const name = `${pairName(pair)}, CoAP GET, PSK, from an address that we connect to`;
  return {
    ...{ name, kind: 'session', ...pair, slow: true, timeout: CROSSED_VISITS * TIMEOUT_MS },
    run: async (pki) => {
      let waited = 0;
      for (let visit = 0; visit < CROSSED_VISITS; visit++) if (await cross(peer, pki)) waited++;
      return `${waited} of ${CROSSED_VISITS} had to repeat their ClientHello`;
    },
  };
}

function coapCase(
  pair: Pick<Case, 'client' | 'server'>,
  { credentials, suite }: Row,
  run: Case['run'],
): Case {
  const name = [pairName(pair), 'CoAP GET', credentials, suite ?? 'our default suites'].join(', ');
  return { name, kind: 'session', ...pair, slow: false, timeout: TIMEOUT_MS, run };
}

/** Their client, our server. */
async function answer(peer: Libcoap, row: Row, pki: Pki): Promise<string> {
  let told = 'no client came';
  const endpoint = listen(
    (session) => {
      session.opened.then(
        () => {
          told = described(session);
        },
        (error: unknown) => {
          told = reasonOf(error);
        },
      );
      session.onmessage = (data) => session.send(answerTo(data));
    },
    { host: HOST, port: 0, ...serverCredentials(row, pki) },
  );
  const child = peer.get('time', endpoint.address?.port ?? 0, row.credentials, pki);
  try {
    if ((await child.ended) !== 0 || child.output.trim() !== TIME)
      throw failure(`our server: ${told}`, child);
    return told;
  } finally {
    endpoint.destroy();
  }
}

/** Our client, their server. */
async function ask(peer: Libcoap, row: Row, pki: Pki): Promise<string> {
  const plainPort = await freePortPair();
  const child = peer.serve(plainPort, row.credentials, pki);
  await child.printed(/created DTLS endpoint/, STEP_MS);
  const session = connect(HOST, plainPort + 1, clientCredentials(row, pki));
  try {
    await session.opened;
    const time = await request(session);
    if (!THEIR_TIME.test(time)) throw new Error(`the time is ${time}`);
    return `${described(session)}, ${time}`;
  } catch (error) {
    throw failure(reasonOf(error), child);
  } finally {
    session.destroy();
    await child.stop();
  }
}

/** Returns whether their first ClientHello was dropped, which its random decides. */
async function cross(peer: Libcoap, pki: Pki): Promise<boolean> {
  const row = { credentials: 'PSK' } as const;
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => session.send(answerTo(data));
    },
    { host: HOST, port: 0, ...serverCredentials(row, pki) },
  );
  const theirPort = await freePortPair();
  const own = endpoint.connect(HOST, theirPort, clientCredentials(row, pki));
  const outcome = own.opened.then(() => 'open', reasonOf);
  const from = ['-p', String(theirPort)];
  const child = peer.ask(from, 'time', endpoint.address?.port ?? 0, row.credentials, pki);
  try {
    if ((await child.ended) !== 0 || child.output.trim() !== TIME) throw failure('no answer', child);
    if (!/at the same time/.test(await outcome)) throw failure(`our attempt: ${await outcome}`, child);
    return (own.drops.client_hello ?? 0) > 0;
  } finally {
    await child.stop();
    endpoint.destroy();
  }
}

function answerTo(data: Uint8Array): Buffer {
  const { code, id, token, path } = decodeCoap(data);
  if (code !== GET || path.join('/') !== 'time') throw new Error('not a GET of /time');
  return encodeCoap({ type: ACKNOWLEDGEMENT, code: CONTENT, id, token, path: [], payload: TIME });
}

/** The payload of their 2.05. */
async function request(session: DTLSSession): Promise<string> {
  const token = Buffer.from('ask');
  let payload = 'not told';
  const answered = new Promise<void>((resolve) => {
    session.onmessage = (data) => {
      const answer = decodeCoap(data);
      if (answer.code !== CONTENT || !token.equals(answer.token)) return;
      payload = answer.payload;
      resolve();
    };
  });
  session.send(encodeCoap({ type: CONFIRMABLE, code: GET, id: 7, token, path: ['time'], payload: '' }));
  await within(answered, STEP_MS);
  return payload;
}

function described(session: DTLSSession): string {
  const who =
    session.pskIdentity ?? (session.authorized ? 'authorized' : (session.authorizationError ?? '?'));
  return `${session.cipher?.standardName ?? '?'}, ${who}`;
}

function serverCredentials({ credentials, suite }: Row, { servers, ca }: Pki) {
  const ciphers = suite === undefined ? {} : { ciphers: suite };
  return credentials === 'PSK'
    ? { ...ciphers, psk: { [COAP_PSK.identity]: KEY }, pskIdentityHint: 'CoAP' }
    : { ...ciphers, ...pem(servers.ECDSA), ca: readFileSync(ca), requestCert: true };
}

function clientCredentials({ credentials, suite }: Row, { clients, ca }: Pki) {
  const ciphers = suite === undefined ? {} : { ciphers: suite };
  return credentials === 'PSK'
    ? { ...ciphers, psk: { identity: COAP_PSK.identity, key: KEY } }
    : { ...ciphers, ...pem(clients.ECDSA), ca: readFileSync(ca), servername: SERVER_NAME };
}

const KEY = Buffer.from(COAP_PSK.key, 'hex');

function pem({ cert, key }: Pki['servers']['ECDSA']) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function failure(reason: string, child: Child): Failure {
  return new Failure(reason, [`$ ${child.command}\n${child.output}`]);
}
