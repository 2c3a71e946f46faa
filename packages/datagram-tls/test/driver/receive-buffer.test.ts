import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { client, server, until } from './echo.js';

/** More than the default of Linux holds, and less than 1 MiB does. */
const BURST = 1000;
const JUNK = Buffer.alloc(200);
const WANTED = 0x10_0000;

async function bound(t: TestContext): Promise<Socket> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** Nothing is read meanwhile: Node hands each datagram to the kernel at once. */
async function sendBurst(t: TestContext, port: number): Promise<void> {
  const sender = await bound(t);
  sender.connect(port, '127.0.0.1');
  await once(sender, 'connect');
  for (let i = 0; i < BURST; i++) sender.send(JUNK);
}

/** Whether the system gives a socket as much as a server asks for; one of Linux says twice of what it was given. */
async function systemAllows(t: TestContext): Promise<boolean> {
  const socket = await bound(t);
  try {
    socket.setRecvBufferSize(WANTED);
    return socket.getRecvBufferSize() >= WANTED;
  } catch {
    return false;
  }
}

suite('the receive buffer of a server', () => {
  test('holds all of a burst that comes while the event loop does something else', async (t) => {
    if (!(await systemAllows(t))) return t.skip('the system does not allow a buffer of 1 MiB');
    const { endpoint, port } = server(t);
    await sendBurst(t, port);
    await until(() => endpoint.stats.packetsReceived === BigInt(BURST));
  });

  test('is what the option says, where it is given', async (t) => {
    const { endpoint, port } = server(t, { udpReceiveBufferSize: 20_000 });
    await sendBurst(t, port);
    // What comes after the burst is read after it.
    const session = client(port);
    await session.opened;
    assert.ok(endpoint.stats.packetsReceived < BURST / 2, `${endpoint.stats.packetsReceived}`);
    await session.close();
  });
});
