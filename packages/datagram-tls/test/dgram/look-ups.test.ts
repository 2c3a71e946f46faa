// Messages to host names: what waits for a look-up, and what is remembered of one. An attacker may choose the names.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Socket } from '#lib/dgram.js';
import { until } from '../driver/echo.js';
import { bound, closed, echoing, HOST, PSK_CLIENT, PSK_SERVER, type Sent, send, watched } from './sockets.js';

type Found = (error: Error | null, address: string, family: number) => void;

/** A look-up that the test answers. */
function asked() {
  const questions: { readonly name: string; readonly done: Found }[] = [];
  const lookup = (name: string, _options: unknown, done: Found): void => void questions.push({ name, done });
  return { questions, lookup };
}

function sendMany(socket: Socket, messages: number, hosts: readonly string[]): Sent[] {
  const sent: Sent[] = [];
  for (let i = 0; i < messages; i++)
    socket.send(Buffer.alloc(488), 9, hosts[i % hosts.length], (error, bytes) => sent.push([error, bytes]));
  return sent;
}

suite('messages that wait for a look-up', () => {
  test('to one host wait for one look-up, and are sent in order', async () => {
    const server = await bound({ server: PSK_SERVER });
    const { questions, lookup } = asked();
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    for (const text of ['one', 'two', 'three']) client.socket.send(text, server.port(), 'device.example');
    assert.deepEqual(
      questions.map(({ name }) => name),
      ['device.example'],
    );
    questions[0]?.done(null, HOST, 4);
    await until(() => server.received.length === 3);
    assert.deepEqual(
      server.received.map(({ text }) => text),
      ['one', 'two', 'three'],
    );
    await closed(client, server);
  });

  test('to one host take maxQueuedBytes, and to all hosts maxQueuedBytesInAll', async () => {
    const { questions, lookup } = asked();
    const dtls = { client: PSK_CLIENT, maxQueuedBytes: 3000, maxQueuedBytesInAll: 5000 };
    const client = await bound(dtls, { lookup });
    const sent = sendMany(client.socket, 30, ['a.example', 'b.example', 'c.example']);
    assert.equal(client.socket.getSendQueueSize(), 5000);
    assert.equal(client.socket.getSendQueueCount(), 5);
    await until(() => sent.length === 25);
    assert.ok(sent.every(([error]) => error?.code === 'ENOBUFS' && /to [abc]\.example /.test(error.message)));
    assert.equal(client.socket.drops.queue_full, 25);
    for (const { done } of questions) done(new Error('no such host'), '', 4);
    await until(() => sent.length === 30);
    assert.equal(client.socket.getSendQueueSize(), 0);
    await closed(client);
  });

  test('get an error when the socket is closed, and do not wait for the answer', async () => {
    const { questions, lookup } = asked();
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    const sent = sendMany(client.socket, 2, ['device.example']);
    client.socket.endpoint?.destroy();
    client.socket.close();
    await until(() => sent.length === 2);
    assert.ok(sent.every(([error]) => error?.code === 'ERR_SOCKET_DGRAM_NOT_RUNNING'));
    questions[0]?.done(null, HOST, 4);
    assert.deepEqual(client.errors, []);
  });

  test('are sent once, however often the look-up answers', async () => {
    const server = await bound({ server: PSK_SERVER });
    const lookup = (_name: string, _options: unknown, done: Found): void => {
      for (let i = 0; i < 3; i++) done(null, HOST, 4);
      setImmediate(done, new Error('too late'), '', 4);
    };
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    assert.deepEqual(await send(client.socket, 'hello', server.port(), 'device.example'), [null, 5]);
    await send(client.socket, 'last', server.port());
    await until(() => server.received.some(({ text }) => text === 'last'));
    assert.equal(server.received.length, 2);
    assert.deepEqual(client.errors, []);
    await closed(client, server);
  });

  test('get the error of a look-up that throws', async () => {
    const thrown = new Error('no resolver');
    const lookup = (): never => {
      throw thrown;
    };
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    assert.equal((await send(client.socket, 'hello', 9, 'device.example'))[0], thrown);
    assert.equal((await send(client.socket, 'again', 9, 'device.example'))[0], thrown);
    await closed(client);
  });
});

suite('the address of a name', () => {
  test('is looked up once while its session lasts, and again after that', async () => {
    const server = await echoing();
    const { questions, lookup } = asked();
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    const visit = async (): Promise<void> => {
      const sent = send(client.socket, 'hello', server.port(), 'device.example');
      questions.at(-1)?.done(null, HOST, 4);
      await sent;
    };
    await visit();
    await visit();
    assert.equal(questions.length, 1);
    const session = client.socket.sessionWith({ address: HOST, port: server.port() });
    await session?.close();
    await until(() => client.socket.sessionWith({ address: HOST, port: server.port() }) === undefined);
    await visit();
    assert.equal(questions.length, 2);
    await closed(client, server);
  });

  test('with which no session begins is not remembered', async () => {
    const { questions, lookup } = asked();
    const server = await bound({ server: PSK_SERVER }, { lookup });
    for (let i = 1; i <= 3; i++) {
      const sent = send(server.socket, 'late', 9, 'device.example');
      assert.equal(questions.length, i);
      questions[i - 1]?.done(null, HOST, 4);
      await sent;
    }
    assert.equal(server.socket.drops.no_session, 3);
    await closed(server);
  });

  test('is remembered for 64 names of one peer; messages to more arrive all the same', async () => {
    const server = await bound({ server: PSK_SERVER });
    let lookedUp = 0;
    const lookup = (_name: string, _options: unknown, done: Found): void => {
      lookedUp++;
      done(null, HOST, 4);
    };
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    await send(client.socket, 'hello', server.port(), 'host-0.example');
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 70; i++) await send(client.socket, 'hello', server.port(), `host-${i}.example`);
    assert.equal(lookedUp, 70 + 6);
    await until(() => server.received.length === 141);
    await closed(client, server);
  });

  test('that is a multicast address, mapped or not, is refused on a socket of IPv6', async () => {
    const client = watched({ client: PSK_CLIENT }, { type: 'udp6' });
    for (const address of [
      '::ffff:224.0.0.1',
      '::ffff:e000:1',
      '::ffff:255.255.255.255',
      'ff02::1',
      'FF05::2',
    ])
      assert.equal((await send(client.socket, 'hello', 5684, address))[0]?.code, 'ERR_DTLS_MULTICAST');
    await closed(client);
  });
});
