import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodePcap } from './pcap.js';
import { Relay, type RelayOptions } from './relay.js';

const HOST = '127.0.0.1';
const STORM = { seed: 7, loss: 0.3, duplicate: 0.2, reorder: 0.2, delay: 5 };

test('a relay without faults delivers every datagram once, both ways', async () => {
  const heard = await through({}, 10);
  assert.deepEqual(heard.server, range(10));
  assert.deepEqual(heard.client, range(10));
});

test('a seed decides the same fates in every run', async () => {
  const [one, two] = [await through({ weather: STORM }, 40), await through({ weather: STORM }, 40)];
  assert.deepEqual(sorted(one.server), sorted(two.server));
  assert.notDeepEqual(sorted(one.server), range(40));
});

test('a relay with faults loses, repeats and reorders', async () => {
  const { server } = await through({ weather: STORM }, 100);
  const distinct = new Set(server).size;
  assert.ok(distinct > 50 && distinct < 90, `${distinct} of 100 arrived`);
  assert.ok(server.length > distinct, 'none was repeated');
  assert.notDeepEqual(server, sorted(server));
});

test('a datagram larger than the MTU is dropped and counted', async () => {
  const heard = await through({ mtu: 2 }, 12);
  assert.deepEqual(heard.server, range(10));
  assert.equal(heard.tooLarge, 2);
});

test('a client that moves comes from another address, and what is sent to the old one is lost', async () => {
  const server = await bound();
  const client = await bound();
  const relay = await Relay.start({ server: { host: HOST, port: server.address().port } });
  const seen: { address: string; port: number }[] = [];
  const heard: string[] = [];
  server.on('message', (_, { address, port }) => void seen.push({ address, port }));
  client.on('message', (bytes) => void heard.push(bytes.toString()));
  const say = async () => {
    const before = seen.length;
    await send(client, 'here', relay.port);
    while (seen.length === before) await sleep(5);
  };
  await say();
  relay.move('127.0.0.2');
  await say();
  relay.move();
  await say();
  const [first, second, third] = seen;
  assert.deepEqual([first?.address, second?.address, third?.address], [HOST, '127.0.0.2', HOST]);
  assert.notEqual(first?.port, third?.port);
  for (const [index, { address, port }] of seen.entries()) server.send(`answer ${index}`, port, address);
  while (heard.length === 0 || relay.astray < 2) await sleep(5);
  assert.deepEqual(heard, ['answer 2']);
  for (const one of [relay, server, client]) one.close();
});

test('a capture is a pcap file with a packet for each passage', () => {
  const bytes = Uint8Array.of(22, 254, 253);
  const file = encodePcap([{ direction: 'to-server', at: 1500, clientPort: 4000, moves: 0, bytes }], 5684);
  const packet = Buffer.from(file).subarray(24);
  assert.equal(packet.readUInt32LE(0), 1);
  assert.equal(packet.readUInt32LE(8), 14 + 20 + 8 + bytes.length);
  assert.equal(packet.readUInt16BE(16 + 34), 4000);
  assert.equal(packet.readUInt16BE(16 + 36), 5684);
  assert.deepEqual([...packet.subarray(-3)], [...bytes]);
});

/** Sends the numbers below `count`, one datagram ("n3") each, through a relay to a server that answers each with the same. */
async function through(options: Omit<RelayOptions, 'server'>, count: number) {
  const [server, client] = [await bound(), await bound()];
  const relay = await Relay.start({ ...options, server: { host: HOST, port: server.address().port } });
  const heard = { server: [] as number[], client: [] as number[], tooLarge: 0 };
  server.on('message', (bytes, from) => {
    heard.server.push(Number(bytes.toString().slice(1)));
    server.send(bytes, from.port, from.address);
  });
  client.on('message', (bytes) => heard.client.push(Number(bytes.toString().slice(1))));
  for (const n of range(count)) await send(client, `n${n}`, relay.port);
  await quiet(() => heard.server.length + heard.client.length);
  heard.tooLarge = relay.tooLarge;
  relay.close();
  server.close();
  client.close();
  return heard;
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => void socket.bind(0, HOST, resolve));
  return socket;
}

async function send(socket: Socket, text: string, port: number): Promise<void> {
  await new Promise<void>((resolve) => socket.send(text, port, HOST, () => resolve()));
}

/** Waits until a count has not changed for longer than any delay of the relay. */
async function quiet(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await sleep(300);
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}
