import { once } from 'node:events';
import { createSocket, type DgramDtlsOptions, type Socket } from '#lib/dgram.js';
import { CA, SERVERS } from '../support/identities.js';

export const IDENTITY = 'sensor-1';
export const KEY = Buffer.from('sixteen bytes in');

export const PSK_SERVER = { psk: { [IDENTITY]: KEY } };
export const PSK_CLIENT = { psk: { identity: IDENTITY, key: KEY } };
export const CERTIFICATE_SERVER = SERVERS.p256;
export const CERTIFICATE_CLIENT = { ca: CA };

export const HOST = '127.0.0.1';

export interface Received {
  readonly text: string;
  readonly address: string;
  readonly port: number;
}

/** A socket, and all that it told. */
export interface Watched {
  readonly socket: Socket;
  readonly received: Received[];
  readonly sessionErrors: Error[];
  readonly errors: Error[];
  readonly port: () => number;
}

export function watched(dtls: DgramDtlsOptions | undefined, options: object = {}): Watched {
  const socket = createSocket({ type: 'udp4', ...options, ...(dtls === undefined ? {} : { dtls }) });
  const all: Watched = {
    socket,
    received: [],
    sessionErrors: [],
    errors: [],
    port: () => socket.address().port,
  };
  socket.on('message', (message, { address, port }) => {
    all.received.push({ text: message.toString(), address, port });
  });
  socket.on('sessionError', (error) => void all.sessionErrors.push(error));
  socket.on('error', (error) => void all.errors.push(error));
  return all;
}

/** Bound on a free port of this host. */
export async function bound(dtls: DgramDtlsOptions, options: object = {}): Promise<Watched> {
  const all = watched(dtls, options);
  all.socket.bind(0, HOST);
  await once(all.socket, 'listening');
  return all;
}

/** A server that answers each message with `echo ` and the message. */
export async function echoing(dtls: DgramDtlsOptions = { server: PSK_SERVER }): Promise<Watched> {
  const all = await bound(dtls);
  all.socket.on('message', (message, { address, port }) => {
    all.socket.send(`echo ${message.toString()}`, port, address);
  });
  return all;
}

export function clientOf(dtls: DgramDtlsOptions = { client: PSK_CLIENT }): Watched {
  return watched(dtls);
}

/** What the callback of a send is called with. */
export type Sent = readonly [error: NodeJS.ErrnoException | null, bytes: number];

export async function send(
  socket: Socket,
  message: string | Buffer,
  port: number,
  host = HOST,
): Promise<Sent> {
  return await new Promise((resolve) => {
    socket.send(message, port, host, (error, bytes) => resolve([error, bytes]));
  });
}

export async function closed(...sockets: readonly Watched[]): Promise<void> {
  await Promise.all(sockets.map(async ({ socket }) => await socket[Symbol.asyncDispose]()));
}
