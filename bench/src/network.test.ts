import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { percentile } from './measure.js';
import { lossOf, Relay } from './network.js';

test('a client of the same number loses the same datagrams, one of another number others', () => {
  const draws = (client: number) => Array.from({ length: 50 }, lossOf(client));
  assert.deepEqual(draws(3), draws(3));
  assert.notDeepEqual(draws(3), draws(4));
});

test('a fifth of many datagrams is lost at 20 %', () => {
  let lost = 0;
  for (let client = 0; client < 1000; client++) {
    const random = lossOf(client);
    for (let datagram = 0; datagram < 20; datagram++) if (random() * 100 < 20) lost++;
  }
  assert.ok(lost > 3_600 && lost < 4_400, `${lost} of 20000`);
});

test('a percentile is the smallest sample that so many do not exceed', () => {
  const samples = Array.from({ length: 20 }, (_, i) => 20 - i);
  assert.equal(percentile(samples, 0.5), 10);
  assert.equal(percentile(samples, 0.95), 19);
  assert.equal(percentile([7], 0.95), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('a relay carries datagrams both ways and counts them and the flights', async () => {
  const server = createSocket('udp4');
  server.on('message', (message, { port, address }) => server.send(message, port, address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const relay = await Relay.start({ rtt: 2, loss: 0 }, server.address().port);
  const client = createSocket('udp4');
  try {
    for (const text of ['one', 'two']) {
      const answer = once(client, 'message') as Promise<[Buffer]>;
      client.send(text, relay.port, '127.0.0.1');
      assert.equal((await answer)[0].toString(), text);
    }
    assert.deepEqual(
      relay.passed.map(({ flights, datagrams }) => ({ flights, datagrams })),
      [{ flights: 4, datagrams: 4 }],
    );
  } finally {
    client.close();
    relay.stop();
    server.close();
  }
});
