import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, DTLSEndpoint, type DTLSSession, listen, type TraceEvent } from 'datagram-tls';
import { Inbox } from '../inbox.js';
import type { KeyPair } from '../pki.js';
import { lineSplitter, reasonOf } from '../text.js';
import { ALL_SUITES } from '../vocabulary.js';
import { type Facts, HERE, type Peer, type Psk, REFUSALS, type Side, type SideOptions } from './peer.js';
import { within } from './program.js';

/** ms. */
const EAGER = { initial: 250, max: 2_000 };
const HANDSHAKE_MS = 80_000;
const EXPORTER_LABEL = 'EXPORTER-interop';
const EXPORTER_LENGTH = 32;

/** The library, in this process. */
export const ours: Peer = {
  name: 'our',
  suites: ALL_SUITES,
  refusals: REFUSALS,
  closing: { answers: true, waits: true },
  probe: () => Promise.resolve(HERE),

  cannot(role, demand) {
    return role === 'server' && demand.cookie === false ? 'our server always asks for a cookie' : undefined;
  },

  startServer(options) {
    const side = new LibrarySide();
    const endpoint = listen(
      (session) => {
        side.adopt(session, options.keylog);
        session.onmessage = (message) => side.echo(message);
      },
      {
        ...common(options, side),
        host: options.host,
        port: 0,
        ticketKeys: TICKET_KEYS,
        ...certificate(options.pair),
        ...(options.psk === undefined ? {} : { psk: { [options.psk.identity]: storedKey(options.psk) } }),
        ...(options.clientCa === undefined ? {} : { requestCert: true, ca: readFileSync(options.clientCa) }),
      },
    );
    const port = endpoint.address?.port ?? 0;
    const stop = async () => {
      side.close();
      await endpoint.close();
    };
    return Promise.resolve(Object.assign(side, { port, echoPrefix: '', stop }));
  },

  startClient(options) {
    const side = new LibrarySide();
    const endpoint =
      options.fromEndpoint === true ? new DTLSEndpoint({ bindHost: options.host, bindPort: 0 }) : undefined;
    const settings = {
      ...common(options, side),
      ca: readFileSync(options.ca),
      servername: options.name,
      ...keptSession(options.session),
      ...(options.maxFragmentLength === undefined ? {} : { maxFragmentLength: options.maxFragmentLength }),
      ...(options.shares === undefined ? {} : { keyShares: [...options.shares] }),
      ...certificate(options.pair),
      ...(options.psk === undefined
        ? {}
        : { psk: { identity: options.psk.identity, ...storedKey(options.psk) } }),
    };
    const { host, port } = options;
    const session = endpoint?.connect(host, port, settings) ?? connect(host, port, settings);
    session.onmessage = (message) => side.receive(message);
    const { session: path } = options;
    if (path !== undefined) session.onsession = (kept) => writeFileSync(path, kept);
    side.adopt(session, options.keylog);
    if (endpoint === undefined) return Promise.resolve(side);
    const stop = async () => {
      side.close();
      await endpoint.close();
    };
    return Promise.resolve(Object.assign(side, { stop }));
  },
};

/** The next server of this process opens the tickets of this one. */
const TICKET_KEYS = Buffer.alloc(80, 0x5a);

function keptSession(path: string | undefined) {
  return path !== undefined && existsSync(path) ? { session: readFileSync(path) } : {};
}

function certificate(pair: KeyPair | undefined) {
  return pair === undefined ? {} : { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
}

function storedKey({ key, context }: Psk) {
  return { key: Buffer.from(key, 'hex'), ...(context === undefined ? {} : { import: { context } }) };
}

function common(options: SideOptions, side: LibrarySide) {
  return {
    ...(options.eager === true ? { retransmission: EAGER } : {}),
    ...(options.recordSizeLimit === undefined ? {} : { recordSizeLimit: options.recordSizeLimit }),
    ...(options.psk?.alone === true ? { pskModes: 'psk_ke' } : {}),
    handshakeTimeout: HANDSHAKE_MS,
    trace: (event: TraceEvent) => side.note(event),
    ...(options.suite === undefined ? {} : { ciphers: [options.suite] }),
    ...(options.groups === undefined ? {} : { groups: [...options.groups] }),
    ...(options.version === undefined ? {} : { minVersion: options.version, maxVersion: options.version }),
    ...(options.schemes === undefined ? {} : { sigalgs: [...options.schemes] }),
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.returnRoutability === undefined ? {} : { returnRoutability: options.returnRoutability }),
    ...(options.cid === undefined ? {} : { connectionId: options.cid === 'none' ? false : options.cid }),
  };
}

