import assert from 'node:assert/strict';
import { Socket } from 'node:dgram';
import { test } from 'node:test';
import { connect } from '#lib/index.js';
import { freePort } from '../support/loopback.js';
import { client, echoServer, roundTrip } from './echo.js';

// Siege cases F6 and D3: a peer that cannot be reached was found out after the whole handshake timeout.

const PATIENCE = { timeout: 60_000 };
/** Node's own function, which a test replaces. */
const real = Reflect.get(Socket.prototype, 'connect') as (...args: Parameters<Socket['connect']>) => void;

test('a client learns of a closed port long before its handshake times out', PATIENCE, async () => {
  const session = connect('127.0.0.1', await freePort(), { handshakeTimeout: 0 });
  await assert.rejects(session.opened, {
    code: 'ERR_DTLS_UNREACHABLE',
    source: 'network',
    message: /^no datagram reaches the peer: connection refused\. .* \(ECONNREFUSED\)$/,
  });
  // Our flight went out again first: the message that refused it may be forged.
  assert.ok(session.stats.retransmitCount > 0n);
});

test('a client whose system has no route to its peer fails at its first flight', PATIENCE, async () => {
  // Sending to a broadcast address needs a permission that no socket here has.
  const session = connect('255.255.255.255', 9999, { handshakeTimeout: 0 });
  await assert.rejects(session.opened, {
    code: 'ERR_DTLS_UNREACHABLE',
    message: /^no datagram reaches the peer: permission denied\. .* \(EACCES\)$/,
  });
  assert.equal(session.stats.retransmitCount, 0n);
});

test('ICMP messages about later datagrams do not end an open session', PATIENCE, async (t) => {
  const sockets = new Set<Socket>();
  t.mock.method(
    Socket.prototype,
    'connect',
    function connect(this: Socket, ...args: Parameters<Socket['connect']>) {
      sockets.add(this);
      return real.apply(this, args);
    },
  );
  const server = echoServer();
  const session = client(server.port, { acceleration: 'off' });
  await session.opened;
  const [socket = assert.fail()] = sockets;
  for (const code of ['EMSGSIZE', 'EACCES', 'EPROTO', 'ECONNREFUSED', 'EHOSTUNREACH'])
    socket.emit('error', Object.assign(new Error(code), { code }));
  assert.equal(await roundTrip(session, 'still here'), 'still here');
  await session.close();
  await server.endpoint.close();
});
