// D1: what users receive is a Buffer.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { client, echoServer } from '../driver/echo.js';

suite('bytes that users receive', () => {
  test('messages are Buffers, for onmessage and for iteration', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    let heard: Buffer | undefined;
    session.onmessage = (data) => {
      heard = data;
    };
    session.send('hello');
    for await (const message of session) {
      assert.ok(Buffer.isBuffer(message));
      assert.equal(message.toString(), 'hello');
      break;
    }
    assert.ok(Buffer.isBuffer(heard));
    assert.equal(heard.toString(), 'hello');
  });

  test('early data is a Buffer', async (t) => {
    const heard: unknown[] = [];
    const server = echoServer({ maxEarlyData: 1000, onearlydata: (data) => void heard.push(data) });
    t.after(() => server.endpoint.destroy());
    const first = client(server.port, { minVersion: 'DTLSv1.3' });
    const saved = await new Promise<Buffer>((resolve) => {
      first.onsession = resolve;
    });
    await first.close();
    const second = client(server.port, { minVersion: 'DTLSv1.3', session: saved, earlyData: 'soon' });
    await second.opened;
    await second.close();
    assert.equal(heard.length, 1);
    assert.ok(Buffer.isBuffer(heard[0]));
    assert.equal(heard[0].toString(), 'soon');
  });

  test('exported keying material and saved sessions are Buffers', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { maxVersion: 'DTLSv1.2' });
    await session.opened;
    assert.ok(Buffer.isBuffer(session.exportKeyingMaterial(20, 'EXPORTER-x')));
    assert.ok(Buffer.isBuffer(session.session));
    await session.close();
  });
});
