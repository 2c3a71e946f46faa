/**
 * The DTLS of werift, an implementation in TypeScript, as an echo server: `--package FOLDER --cert FILE --key FILE`. It is for one
 * peer, so each address has its own.
 */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { serveControl } from './control.js';

/** The parts of werift that are used here. */
interface Werift {
  readonly DtlsServer: new (options: {
    transport: Transport;
    cert: string;
    key: string;
    signatureHash: { hash: number; signature: number };
    extendedMasterSecret: boolean;
  }) => WeriftServer;
}

interface WeriftServer {
  readonly onData: { subscribe(heard: (message: Buffer) => void): unknown };
  readonly onClose: { subscribe(closed: () => void): unknown };
  readonly onError: { subscribe(failed: (error: Error) => void): unknown };
  send(message: Buffer): Promise<void>;
}

interface Transport {
  readonly type: string;
  readonly address: object;
  readonly closed: boolean;
  onData: (datagram: Buffer, from: readonly [string, number]) => void;
  send(datagram: Buffer): Promise<void>;
  close(): Promise<void>;
}

const SHA256 = 4;
const ECDSA = 3;

const { values } = parseArgs({
  options: {
    package: { type: 'string', default: '' },
    cert: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
    suite: { type: 'string' },
  },
});

const entry = pathToFileURL(join(values.package, 'lib/dtls/src/index.js')).href;
const { DtlsServer } = (await import(entry)) as Werift;
const cert = readFileSync(values.cert, 'utf8');
const key = readFileSync(values.key, 'utf8');
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
const peers = new Map<number, Transport>();

socket.on('message', (datagram, from) => {
  const transport = peers.get(from.port) ?? accept(from);
  transport.onData(datagram, [from.address, from.port]);
});
socket.bind(0, '127.0.0.1', () => serveControl(socket.address().port));

function accept({ address, port }: RemoteInfo): Transport {
  const transport: Transport = {
    type: 'udp',
    address: socket.address(),
    closed: false,
    onData: () => undefined,
    send: (datagram) => {
      socket.send(datagram, port, address);
      return Promise.resolve();
    },
    close: () => {
      peers.delete(port);
      return Promise.resolve();
    },
  };
  peers.set(port, transport);
  const signatureHash = { hash: SHA256, signature: ECDSA };
  const server = new DtlsServer({ transport, cert, key, signatureHash, extendedMasterSecret: true });
  server.onData.subscribe((message) => void server.send(message));
  server.onClose.subscribe(() => peers.delete(port));
  server.onError.subscribe(() => peers.delete(port));
  return transport;
}
