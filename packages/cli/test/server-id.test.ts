import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BalancerOptions, serverIdReader } from 'datagram-tls/load-balancing';
import { assertRefused, dtls, start, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };
const KEY = '000102030405060708090a0b0c0d0e0f';
const PSK = ['--psk', 'device:00112233445566778899aabbccddeeff'];

function keyFile(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'dtls-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'key');
  writeFileSync(file, content);
  return file;
}

/** In front of servers, which have the IDs 0000, 0001 and so on. Records without an ID go to `otherwise`. */
class Balancer {
  otherwise = 0;
  readonly #front = createSocket('udp4');
  readonly #flows = new Map<string, Socket>();

  constructor(options: BalancerOptions, servers: readonly { readonly port: string }[]) {
    const read = serverIdReader(options);
    this.#front.on('message', (datagram, { address, port }) => {
      const { serverId } = read(datagram);
      const server = serverId?.readUInt16BE() ?? this.otherwise;
      const key = `${port} ${server}`;
      const flow = this.#flows.get(key) ?? createSocket('udp4');
      if (!this.#flows.has(key)) flow.on('message', (answer) => this.#front.send(answer, port, address));
      this.#flows.set(key, flow);
      flow.send(datagram, Number(servers[server]?.port), '127.0.0.1');
    });
  }

  async bind(): Promise<string> {
    this.#front.bind(0, '127.0.0.1');
    await once(this.#front, 'listening');
    return `127.0.0.1:${this.#front.address().port}`;
  }

  /** Servers see clients at other addresses from now on. */
  forget(): void {
    for (const flow of this.#flows.values()) flow.close();
    this.#flows.clear();
  }

  close(): void {
    this.#front.close();
    this.forget();
  }
}

for (const version of ['DTLSv1.2', 'DTLSv1.3'])
  test(
    `a client that moves reaches its server of two behind a load balancer, ${version}`,
    PATIENCE,
    async (t) => {
      const flags = [...PSK, '--cid', '12', '--cid-key', keyFile(t, `${KEY}\n`), '--cid-config', '3', '-v'];
      const servers = await Promise.all(
        ['0000', '0001'].map((id) => startServer(t, [...flags, '--cid-server-id', id])),
      );
      const options = { configId: 3, serverIdLength: 2, nonceLength: 9, key: Buffer.from(KEY, 'hex') };
      const balancer = new Balancer(options, servers);
      t.after(() => balancer.close());
      const address = await balancer.bind();
      balancer.otherwise = 1;
      const client = start(t, ['client', address, ...PSK, '--max-version', version]);
      client.stdin.write('before\n');
      await client.shows('stdout', /Echo: before/);
      balancer.forget();
      balancer.otherwise = 0;
      client.stdin.write('after\n');
      await client.shows('stdout', /Echo: after/);
      client.stdin.end();
      await client.finished;
      const [other, own] = servers;
      assert.match(own?.process.stderr ?? '', / open: .*connection ID received [0-9a-f]{24},/);
      assert.doesNotMatch(other?.process.stderr ?? '', / open: /);
    },
  );

test('without a key the ID of the server is readable, and 7 bytes are added', PATIENCE, async (t) => {
  const server = await startServer(t, [...PSK, '--cid-server-id', 'CAFE01', '-v']);
  await dtls(['client', server.address, ...PSK], 'hello\n');
  await server.process.shows('stderr', / open: .*connection ID received [01][0-9a-f]cafe01[0-9a-f]{12},/);
});

const REFUSED: readonly (readonly [why: RegExp, ...args: string[]])[] = [
  [/--cid-server-id .*hexadecimal digits/, '--cid-server-id', 'server1'],
  [/--cid-server-id .*hexadecimal digits/, '--cid-server-id', 'abc'],
  [/--cid-server-id .*2 to 30/, '--cid-server-id', '00'.repeat(16)],
  [/--cid must be 7 to 20 with a server ID of 2 bytes/, '--cid-server-id', '0001', '--cid', '6'],
  [/--cid must be 7 to 20 with a server ID of 2 bytes/, '--cid-server-id', '0001', '--cid', '21'],
  [/--cid-config .*0 to 6/, '--cid-server-id', '0001', '--cid-config', '7'],
  [/--cid-config needs --cid-server-id/, '--cid-config', '1'],
  [/--cid-key needs --cid-server-id/, '--cid-key', '/dev/null'],
];
for (const [why, ...args] of REFUSED)
  test(`${args.join(' ')} is refused with the reason`, PATIENCE, async () => {
    assertRefused(await dtls(['server', '127.0.0.1:0', ...args]), 2, why, true);
  });

test('a --cid-key that is missing, or of another length, is named', PATIENCE, async (t) => {
  const flags = ['server', '127.0.0.1:0', '--cid-server-id', '0001', '--cid-key'];
  assertRefused(await dtls([...flags, '/nowhere/key']), 2, /--cid-key: cannot read '\/nowhere\/key'/, false);
  const long = keyFile(t, Buffer.alloc(32));
  assertRefused(
    await dtls([...flags, long]),
    2,
    /--cid-key: cannot use '.*': it has 32 bytes; 16 random/,
    false,
  );
});

test('--cid-server-id is for servers', PATIENCE, async () => {
  assertRefused(await dtls(['client', '127.0.0.1:9', '--cid-server-id', '00']), 2, /--cid-server-id/, true);
});
