import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import {
  Connection,
  type ConnectionEvent,
  type Destination,
  dtls12,
  dtls13,
  encodeSession,
  nodeProvider,
  type PeerAddress,
  type Platform,
  type ProtocolVersion,
  performJob,
  resolveBehaviour,
  resolveSecurity,
  resolveSession,
  type Security,
  type SecurityOptions,
  TrustStore,
} from 'datagram-tls/core';
import { nextSecret, type Sealer, sealer12, sealer13 } from './protection.js';
import { serverRandom } from './records.js';

export type Version = 'DTLSv1.2' | 'DTLSv1.3';

/** Where an attacked server listens. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

const PLATFORM: Platform<ProtocolVersion> = {
  provider: nodeProvider,
  versions: [dtls13, dtls12],
  defaultTrust: () => new TrustStore([]),
  describeCertificate: () => undefined,
};
const BEHAVIOUR = resolveBehaviour({}, false);
const NO_NAME: Destination = { serverName: undefined, verifyName: undefined };
/** An attacker's socket sends to one server: the address inside the library does not matter. */
const SERVER: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 4433 };
const STEP_TIMEOUT_MS = 5000;

/** An attacker's offer: one suite, so that its records can be sealed by hand, and a share that fits one datagram. */
export function clientSecurity(version: Version, more: SecurityOptions = {}): Security {
  const ciphers = version === 'DTLSv1.3' ? 'TLS_AES_128_GCM_SHA256' : 'ECDHE-ECDSA-AES128-GCM-SHA256';
  const options = { minVersion: version, maxVersion: version, ciphers, groups: 'x25519:P-256' };
  return resolveSecurity({ ...options, rejectUnauthorized: false, ...more }, 'client', PLATFORM);
}

/** The datagrams with which a new client begins. */
export function firstHello(security: Security, destination: Destination = NO_NAME): Buffer[] {
  const connection = Connection.create(security, BEHAVIOUR, destination, SERVER);
  connection.start(performance.now());
  doJobs(connection);
  const flight: Buffer[] = [];
  for (let out = connection.pollTransmit(); out !== undefined; out = connection.pollTransmit())
    flight.push(Buffer.from(out.data));
  return flight;
}

/** An attacker answers its own jobs at once; every event goes to `tell`. Returns whether there were any. */
function doJobs(connection: Connection, tell: (event: ConnectionEvent) => void = () => undefined): boolean {
  let told = false;
  for (let event = connection.pollEvent(); event !== undefined; event = connection.pollEvent()) {
    told = true;
    tell(event);
    if (event.type !== 'job') continue;
    const answer = performJob(event.job, connection.security, Date.now());
    if (answer instanceof Promise) throw new Error('a job of the attacker takes time');
    connection.answer(event.id, answer, performance.now());
  }
  return told;
}

export interface HostileOptions {
  readonly address?: string;
  readonly destination?: Destination;
  /** Replaces a datagram of the library's client before it is sent. */
  readonly filter?: (datagram: Buffer, client: HostileClient) => readonly Buffer[];
  /** Called with each datagram before the library's client gets it; `false` withholds it. */
  readonly onDatagram?: (client: HostileClient, index: number) => boolean;
}

/** A client of the library on its own socket that knows its own keys and can also send anything else. */
export class HostileClient {
  readonly socket: Socket;
  readonly received = { datagrams: 0, bytes: 0 };
  readonly sent = { datagrams: 0, bytes: 0 };
  /** The server's ticket. */
  saved: Uint8Array | undefined;
  readonly #target: Target;
  readonly #options: HostileOptions;
  readonly #connection: Connection;
  readonly #secrets = new Map<string, { secret: Uint8Array; clientRandom: Uint8Array }>();
  #serverRandom: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #onChange: (() => void) | undefined;

  private constructor(target: Target, security: Security, options: HostileOptions) {
    this.#target = target;
    this.#options = options;
    this.socket = createSocket(isIPv6(target.host) ? 'udp6' : 'udp4');
    this.#connection = Connection.create(security, BEHAVIOUR, options.destination ?? NO_NAME, SERVER);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (datagram: Buffer) => this.#onDatagram(datagram));
  }

  /** Binds and sends the first flight. */
  static async start(
    target: Target,
    security: Security,
    options: HostileOptions = {},
  ): Promise<HostileClient> {
    const client = new HostileClient(target, security, options);
    await new Promise<void>((resolve, reject) => {
      client.socket.once('error', reject);
      client.socket.bind(0, options.address, resolve);
    });
    client.#connection.start(performance.now());
    client.#drain();
    return client;
  }

