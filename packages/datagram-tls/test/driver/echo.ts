import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';

/** An echo server on a free port, with its sessions. */
export interface EchoServer {
  readonly endpoint: DTLSEndpoint;
  readonly port: number;
  readonly sessions: DTLSSession[];
}

export function echoServer(options: Partial<ListenOptions> = {}): EchoServer {
  const sessions: DTLSSession[] = [];
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
    session.onmessage = (data) => void session.send(data);
  };
  const endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
  return { endpoint, port: endpoint.address?.port ?? 0, sessions };
}

/** An echo server that ends with the test. */
export function server(t: TestContext, options: Partial<ListenOptions> = {}): EchoServer {
  const made = echoServer(options);
  t.after(() => made.endpoint.destroy());
  return made;
}

export function client(port: number, options: ConnectOptions = {}, host = '127.0.0.1'): DTLSSession {
  return connect(host, port, { ca: CA, servername: 'localhost', ...options });
}

/** What a client can resume after a session with the server at `port`. */
export async function saved(port: number, options: ConnectOptions = {}): Promise<Buffer> {
  const session = client(port, options);
  const ticket = new Promise<Buffer>((resolve) => {
    session.onsession = resolve;
  });
  await session.opened;
  const bytes = await ticket;
  await session.close();
  return bytes;
}

/** Sends one message and waits for its echo. Sends it again when a busy machine loses a datagram. */
export async function roundTrip(session: DTLSSession, text: string): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    let tries = 0;
    const send = (): void => {
      if (++tries > 20) reject(new Error(`no answer to ${text}`));
      else session.send(text);
    };
    const again = setInterval(send, 500);
    session.onmessage = (data) => {
      clearInterval(again);
      resolve(new TextDecoder().decode(data));
    };
    send();
  });
}

/** Waits for `done`, for a number of turns instead of a time: machines may be busy. Calls `again` in each turn. */
export async function until(done: () => boolean, again: () => void = () => undefined): Promise<void> {
  for (let i = 0; !done(); i++) {
    if (i >= 20_000) throw new Error('it never happens');
    again();
    await delay(1);
  }
}
