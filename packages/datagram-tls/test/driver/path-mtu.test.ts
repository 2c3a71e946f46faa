import assert from 'node:assert/strict';
import { Socket } from 'node:dgram';
import { afterEach, mock, suite, test } from 'node:test';
import { SERVERS } from '../support/identities.js';
import { client, echoServer, roundTrip } from './echo.js';

/**
 * Longer than any test here, ms: the only cause of a retransmission is a refusal of the system. native-datagrams.test.ts has the
 * same of native code.
 */
const NEVER = {
  retransmission: { initial: 300_000, max: 600_000 },
  handshakeTimeout: 0,
  acceleration: 'off',
} as const;

type Done = (error: Error | null, bytes: number) => void;
/** With port and address, or on a connected socket without. */
type Send = (this: Socket, data: Uint8Array, ...rest: unknown[]) => void;

/** From now on this process's sockets refuse datagrams of more than `limit` bytes, as the kernel does. */
function refuseBeyond(limit: number): { largest: number } {
  const seen = { largest: 0 };
  const send = Reflect.get(Socket.prototype, 'send') as Send;
  const limited: Send = function (data, ...rest) {
    if (data.length <= limit) {
      seen.largest = Math.max(seen.largest, data.length);
      send.call(this, data, ...rest);
      return;
    }
    const done = rest.find((argument): argument is Done => typeof argument === 'function');
    const refusal = Object.assign(new Error('send EMSGSIZE'), { code: 'EMSGSIZE' });
    if (done === undefined) process.nextTick(() => this.emit('error', refusal));
    else process.nextTick(done, refusal, 0);
  };
  mock.method(Socket.prototype, 'send', limited);
  return seen;
}

suite('a datagram that the system refuses for its size', () => {
  afterEach(() => mock.restoreAll());

  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    test(`a refused datagram of a handshake is sent again in smaller ones at once, ${version}`, async () => {
      const seen = refuseBeyond(600);
      const options = { ...NEVER, minVersion: version, maxVersion: version, groups: 'x25519' };
      const server = echoServer({ ...SERVERS.rsa, ...options });
      const session = client(server.port, options);
      await session.opened;
      assert.ok((server.sessions[0]?.drops.send_failed ?? 0) > 0);
      assert.ok(seen.largest <= 600);
      assert.equal(await roundTrip(session, 'through'), 'through');
      await session.close();
      await server.endpoint.close();
    });
  }

  test('a refused datagram of application data is counted, and lowers maxMessageSize', async () => {
    const server = echoServer();
    const session = client(server.port, { mtu: 9000, acceleration: 'off' });
    await session.opened;
    const before = session.maxMessageSize ?? 0;
    refuseBeyond(2000);
    assert.equal(session.send(new Uint8Array(before)), before);
    await new Promise((resolve) => void setImmediate(resolve));
    assert.equal(session.drops.send_failed, 1);
    const { maxMessageSize = 0 } = session;
    assert.ok(maxMessageSize > 1100 && maxMessageSize < 1232);
    assert.throws(() => session.send(new Uint8Array(before)), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(session.destroyed, false);
    await session.close();
    await server.endpoint.close();
  });
});