  get connected(): boolean {
    return this.#connection.maySend;
  }

  get closed(): boolean {
    return this.#connection.phase === 'closed';
  }

  hasSecret(label: string): boolean {
    return this.#secrets.has(label);
  }

  /** Resolves to whether `condition` held within some seconds. */
  async until(condition: () => boolean, limitMs = STEP_TIMEOUT_MS): Promise<boolean> {
    if (condition()) return true;
    return await new Promise<boolean>((resolve) => {
      const done = (result: boolean) => {
        clearTimeout(timer);
        this.#onChange = undefined;
        resolve(result);
      };
      const timer = setTimeout(() => done(condition()), limitMs);
      this.#onChange = () => {
        if (condition() || this.closed) done(condition());
      };
    });
  }

  opened(limitMs?: number): Promise<boolean> {
    return this.until(() => this.connected, limitMs);
  }

  /** From now on the library's client receives and sends nothing: only the attacker sends. */
  mute(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  /** Sends application data as the library does. */
  say(data: Uint8Array): void {
    this.#connection.send(data);
    this.#drain();
  }

  updateKeys(): void {
    this.#connection.updateKeys({ requestPeer: true }, performance.now());
    this.#drain();
  }

  /** Seals records of the client in an epoch of DTLS 1.3, or in the one that `updates` KeyUpdates later follows. */
  sealer13(epoch: 2 | 3, updates = 0): Sealer {
    const label = epoch === 2 ? 'CLIENT_HANDSHAKE_TRAFFIC_SECRET' : 'CLIENT_TRAFFIC_SECRET_0';
    let { secret } = this.#secret(label);
    for (let i = 0; i < updates; i++) secret = nextSecret(secret);
    return sealer13(secret, epoch + updates);
  }

  /** Seals records of the client in epoch 1 of DTLS 1.2. */
  sealer12(): Sealer {
    const { secret, clientRandom } = this.#secret('CLIENT_RANDOM');
    if (this.#serverRandom === undefined) throw new Error('no ServerHello was seen');
    return sealer12(secret, clientRandom, this.#serverRandom);
  }

  send(datagram: Uint8Array): void {
    this.sent.datagrams++;
    this.sent.bytes += datagram.length;
    this.socket.send(datagram, this.#target.port, this.#target.host, () => undefined);
  }

  /** Ends without a close_notify. */
  vanish(): void {
    this.mute();
    this.socket.close();
  }

  #secret(label: string) {
    const found = this.#secrets.get(label);
    if (found === undefined) throw new Error(`the client has no ${label}`);
    return found;
  }

  #onDatagram(datagram: Buffer): void {
    const index = this.received.datagrams++;
    this.received.bytes += datagram.length;
    this.#serverRandom = serverRandom(datagram) ?? this.#serverRandom;
    const wanted = this.#options.onDatagram?.(this, index) ?? true;
    if (wanted && !this.#over) {
      this.#connection.receive(new Uint8Array(datagram), SERVER, performance.now());
      this.#drain();
    }
    this.#onChange?.();
  }

  #drain(): void {
    for (let moved = true; moved; ) {
      moved = doJobs(this.#connection, (event) => this.#tell(event));
      for (
        let out = this.#connection.pollTransmit();
        out !== undefined;
        out = this.#connection.pollTransmit()
      ) {
        moved = true;
        this.#transmit(Buffer.from(out.data));
      }
    }
    this.#wakeUp();
  }

  #transmit(datagram: Buffer): void {
    for (const out of this.#options.filter?.(datagram, this) ?? [datagram]) if (!this.#over) this.send(out);
  }

  #tell(event: ConnectionEvent): void {
    if (event.type === 'secret') this.#secrets.set(event.label, event);
    if (event.type === 'ticket') this.saved = encodeSession(nodeProvider, event.ticket, Date.now());
  }

  #wakeUp(): void {
    clearTimeout(this.#timer);
    const at = this.#connection.pollTimeout();
    if (at === undefined || this.#over) return;
    const wake = () => {
      this.#connection.handleTimeout(performance.now());
      this.#drain();
      this.#onChange?.();
    };
    this.#timer = setTimeout(wake, Math.max(0, at - performance.now()));
    this.#timer.unref();
  }
}

/** A destination at which `saved` is resumed with early data. */
export function resuming(saved: Uint8Array, message: Uint8Array): Destination {
  return { ...NO_NAME, session: resolveSession(saved, undefined, nodeProvider), earlyData: [message] };
}
