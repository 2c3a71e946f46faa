import { connect } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls } from '../peers/mbedtls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { SERVER_NAME } from '../pki.js';
import type { Version } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
const KEY = '000102030405060708090a0b0c0d0e0f';
const IDENTITY = 'sensor-1';
/**
 * Most servers of DTLS 1.2 do not answer records that they cannot read; a client need not wait a minute to learn
 * that.
 */
const HANDSHAKE_MS = 4000;

const SERVERS: readonly (readonly [Version, readonly Peer[]])[] = [
  ['DTLSv1.2', [openssl, gnutls, wolfssl, mbedtls, pion3, scandium]],
  ['DTLSv1.3', [nss, wolfssl]],
];
const SUITES = {
  'DTLSv1.2': ['TLS_PSK_WITH_AES_128_GCM_SHA256', 'TLS_PSK_WITH_AES_128_CCM_8'],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256'],
} as const;

/** Our client with the wrong key: whatever the server answers, the error names the key as the likely reason. */
export function pskDoubtCases(): Case[] {
  return SERVERS.flatMap(([version, servers]) => servers.map((server) => doubtCase(server, version)));
}

function doubtCase(server: Peer, version: Version): Case {
  const pair = { client: ours, server };
  return {
    ...{ name: `${pairName(pair)}, ${version}, PSK, refused: a wrong key`, kind: 'refusal', ...pair },
    ...{ slow: false, timeout: HANDSHAKE_MS + 30_000 },
    async run({ folder, servers }) {
      const suite = SUITES[version].find((name) => server.suites.includes(name));
      if (suite === undefined) throw new Failure('no suite in common');
      const psk = { identity: IDENTITY, key: KEY };
      const options = { version, folder, host: HOST, suite, psk };
      const side = await server.startServer({ ...options, pair: servers.ECDSA });
      try {
        const { code, message } = await failure(side.port, version, suite);
        if (!message.includes('another pre-shared key')) throw new Failure(message, [side.log()]);
        return code;
      } finally {
        await side.stop();
      }
    },
  };
}

async function failure(
  port: number,
  version: Version,
  suite: string,
): Promise<{ code: string; message: string }> {
  const session = connect(HOST, port, {
    ...{ minVersion: version, maxVersion: version, ciphers: [suite], servername: SERVER_NAME },
    psk: { identity: IDENTITY, key: Buffer.from(KEY.replace('00', 'ff'), 'hex') },
    handshakeTimeout: HANDSHAKE_MS,
  });
  try {
    await session.opened;
  } catch (error) {
    return error as { code: string; message: string };
  } finally {
    session.destroy();
  }
  throw new Failure('a session with the wrong key');
}
