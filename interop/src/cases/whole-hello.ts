import { readFileSync } from 'node:fs';
import { connect } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { type Passage, Relay } from '../net/relay.js';
import { splitHello } from '../net/wire.js';
import { ours } from '../peers/ours.js';
import { wolfssl } from '../peers/wolfssl.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
/** A group that the server does not use: it makes a ClientHello of more than 548 bytes, in one datagram. */
const PROTOCOLS = ['1', '2', '3'].map((digit) => digit.repeat(200));
const TRIES_LOST = 2;
const TIMEOUT_MS = 20_000;
const EAGER = { initial: 100, max: 2000 };

/**
 * A wolfSSL server, which keeps no state and so drops a fragmented first ClientHello: a whole one has to follow. A
 * Mbed TLS server fails on the fragments, and its program has to start again.
 */
export function wholeHelloCases(): Case[] {
  const pair = { client: ours, server: wolfssl };
  return [
    {
      name: `${pairName(pair)}, DTLSv1.2, a large ClientHello is lost twice`,
      kind: 'loss',
      ...pair,
      slow: true,
      timeout: TIMEOUT_MS,
      run: visit,
    },
  ];
}

async function visit(pki: Pki): Promise<string> {
  const server = await wolfssl.startServer({
    ...{ version: 'DTLSv1.2', host: HOST, folder: pki.folder, pair: pki.servers.ECDSA, cookie: true },
  });
  const relay = await Relay.start({
    server: { host: HOST, port: server.port },
    rewrite: (_, direction, index) => (direction === 'to-server' && index < TRIES_LOST ? [] : undefined),
  });
  const session = connect(HOST, relay.port, {
    ...{ ca: readFileSync(pki.ca), servername: SERVER_NAME, maxVersion: 'DTLSv1.2', alpn: PROTOCOLS },
    ...{ handshakeTimeout: TIMEOUT_MS / 2, retransmission: EAGER },
  });
  try {
    await session.opened;
    return judged(relay.passages);
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [server.log()]);
  } finally {
    session.destroy();
    relay.close();
    await server.stop();
  }
}

/** The case shows nothing if the server accepted the fragments, or never got any. */
function judged(passages: readonly Passage[]): string {
  const answer = passages.findIndex(({ direction }) => direction === 'to-client');
  const tries = passages.slice(0, answer);
  const last = tries.slice(-1);
  if (!splitHello(tries)) throw new Failure('no ClientHello was cut');
  if (splitHello(last)) throw new Failure('the server answered fragments');
  return `answered after ${tries.length} datagrams`;
}
