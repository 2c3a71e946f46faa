import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { client, echoServer, roundTrip, until } from './echo.js';

/** Sends one UDP datagram with source port 0. This needs a raw socket and the permission to open one. */
const SPOOF = `
import socket, struct, sys
payload = bytes.fromhex(sys.argv[2])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack('!HHHH', 0, int(sys.argv[1]), 8 + len(payload), 0) + payload, ('127.0.0.1', 0))
`;

const CLIENT_HELLO = `16fefd000000000000000000360100002a000000000000002afefd${'01'.repeat(32)}00000002c02b0100`;

function spoof(port: number, payload: string): boolean {
  return spawnSync('python3', ['-c', SPOOF, String(port), payload]).status === 0;
}

const skip = spoof(9, '00') ? false : 'raw sockets need python3 and root';

it('a ClientHello from port 0 is rejected and counted, because it cannot be answered', { skip }, async () => {
  const server = echoServer();
  assert.ok(spoof(server.port, CLIENT_HELLO));
  await until(() => server.endpoint.stats.serverRejectedCount > 0n);
  assert.equal(server.endpoint.stats.serverRejectedCount, 1n);
  assert.equal(server.endpoint.stats.cookiesSent, 0n);
  const session = client(server.port);
  await session.opened;
  assert.equal(await roundTrip(session, 'alive'), 'alive');
  await session.close();
  await server.endpoint.close();
});
