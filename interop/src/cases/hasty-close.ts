import { readFileSync } from 'node:fs';
import { connect } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { Relay } from '../net/relay.js';
import { boringssl } from '../peers/boringssl.js';
import { dimpl } from '../peers/dimpl.js';
import { nss } from '../peers/nss.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { wolfssl } from '../peers/wolfssl.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 20_000;
/** A client gives up waiting for the server's ACK after three seconds. */
const CLOSED_MS = 2500;
const END_MS = 5000;
const SILENT = 'dimpl ends without an answer at a close_notify before the Finished';
const EAGER = { initial: 250, max: 2000 };

/**
 * Our client of DTLS 1.3 closes as soon as its handshake is done, when the server has not even its Finished: the server
 * hears of the end, and the client does not wait for a timeout, also where the Finished is lost.
 */
export function hastyCloseCases(): Case[] {
  return [nss, wolfssl, boringssl, dimpl].flatMap((server) =>
    [false, true].map((isLost) => ({
      name: `${pairName({ client: ours, server })}, DTLSv1.3, the client closes at once${isLost ? ', its Finished is lost' : ''}`,
      kind: isLost ? ('loss' as const) : ('session' as const),
      client: ours,
      server,
      impossible: isLost && server === dimpl ? SILENT : undefined,
      slow: isLost,
      timeout: TIMEOUT_MS,
      run: async (pki: Pki) => await visit(server, isLost, pki),
    })),
  );
}

async function visit(peer: Peer, isLost: boolean, pki: Pki): Promise<string> {
  const server = await peer.startServer({
    ...{ version: 'DTLSv1.3', host: HOST, folder: pki.folder, pair: pki.servers.ECDSA },
  });
  let losses = isLost ? 1 : 0;
  const relay = await Relay.start({
    server: { host: HOST, port: server.port },
    rewrite: (data, direction) =>
      direction === 'to-server' && isProtected(data) && losses-- > 0 ? [] : undefined,
  });
  const session = connect(HOST, relay.port, {
    ...{ ca: readFileSync(pki.ca), servername: SERVER_NAME, minVersion: 'DTLSv1.3' },
    retransmission: EAGER,
  });
  try {
    await session.opened;
    const began = performance.now();
    await session.close();
    const took = Math.round(performance.now() - began);
    if (took > CLOSED_MS) throw new Failure(`the client was closed only after ${took} ms`);
    if (!(await server.over(END_MS))) throw new Failure('the server did not notice the end of the session');
    return `${took} ms`;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [server.log()]);
  } finally {
    session.destroy();
    relay.close();
    await server.stop();
  }
}

/** The unified header of DTLS 1.3 (RFC 9147 §4). */
function isProtected([first = 0]: Uint8Array): boolean {
  return first >> 5 === 1;
}
