/**
 * Two servers behind a UDP load balancer, and clients that change their address in mid-session. The balancer has no keys of DTLS: it
 * reads the server's ID in the connection ID of a record, and sends records without one, which handshakes consist of, where the
 * address of the client says. All is on loopback.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { listen } from 'datagram-tls';
import { loadBalancedConnectionIds, serverIdReader } from 'datagram-tls/load-balancing';
import { moveClients } from './moving-clients.js';

const HOST = '127.0.0.1';
const SERVERS = 2;
const CLIENTS = 6;
/** Ports that the balancer holds towards servers. The one that was used least recently is closed for another. */
const MAX_FLOWS = 1000;

/** What servers and balancer share: the form of connection IDs and their key. */
const LENGTHS = { serverIdLength: 1, nonceLength: 7 };
const idKey = crypto.getRandomValues(new Uint8Array(16));
const psk = crypto.getRandomValues(new Uint8Array(32));

/** A client's address as one server sees it: a port of the balancer. */
interface Flow {
  readonly socket: Socket;
  readonly server: number;
}

class Balancer {
  byServerId = 0;
  byAddress = 0;
  readonly #servers: readonly number[];
  readonly #front: Socket;
  readonly #read = serverIdReader({ ...LENGTHS, key: idKey });
  /** By address and server, the one that was used last at the end. */
  readonly #flows = new Map<string, Flow>();

  private constructor(servers: readonly number[], front: Socket) {
    this.#servers = servers;
    this.#front = front;
    front.on('message', (datagram, from) => this.#forward(datagram, from));
  }

  static async bind(servers: readonly number[]): Promise<Balancer> {
    return new Balancer(servers, await bound());
  }

  get port(): number {
    return this.#front.address().port;
  }

  close(): void {
    this.#front.close();
    for (const { socket } of this.#flows.values()) socket.close();
  }

  #forward(datagram: Uint8Array, from: RemoteInfo): void {
    const server = this.#serverOf(datagram, from);
    const { socket } = this.#flow(from, server);
    socket.send(datagram, this.#servers[server], HOST);
  }

  /** Anybody can write any server ID, so that it may be of no server. */
  #serverOf(datagram: Uint8Array, from: RemoteInfo): number {
    const named = this.#read(datagram).serverId?.[0];
    if (named !== undefined && named < this.#servers.length) {
      this.byServerId++;
      return named;
    }
    this.byAddress++;
    return from.port % this.#servers.length;
  }

  #flow({ address, port }: RemoteInfo, server: number): Flow {
    const key = `${address} ${port} ${server}`;
    const flow = this.#flows.get(key) ?? { socket: createSocket('udp4'), server };
    if (!this.#flows.delete(key))
      flow.socket.on('message', (answer) => this.#front.send(answer, port, address));
    this.#flows.set(key, flow);
    for (const [oldest, { socket }] of this.#flows) {
      if (this.#flows.size <= MAX_FLOWS) break;
      this.#flows.delete(oldest);
      socket.close();
    }
    return flow;
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

/** It answers with its number. */
function serve(number: number) {
  const connectionId = loadBalancedConnectionIds({
    serverId: Uint8Array.of(number),
    nonceLength: LENGTHS.nonceLength,
    key: idKey,
  });
  return listen(
    (session) => {
      session.onmessage = () => void session.send(`server ${number}`);
    },
    { host: HOST, port: 0, psk: { device: psk }, connectionId },
  );
}

const endpoints = Array.from({ length: SERVERS }, (_, number) => serve(number));
await Promise.all(endpoints.map(({ opened }) => opened));
const balancer = await Balancer.bind(endpoints.map(({ address }) => address?.port ?? 0));

const { same, sessions: clients } = await moveClients(CLIENTS, balancer.port, psk);
console.log(`${CLIENTS} clients moved, ${same} of them are with their server`);
const handshakes = endpoints.reduce((sum, { stats }) => sum + Number(stats.handshakesCompleted), 0);
console.log(`${handshakes} handshakes in all`);
const migrations = endpoints.flatMap(({ sessions }) => [...sessions].map(({ stats }) => stats.migrations));
console.log(`the servers saw ${migrations.filter((count) => count > 0n).length} changes of address`);
console.log(`by server ID: ${balancer.byServerId >= 2 * CLIENTS}, by address: ${balancer.byAddress > 0}`);

await Promise.all(clients.map((session) => session.close()));
await Promise.all(endpoints.map((endpoint) => endpoint.close()));
balancer.close();
