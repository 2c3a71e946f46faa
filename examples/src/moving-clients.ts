/** Clients that change their address in mid-session, and ask before and after that who has the session. All is on loopback. */
import { createSocket, type Socket } from 'node:dgram';
import { connect, type DTLSSession, type Transport } from 'datagram-tls';

const HOST = '127.0.0.1';
/** UDP may lose a question or its answer, ms. */
const PATIENCE = 500;

/** A client's socket, which another one replaces as a change of network does. */
class MovingSocket implements Transport {
  onmessage: Transport['onmessage'];
  readonly #port: number;
  #socket = this.#open();

  constructor(port: number) {
    this.#port = port;
  }

  send(data: Uint8Array): void {
    this.#socket.send(data, this.#port, HOST);
  }

  move(): void {
    this.#socket.close();
    this.#socket = this.#open();
  }

  close(): void {
    this.#socket.close();
  }

  #open(): Socket {
    return createSocket('udp4').on('message', (data) => this.onmessage?.(data));
  }
}

/** Who has the session; asked again while there is no answer. */
async function askWho(session: DTLSSession): Promise<string> {
  const answer = new Promise<string>((resolve) => {
    session.onmessage = (data) => resolve(data.toString());
  });
  const ask = (): void => void session.send('who are you?');
  const again = setInterval(ask, PATIENCE);
  ask();
  try {
    return await answer;
  } finally {
    clearInterval(again);
  }
}

/** What became of the clients; their sessions are open. */
interface Moved {
  /** How many got the same answer before and after. */
  readonly same: number;
  readonly sessions: readonly DTLSSession[];
}

/** Connects `count` clients to `port`, moves all of them, and resolves when each has got its second answer. */
export async function moveClients(count: number, port: number, key: Uint8Array): Promise<Moved> {
  const clients = Array.from({ length: count }, () => {
    const socket = new MovingSocket(port);
    const session = connect('device-server', 1, { transport: socket, psk: { identity: 'device', key } });
    return { socket, session };
  });
  const sessions = clients.map(({ session }) => session);
  await Promise.all(sessions.map(({ opened }) => opened));
  const before = await Promise.all(sessions.map((session) => askWho(session)));
  for (const { socket } of clients) socket.move();
  const after = await Promise.all(sessions.map((session) => askWho(session)));
  return { same: after.filter((answer, i) => answer === before[i]).length, sessions };
}