/** A session of the library, and its state while it ran: its getters are empty once it is closed. */
class LibrarySide implements Side {
  readonly inbox = new Inbox();
  readonly #session: Promise<DTLSSession>;
  #adopted: DTLSSession | undefined;
  #settle: (session: DTLSSession) => void = () => undefined;
  /** Resolves when a client that has left its address makes a handshake from another one. */
  readonly #movedIn: Promise<void>;
  #moveIn: () => void = () => undefined;
  // A line may come in several datagrams: gnutls-serv reads 254 bytes at a time, and answers each piece.
  readonly #split = lineSplitter((line) => this.inbox.push(line));
  readonly #trace: TraceEvent[] = [];
  #negotiated: Partial<Facts> = {};
  #error: unknown;
  #closing = false;
  #validatedMoves = 0;

  constructor() {
    this.#session = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#movedIn = new Promise((resolve) => {
      this.#moveIn = resolve;
    });
  }

  /** Takes the first session, unless one that began after it opens sooner; a second client of a server is ignored. */
  adopt(session: DTLSSession, keylog: string | undefined): void {
    if (this.#adopted !== undefined) return this.#replace(session);
    this.#adopted = session;
    if (keylog !== undefined) session.onkeylog = (line) => appendFileSync(keylog, `${line}\n`);
    session.onerror = (error) => this.#fail(error);
    session.onmigrate = ({ validated }) => {
      if (validated) this.#validatedMoves++;
    };
    // At once: the other side may have closed by the time that a promise is heard.
    session.onhandshake = () => this.#remember(session);
    session.opened.catch((error: unknown) => this.#fail(error));
    session.closed.catch(() => undefined);
    this.#settle(session);
  }

  #replace(session: DTLSSession): void {
    session.onhandshake = () => {
      if (this.#negotiated.version !== undefined) return;
      this.#adopted = session;
      this.#remember(session);
      this.#moveIn();
    };
    session.opened.catch(() => undefined);
    session.closed.catch(() => undefined);
  }

  receive(message: Buffer): void {
    this.#split(message.toString());
  }

  note(event: TraceEvent): void {
    this.#trace.push(event);
  }

  async established(ms: number): Promise<boolean> {
    const opened = this.#session.then((session) => Promise.race([session.opened, this.#movedIn]));
    let established = false;
    await within(
      opened.then(() => {
        established = true;
      }),
      ms,
    );
    return established;
  }

  /** In DTLS 1.3 messages still arrive when this side has closed, and cannot be answered. */
  echo(message: Uint8Array): void {
    if (!this.#closing) this.#adopted?.send(message);
  }

  send(line: string): void {
    this.#adopted?.send(`${line}\n`);
  }

  updateKeys(requestPeer: boolean): void {
    this.#adopted?.updateKeys({ requestPeer });
  }

  rebind(): number {
    // Where nothing but data tells a server of DTLS 1.2, the next line does.
    this.#adopted?.rebind().catch((error: unknown) => this.#fail(error));
    return this.#adopted?.localAddress?.port ?? 0;
  }

  renewId(): void {
    this.#adopted?.renewConnectionId();
  }

  idOfOther(): string | undefined {
    return this.#adopted?.connectionId?.receive.toString('hex');
  }

  validatedMoves(): number {
    return this.#validatedMoves;
  }

  /** Waits for the other side's close_notify, which is looked at, too. */
  close(): void {
    this.#closing = true;
    this.#adopted?.writable.close().catch(() => undefined);
  }

  over(ms: number): Promise<boolean> {
    return within(
      this.#session.then((session) => (this.#adopted ?? session).closed),
      ms,
    );
  }

  facts(): Facts {
    return {
      established: this.#negotiated.version !== undefined,
      ...this.#negotiated,
      cookie: this.#trace.some(
        (event) => event.kind === 'flight' && event.messages.includes('hello_verify_request'),
      ),
      alertsSent: this.#alerts('sent'),
      alertsReceived: this.#alerts('received'),
      error: this.#error === undefined ? undefined : reasonOf(this.#error),
      errorCode: (this.#error as { code?: string } | undefined)?.code,
    };
  }

  log(): string {
    return [
      'the library',
      ...this.#trace.map((event) => JSON.stringify(event)),
      this.#error === undefined ? 'no error' : reasonOf(this.#error),
    ].join('\n');
  }

  async stop(): Promise<void> {
    this.#closing = true;
    await this.#adopted?.close().catch(() => undefined);
  }

  #fail(error: unknown): void {
    this.#error ??= error;
  }

  #remember(session: DTLSSession): void {
    this.#negotiated = {
      version: session.protocol,
      suite: session.cipher?.standardName,
      group: session.group,
      scheme: session.signatureScheme,
      reused: session.reused,
      clientVerified: session.authorized,
      pskIdentity: session.pskIdentity,
      exporter: Buffer.from(session.exportKeyingMaterial(EXPORTER_LENGTH, EXPORTER_LABEL)).toString('hex'),
    };
  }

  #alerts(direction: 'sent' | 'received'): string[] {
    return this.#trace.flatMap((event) =>
      event.kind === 'alert' && event.direction === direction ? [event.description] : [],
    );
  }
}
