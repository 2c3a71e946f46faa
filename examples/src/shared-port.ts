/**
 * One port and several processes. The workers of a cluster share a socket: any of them may get any datagram. Each session belongs to
 * one worker, whose number is in its connection IDs; a worker hands over what belongs to another one. Records without an ID, which
 * handshakes consist of, belong to the worker that the client's address says. The same is right for sockets with `reusePort`, where
 * the system chooses the process by the address of the client, until a client changes it.
 */
import cluster, { type Worker } from 'node:cluster';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type DatagramSource, listen, type Transport } from 'datagram-tls';
import { loadBalancedConnectionIds, serverIdReader } from 'datagram-tls/load-balancing';
import { moveClients } from './moving-clients.js';

const HOST = '127.0.0.1';
const WORKERS = 2;
const CLIENTS = 6;
const LENGTHS = { serverIdLength: 1, nonceLength: 7 };
/** A program takes them from its configuration: the same for all workers. */
const KEYS = {
  KEY_OF_IDS: '6b1d0c1f5a7e42979d1c5b0e3f8a2d64',
  KEY_OF_CLIENTS: '00112233445566778899aabbccddeeff',
};

/** Between the processes. */
type Message =
  | { readonly type: 'listening'; readonly port: number }
  | {
      readonly type: 'datagram';
      readonly worker: number;
      readonly data: Uint8Array;
      readonly from: DatagramSource;
    };

/** The shared socket. It gives the endpoint of this worker what belongs to it, and the rest to the other workers. */
class SharedPort implements Transport {
  onmessage: Transport['onmessage'];
  handedOver = 0;
  readonly #socket: Socket;
  readonly #own: number;
  readonly #read = serverIdReader({ ...LENGTHS, key: Buffer.from(KEYS.KEY_OF_IDS, 'hex') });

  constructor(socket: Socket, own: number) {
    this.#socket = socket;
    this.#own = own;
    socket.on('message', (data, from) => this.#receive(data, from));
    process.on('message', (message: Message) => {
      if (message.type === 'datagram') this.onmessage?.(message.data, message.from);
    });
  }

  get address() {
    const { address, port } = this.#socket.address();
    return { address, port, family: 'IPv4' as const };
  }

  send(data: Uint8Array, { address, port }: DatagramSource): void {
    this.#socket.send(data, port, address);
  }

  close(): void {
    this.#socket.close();
  }

  #receive(data: Uint8Array, from: RemoteInfo): void {
    const worker = this.#workerOf(data, from);
    if (worker === this.#own) return this.onmessage?.(data, { address: from.address, port: from.port });
    this.handedOver++;
    const message: Message = {
      type: 'datagram',
      worker,
      data,
      from: { address: from.address, port: from.port },
    };
    // A callback, since the other worker, or the channel, may be gone: the datagram is lost then.
    process.send?.(message, undefined, undefined, () => undefined);
  }

  /** All workers have to come to the same result. Anybody can write any number, so that it may be of no worker. */
  #workerOf(data: Uint8Array, from: RemoteInfo): number {
    const named = this.#read(data).serverId?.[0];
    return named !== undefined && named < WORKERS ? named : from.port % WORKERS;
  }
}

async function work(): Promise<void> {
  const own = Number(process.env['WORKER']);
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  const shared = new SharedPort(socket, own);
  const connectionId = loadBalancedConnectionIds({
    serverId: Uint8Array.of(own),
    nonceLength: LENGTHS.nonceLength,
    key: Buffer.from(KEYS.KEY_OF_IDS, 'hex'),
  });
  listen(
    (session) => {
      session.onmessage = () => void session.send(`worker ${own}`);
    },
    { transport: shared, psk: { device: Buffer.from(KEYS.KEY_OF_CLIENTS, 'hex') }, connectionId },
  );
  process.send?.({ type: 'listening', port: shared.address.port } satisfies Message);
}

/** Starts the workers, passes on what they hand over, and resolves with their port. */
async function startWorkers(): Promise<{ readonly workers: readonly Worker[]; readonly port: number }> {
  cluster.setupPrimary({ serialization: 'advanced' });
  const workers = Array.from({ length: WORKERS }, (_, number) => cluster.fork({ WORKER: String(number) }));
  const ports = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<number>((resolve) => {
          worker.on('message', (message: Message) => {
            if (message.type === 'listening') resolve(message.port);
            else workers[message.worker]?.send(message, () => undefined);
          });
        }),
    ),
  );
  const [port = 0] = ports;
  console.log(`${WORKERS} workers on ${new Set(ports).size} port`);
  return { workers, port };
}

async function main(): Promise<void> {
  const { workers, port } = await startWorkers();
  const key = Buffer.from(KEYS.KEY_OF_CLIENTS, 'hex');
  const { same, sessions } = await moveClients(CLIENTS, port, key);
  console.log(`${CLIENTS} clients moved, ${same} of them are with their worker`);
  await Promise.all(sessions.map((session) => session.close()));
  for (const worker of workers) worker.kill();
}

await (cluster.isPrimary ? main() : work());
