/**
 * The DTLS of one data channel over `datagram-tls/core`: a `Connection`, a clock, a timer, and what the peer's description says of its
 * certificate. ICE has proved the path, so that there is no cookie; and ICE may change the path, which DTLS does not notice.
 */
import {
  Connection,
  type ConnectionEvent,
  type Destination,
  type DTLSError,
  dtls12,
  dtls13,
  nodeProvider,
  type PeerAddress,
  type Platform,
  type ProtocolVersion,
  performJob,
  type Role,
  resolveBehaviour,
  resolveSecurity,
  type Session,
  type TraceEvent,
  type VerifyPeer,
} from 'datagram-tls/core';
import type { Identity } from '../certificate.js';
import { type Fingerprint, hasFingerprint } from './sdp.js';

export interface DtlsOptions {
  readonly role: Role;
  readonly identity: Identity;
  /** What the peer's description says. The handshake may begin before it is here: the verdict waits for it. */
  readonly fingerprints: PromiseLike<readonly Fingerprint[]>;
  /** `DTLSv1.3` allows both versions. */
  readonly maxVersion: 'DTLSv1.2' | 'DTLSv1.3';
  /** Sends one datagram. */
  readonly send: (datagram: Uint8Array) => void;
}

const PLATFORM: Platform<ProtocolVersion> = {
  provider: nodeProvider,
  versions: [dtls13, dtls12],
};

/** RFC 8827 §6.5: the first timer of WebRTC is short, because ICE has shown that the path is there. */
const BEHAVIOUR = resolveBehaviour({ retransmission: { initial: 50 }, handshakeTimeout: 20_000 }, true);

/** There is one peer, wherever ICE finds it. */
const PEER: PeerAddress = { address: 'peer', family: 'other', port: 0 };
const NO_NAME: Destination = { serverName: undefined, verifyName: undefined };

export class DtlsTransport {
  /** Called with each message of the peer; its bytes are the handler's. */
  ondata: (data: Uint8Array) => void = () => undefined;
  /** Resolves when the handshake is done; rejects with the error that ended it. */
  readonly connected: Promise<Session>;
  /** Resolves at the end: with the error of a failure, or without one after close_notify. */
  readonly closed: Promise<DTLSError | undefined>;
  /** Names of the alerts that were sent and received, in order. */
  readonly alerts: { readonly sent: string[]; readonly received: string[] } = { sent: [], received: [] };
  readonly #connection: Connection;
  readonly #options: DtlsOptions;
  #connect: (session: Session) => void = () => undefined;
  #end: (error: DTLSError | undefined) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #pumping = false;

  constructor(options: DtlsOptions) {
    this.#options = options;
    const { role, identity, maxVersion } = options;
    const { cert, key } = identity;
    const verifyPeer = verifier(options.fingerprints);
    const security = resolveSecurity(
      { cert, key, maxVersion, verifyPeer, ...(role === 'server' && { requestCert: true }) },
      role,
      PLATFORM,
    );
    this.#connection = Connection.create(security, BEHAVIOUR, NO_NAME, PEER);
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.connected = new Promise((resolve, reject) => {
      this.#connect = resolve;
      void this.closed.then((error) => reject(error ?? new Error('closed before it was connected')));
    });
    // The owner may look at `closed` alone.
    this.connected.catch(() => undefined);
  }

  get role(): Role {
    return this.#options.role;
  }

  /** A client sends its ClientHello, a server waits for one. */
  start(): void {
    this.#connection.start(performance.now());
    this.#pump();
  }

  receive(datagram: Uint8Array): void {
    this.#connection.receive(datagram, PEER, performance.now());
    this.#pump();
  }

  /** Sends one message as one datagram. Before the handshake is done, and after the end, it is lost. */
  send(data: Uint8Array): void {
    if (!this.#connection.maySend) return;
    this.#connection.send(data);
    this.#pump();
  }

  close(): void {
    this.#connection.close(performance.now());
    this.#pump();
  }

  /** After each call: datagrams, then events, then the timer. A handler may call again; the outer call goes on then. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const connection = this.#connection;
    do
      for (let out = connection.pollTransmit(); out !== undefined; out = connection.pollTransmit())
        this.#options.send(out.data);
    while (this.#tellOne());
    this.#pumping = false;
    this.#arm(connection.pollTimeout());
  }

  #tellOne(): boolean {
    const event = this.#connection.pollEvent();
    if (event === undefined) return false;
    this.#onEvent(event);
    return true;
  }

  #onEvent(event: ConnectionEvent): void {
    if (event.type === 'job') void this.#perform(event);
    else if (event.type === 'connected') this.#connect(event.session);
    else if (event.type === 'message') this.ondata(event.data);
    else if (event.type === 'trace') this.#note(event.event);
    else if (event.type === 'closed') this.#end(event.error);
  }

  /** Signatures and the verdict on the peer; the verdict takes as long as the peer's description. */
  async #perform({ id, job }: Extract<ConnectionEvent, { type: 'job' }>): Promise<void> {
    const answer = await performJob(job, this.#connection.security, Date.now());
    this.#connection.answer(id, answer, performance.now());
    this.#pump();
  }

  #note(event: TraceEvent): void {
    if (event.kind === 'alert') this.alerts[event.direction].push(event.description);
  }

  #arm(at: number | undefined): void {
    clearTimeout(this.#timer);
    if (at === undefined) return;
    const wake = () => {
      this.#connection.handleTimeout(performance.now());
      this.#pump();
    };
    this.#timer = setTimeout(wake, Math.max(0, at - performance.now()));
  }
}

/** RFC 8122 §6.2: a certificate without a fingerprint in the description is refused with bad_certificate. */
function verifier(fingerprints: DtlsOptions['fingerprints']): VerifyPeer {
  return async ([leaf]) => {
    const known = await fingerprints;
    return leaf !== undefined && hasFingerprint(leaf, known)
      ? true
      : { reason: 'FINGERPRINT_MISMATCH', alert: 'bad_certificate' };
  };
}
