import type { KeyObject, X509Certificate } from 'node:crypto';
import { type InspectOptions, inspect } from 'node:util';
import { toText } from '../base/bytes.js';
import { illegalConstructor } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkBoolean } from '../config/checks.js';
import { readOptions, withDefaults } from '../config/option-table.js';
import type { EarlyOutcome } from '../connection/application-data.js';
import type { GroupName, SchemeName, SrtpProfileName, Version } from '../wire/codes.js';
import type { JudgeAddress } from './address-change.js';
import { bound, checkedHandler, type Handler, toBytes } from './arguments.js';
import { toBuffer } from './buffers.js';
import type { HeldEvents } from './callbacks.js';
import { tellDrop } from './channels.js';
import { inspection, sessionFields } from './inspection.js';
import { LiveSession } from './live-session.js';
import {
  type CipherInfo,
  cipherInfo,
  exportKeys,
  peerCertificate,
  protocolName,
  publicKey,
} from './negotiated.js';
import {
  CHECKPOINT_OPTIONS,
  type CheckpointOptions,
  EXPORT_OPTIONS,
  type ExportOptions,
} from './sealed-state.js';
import type { SessionControl, SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import { notOpen } from './session-life.js';
import {
  type DTLSSessionStats,
  type SessionDrops,
  type SessionSource,
  sessionDrops,
  sessionStats,
} from './stats.js';

/** How the endpoint drives its sessions; the class has no such methods. The class assigns it. */
export let sessionControl: SessionControl<DTLSSession>;

const MAKE = Symbol('make');

/**
 * One association with one peer. Made by `connect`, and given to the callback of `listen`.
 *
 * @example
 * ```ts
 * import { connect, type DTLSSession } from 'datagram-tls';
 *
 * async function ask(session: DTLSSession, question: string): Promise<string | undefined> {
 *   session.send(question);
 *   for await (const answer of session) return answer.toString();
 *   return undefined;
 * }
 * const session = connect('example.net', 9000, { ca });
 * await session.opened;
 * console.log(await ask(session, 'hello'));
 * ```
 */
export class DTLSSession implements AsyncIterable<Buffer> {
  static {
    sessionControl = {
      create: (shared, serverName, held) => new DTLSSession(MAKE, shared, serverName, held),
      attach: (session, port, entry) => session.#live.attach(port, entry),
      goOn: (session, lineage) => session.#live.goOn(lineage),
      onEvent: (session, event) => session.#live.onEvent(event),
      onSendError: (session, error) => session.#live.onSendError(error),
      fail: (session, error) => session.#live.fail(error),
      cut: (session, error) => session.#live.cut(error),
      counts: (session) => session.#live.counts,
      holderOf: (session) => session.#live,
      heldBy: (holder) =>
        holder instanceof LiveSession ? (holder as LiveSession<DTLSSession>).owner : undefined,
      failBy: (session, thrown, unheard) => {
        if (session.#live.breakOff(thrown) !== 'heard') unheard(thrown);
      },
    };
  }

  readonly #live: LiveSession<DTLSSession>;

  private constructor(
    token: typeof MAKE,
    shared: SharedBySessions<DTLSSession>,
    serverName: string | undefined,
    held: HeldEvents | undefined,
  ) {
    if (token !== MAKE) throw illegalConstructor();
    this.#live = new LiveSession<DTLSSession>(this, shared, serverName, held);
  }

  /**
   * Called with each message; the receiver owns the bytes. As with Node's own pool the memory around them, `buffer`, may hold
   * other messages: one that is kept for long keeps up to 16 KiB of them, a copy of it (`Buffer.from`) only itself. `undefined`
   * clears it.
   */
  get onmessage(): Handler<DTLSSession, [data: Buffer]> | undefined {
    return this.#live.onmessage;
  }
  set onmessage(fn: Handler<DTLSSession, [data: Buffer]> | null | undefined) {
    this.#live.onmessage = checkedHandler(fn, 'onmessage');
  }

  /** Called once, before `opened` is rejected, when the session fails. */
  get onerror(): Handler<DTLSSession, [error: Error]> | undefined {
    return this.#live.onerror;
  }
  set onerror(fn: Handler<DTLSSession, [error: Error]> | null | undefined) {
    this.#live.onerror = checkedHandler(fn, 'onerror');
  }

  get onhandshake(): Handler<DTLSSession, [protocol: Version]> | undefined {
    return this.#live.extras.onhandshake;
  }
  set onhandshake(fn: Handler<DTLSSession, [protocol: Version]> | null | undefined) {
    this.#live.made.onhandshake = bound(fn, 'onhandshake', this);
  }

  /** Called with lines of a key log (RFC 9850), without a newline. Anyone holding these lines can decrypt the session. */
  get onkeylog(): Handler<DTLSSession, [line: string]> | undefined {
    return this.#live.extras.onkeylog;
  }
  set onkeylog(fn: Handler<DTLSSession, [line: string]> | null | undefined) {
    this.#live.made.onkeylog = bound(fn, 'onkeylog', this);
    this.#live.onSecretsHeard();
  }

  /** Called when `send` takes messages again, after it refused some because the send queue was full: see {@link drained}. */
  get ondrain(): Handler<DTLSSession, []> | undefined {
    return this.#live.extras.ondrain;
  }
  set ondrain(fn: Handler<DTLSSession, []> | null | undefined) {
    this.#live.made.ondrain = bound(fn, 'ondrain', this);
  }

  /** Called when the peer has sent close_notify in DTLS 1.3 and our side may go on: see `allowHalfOpen`. */
  get onend(): Handler<DTLSSession, []> | undefined {
    return this.#live.extras.onend;
  }
  set onend(fn: Handler<DTLSSession, []> | null | undefined) {
    this.#live.made.onend = bound(fn, 'onend', this);
  }

  /**
   * Called with the value for `connect`'s option `session`, to resume this session: in DTLS 1.3 with each ticket of
   * the server, which may send none, in DTLS 1.2 at most once, at the end of the handshake. It holds secrets: anyone
   * holding it can act as this client.
   */
  get onsession(): Handler<DTLSSession, [saved: Buffer]> | undefined {
    return this.#live.extras.onsession;
  }
  set onsession(fn: Handler<DTLSSession, [saved: Buffer]> | null | undefined) {
    this.#live.made.onsession = bound(fn, 'onsession', this);
  }

  /**
   * Called when the peer's address changes, which needs connection IDs, and when a new address is validated. Its answer may
   * refuse the new address, or vouch for it: see `MigrateHandler`.
   */
  get onmigrate(): JudgeAddress<DTLSSession> | undefined {
    return this.#live.extras.onmigrate;
  }
  set onmigrate(fn: JudgeAddress<DTLSSession> | null | undefined) {
    this.#live.made.onmigrate = bound(fn, 'onmigrate', this);
  }

  /** Resolves when the handshake is done; rejects when it fails. */
  get opened(): Promise<{ protocol: Version }> {
    return this.#live.opened;
  }

  /** Resolves when the session is over; rejects only with the error given to `destroy`. */
  get closed(): Promise<void> {
    return this.#live.closed;
  }

  get destroyed(): boolean {
    return this.#live.isOver;
  }

  get endpoint(): SessionEndpoint {
    return this.#live.shared.endpoint;
  }

  /**
   * The connection IDs on the records of each side, empty for none: `send` on ours, `receive` on the peer's. `undefined` until
   * both have agreed on them, and where they have not.
   */
  get connectionId(): { readonly send: Buffer; readonly receive: Buffer } | undefined {
    const ids = this.#live.connection?.connectionIds;
    return ids && { send: toBuffer(ids.send), receive: toBuffer(ids.receive) };
  }

  /** `undefined` until the name of the host is resolved; it remains after the end. It changes with the peer's address. */
  get remoteAddress(): PeerAddress | undefined {
    const { address } = this.#live;
    return address && { ...address };
  }

  /**
   * Where our side of the session is; it remains after the end. On a socket that serves many peers it is the address that
   * the socket is bound to, which may be `0.0.0.0` or `::`.
   */
  get localAddress(): PeerAddress | undefined {
    return this.#live.localAddress;
  }

  /** Client: the last value that `onsession` was called with; `undefined` before, and after the end. */
  get session(): Buffer | undefined {
    return this.destroyed ? undefined : this.#live.extras.saved;
  }

  // The negotiated parameters and the peer. As in node:dtls most of them are gone after the end.

  get protocol(): Version | undefined {
    return this.#live.session?.version;
  }

  get cipher(): CipherInfo | undefined {
    const suite = this.#live.session?.suite;
    return suite === undefined ? undefined : cipherInfo(suite);
  }

  /** The group of the key exchange; `undefined` where a pre-shared key was used alone. */
  get group(): GroupName | undefined {
    return this.#live.session?.group;
  }

  /** The scheme of the server's signature; `undefined` with a pre-shared key. */
  get signatureScheme(): SchemeName | undefined {
    return this.#live.session?.signatureScheme;
  }

  /** The negotiated application protocol (RFC 7301). */
  get alpnProtocol(): string | undefined {
    const name = this.#live.session?.agreed.alpn;
    return name === undefined ? undefined : protocolName(name);
  }

  /** The SRTP profile, by OpenSSL's name; its keys come from `exportKeyingMaterial` with the label EXTRACTOR-dtls_srtp (RFC 5764). */
  get srtpProfile(): SrtpProfileName | undefined {
    return this.#live.session?.agreed.srtp;
  }

  /** The name that the client asked for. */
  get servername(): string | undefined {
    return this.#live.session?.serverName ?? (this.destroyed ? undefined : this.#live.extras.serverName);
  }

  /** The peer's certificate, PEM. */
  get peerCertificate(): string | undefined {
    return this.#live.session === undefined ? undefined : this.peerX509Certificate?.toString();
  }

  /**
   * The peer's certificate; `issuerCertificate` leads along the chain that the peer sent. A certificate that was read
   * once remains after the end. `undefined` also where the platform cannot parse an unverified one.
   */
  get peerX509Certificate(): X509Certificate | undefined {
    if (this.#live.session !== undefined)
      this.#live.made.certificate ??= peerCertificate(this.#live.session.peer.chain);
    return this.#live.extras.certificate;
  }

  /** The peer's public key, of its certificate or raw (RFC 7250), which authenticated the peer. */
  get peerPublicKey(): KeyObject | undefined {
    const der = this.#live.session?.peer.publicKey;
    if (der !== undefined) this.#live.made.publicKey ??= publicKey(der);
    return this.#live.extras.publicKey;
  }

  /**
   * The OCSP response about the peer's certificate, DER, if `requestOCSP` asked for one. That of an authorized peer
   * is verified and has the status good.
   */
  get ocspResponse(): Buffer | undefined {
    const staple = this.#live.session?.peer.staple;
    return staple === undefined ? undefined : toBuffer(staple);
  }

  /** The session resumes an earlier one, without a new authentication of the peer. */
  get reused(): boolean {
    return this.#live.session?.resumed ?? false;
  }

  /**
   * The state of early data: `offered` when it was sent, `accepted`, or `refused`, which means that it is sent again
   * when the handshake is done; `none` without early data.
   */
  get earlyData(): EarlyOutcome {
    return this.#live.lastState?.earlyData ?? 'none';
  }

  /** The identity of the shared key, as text; it remains after the end. */
  get pskIdentity(): string | undefined {
    const { session, extras } = this.#live;
    const identity = session?.peer.pskIdentity ?? extras.finalState?.pskIdentity;
    return identity && toText(identity);
  }

  /** The peer's certificate or public key was verified, or it has the pre-shared key. */
  get authorized(): boolean {
    return this.#live.session?.peer.authorized ?? false;
  }

  /** OpenSSL's short name of the fault of the peer's certificate; `HANDSHAKE_INCOMPLETE` until it is known. */
  get authorizationError(): string | undefined {
    if (this.destroyed) return undefined;
    return this.#live.session === undefined
      ? 'HANDSHAKE_INCOMPLETE'
      : this.#live.session.peer.authorizationError;
  }

  /** Largest message that `send` takes now, bytes. It falls when the system, or the transport, refuses a datagram of that size. */
  get maxMessageSize(): number | undefined {
    const { connection } = this.#live;
    const sends = connection !== undefined && (connection.maySend || this.#live.session !== undefined);
    return sends ? connection.maxMessageSize : undefined;
  }

  /**
   * Bytes that wait to be sent: those of this session for a later turn of the event loop, and those that wait in the
   * socket or the transport, which all sessions of the endpoint share. 0 before the handshake and after the end.
   */
  get bufferedAmount(): number {
    return this.#live.bufferedAmount;
  }

  /**
   * Resolves when there is room to send: no message of this session waits for a later turn, and at least half of
   * `maxSendQueue` is free. At once if that is so now; also when the session ends.
   */
  get drained(): Promise<void> {
    return this.#live.sender.drained;
  }

  /**
   * How often records and messages were discarded, by reason: those of the connection; `slow_reader` for messages
   * that the application did not read in time (`maxUnreadBytes`); `peer_closed` for messages to a peer that had just
   * closed; `send_failed` for datagrams that the system refused, such as those too large for the path (smaller ones
   * are not checked); `send_queue_full` for messages while the send queue is full (`maxSendQueue`).
   */
  get drops(): SessionDrops {
    return sessionDrops(this.#live.counts);
  }

  /** Live; the same object each time. `stats.drops` are these drops as bigints. */
  get stats(): DTLSSessionStats {
    const { made } = this.#live;
    made.stats ??= sessionStats(() => this.#live.counts);
    if (this.destroyed) made.stats.freeze();
    return made.stats.stats;
  }

  /**
   * Sends one message as one datagram, now or in one of the next turns of the event loop, and returns its length.
   * Returns 0 for a message that is not sent: when the peer has just closed and when the send queue is full
   * (`maxSendQueue`, {@link drained}), both counted in `drops`, and when the keys are used up, which ends the session
   * with `ERR_DTLS_KEY_LIMIT` (`onerror`). Throws `ERR_INVALID_STATE` before the handshake is done and after the end,
   * `ERR_OUT_OF_RANGE` when the message is larger than `maxMessageSize`, `ERR_INVALID_ARG_TYPE`.
   */
  send(data: string | ArrayBufferView): number {
    const bytes = toBytes(data);
    const outcome = this.#live.send(bytes);
    if (outcome === 'full') tellDrop(this, 'send_queue_full');
    if (outcome === 'peer-closed') tellDrop(this, 'peer_closed');
    return outcome === 'sent' ? bytes.length : 0;
  }

  /**
   * DTLS 1.3: switches to new sending keys; with `requestPeer`, the peer does the same. This also happens
   * automatically before the keys are used up. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS
   * 1.2, and `ERR_DTLS_KEY_LIMIT` when there are no further keys: the session then ends when the current ones are
   * used up.
   * @see RFC 9147 §8
   */
  updateKeys({ requestPeer = false }: { requestPeer?: boolean } = {}): void {
    checkBoolean(requestPeer, 'requestPeer');
    const { port, entry } = this.#live.reached;
    port.updateKeys(entry, requestPeer);
  }

  /**
   * Client: goes on from a fresh socket, on another port of the same address. A client that sleeps or changes its network
   * need not call this: it is for tests, and for clients that do not want to be recognized by their port. In DTLS 1.3 the
   * records then have another connection ID, if the server has given a spare one. Servers of this library give one where
   * both sides check paths (`returnRoutability`). A server that has given one, or has asked for one, is asked for the next.
   * Datagrams on their way to the former socket are still read. Resolves when the server is first heard at the new socket.
   * Where both sides check paths, and in DTLS 1.3, the server is told at once; otherwise it learns of the new socket from
   * `keepAlive` or the next message, and its answer resolves this. Called again before that, it returns the same promise.
   * Rejects when the session ends. Throws `ERR_INVALID_STATE` unless the session is open, `ERR_DTLS_REBIND` where the
   * server has asked for no connection ID, and where the socket is not of this session alone, and the system's code when no
   * socket can be bound.
   * @see RFC 9146 §6, RFC 9147 §9, RFC 9853
   */
  rebind(): Promise<void> {
    return this.#live.rebind();
  }

  /**
   * DTLS 1.3: gives the peer another connection ID, which is on its records as soon as it knows: from `connectionId.generate`
   * or random, such as one that leads to this process after `endpoint.import`. {@link connectionId} shows it when the peer
   * uses it. Throws `ERR_INVALID_STATE` unless the session is open and the peer's records have one of ours, and in DTLS 1.2.
   * @see RFC 9147 §9
   */
  renewConnectionId(): void {
    const { port, entry } = this.#live.reached;
    port.renewConnectionId(entry);
  }

  /**
   * Keeps only the state of this session, some hundred bytes, until a datagram, a call or a timer wakes it: see
   * `hibernateAfter`. Returns whether it hibernates: not before the handshake is done and after the end, and not while
   * something is under way, such as a message that the peer has to acknowledge.
   */
  hibernate(): boolean {
    return this.#live.hibernate();
  }

  /**
   * Sends close_notify and ends without waiting for the peer's. Before the handshake is done `opened` rejects. In DTLS
   * 1.3 a client waits until the server acknowledges its handshake or closes, one round trip after `opened`, and on a
   * path with losses at most 3 s: a server that refuses the client's certificate says so only then.
   */
  close(): Promise<void> {
    return this.#live.close();
  }

  /** Ends at once, with close_notify if the handshake was done. `closed` rejects with `error` if there is one. */
  destroy(error?: Error): void {
    this.#live.destroy(error);
  }

  /**
   * Ends the session here without a word to the peer, and returns its sealed state: `endpoint.import` goes on with it, on
   * another process or machine. What was sent before is on its way; messages that nobody has read move along. The state holds
   * the keys of the session: it must go on once, because two that do so reveal what they send. Throws `ERR_INVALID_STATE`
   * unless the session is open, and `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for a wrong `key`.
   */
  export(options: ExportOptions): Buffer {
    const { key } = readOptions(options, EXPORT_OPTIONS);
    const { port, entry } = this.#live.reached;
    const state = port.saveEntry(entry);
    const sealed = this.#live.givenStates.seal(key, state, this.#live.takeUnread());
    this.#live.finish();
    port.pump();
    return sealed;
  }

  /**
   * Keeps the state of the session in a store of the application, so that `endpoint.import` goes on with it when this process
   * fails; resolves when the first state is kept. Further ones follow by themselves, each time half of `reserve` records are
   * sent or received, and when keys are renewed: `store` has to replace the one before. What the kept state does not allow is not
   * sent: `send` returns 0 then, as with a full send queue, until `store` is done ({@link drained}). Delete the state when the
   * session is over. Throws `ERR_INVALID_STATE` unless the session is open, and `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   * or `ERR_OUT_OF_RANGE` for wrong options; rejects with what `store` throws, which ends the session.
   */
  checkpoint(options: CheckpointOptions): Promise<void> {
    const given = withDefaults(readOptions(options, CHECKPOINT_OPTIONS), CHECKPOINT_OPTIONS);
    const live = this.#live;
    return live.givenStates.keep(live.open, given, (thrown) => live.breakOff(thrown) === 'unheard');
  }

  /** Keeps the process running while the session lasts, as it does until {@link unref}. */
  ref(): this {
    if (!this.destroyed) this.#live.shared.onReference(this, true);
    return this;
  }

  /**
   * Lets the process end while the session lasts, with its socket and timers. Where sessions share an endpoint that
   * `listen` made, that is `endpoint.unref()`; where clients share one, each of them has to be unreferenced.
   */
  unref(): this {
    if (!this.destroyed) this.#live.shared.onReference(this, false);
    return this;
  }

  /**
   * Keying material for another protocol (RFC 5705, RFC 8446 §7.5). `length`: 1 to 65536 bytes; in DTLS 1.2 an absent
   * context differs from an empty one. Throws `ERR_INVALID_STATE` unless the session is open, `ERR_INVALID_ARG_TYPE`,
   * `ERR_OUT_OF_RANGE`, and `ERR_CRYPTO_OPERATION_FAILED` for what the version cannot export: in DTLS 1.3 more than
   * 8160 bytes (12240 with SHA-384) or a label of more than 249 bytes, in DTLS 1.2 a label of the handshake.
   */
  exportKeyingMaterial(length: number, label: string, context?: ArrayBufferView): Buffer {
    const session = this.#live.session;
    if (session === undefined) throw notOpen();
    return exportKeys(session, length, label, context);
  }

  /**
   * Messages, from now on; several loops share them. Leaving the loop closes the session; `onmessage` goes on beside
   * it. The loop ends with the session, and throws its error when it failed. Throws `ERR_INVALID_STATE` where
   * {@link readable} reads the messages.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return this.#live.streamed.iterate();
  }

  /**
   * Messages as a Web Stream, from now on; `onmessage` goes on beside it. It closes with the session, or when the
   * peer closes its direction, and fails with the session's error. Cancelling it closes the session. Messages that
   * are not read in time are lost as `maxUnreadBytes` says. Throws `ERR_INVALID_STATE` where `for await` reads the
   * messages.
   */
  get readable(): ReadableStream<Buffer> {
    return this.#live.streamed.readable;
  }

  /**
   * A Web Stream that sends each chunk as one message. It waits for the handshake, and for room in the send queue.
   * It fails when a chunk cannot be sent, as `send`, and when the session ends. Closing it closes the session; with
   * `allowHalfOpen` in DTLS 1.3 only our direction, until the peer closes or `close` is called. Aborting it destroys
   * the session.
   */
  get writable(): WritableStream<string | ArrayBufferView> {
    return this.#live.streamed.writable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspection('DTLSSession', sessionFields(this, this.#live.failure), depth, options);
  }
}

/** What the statistics of these sessions are read from. */
export function* sourcesOf(sessions: Iterable<DTLSSession>): Generator<SessionSource> {
  for (const session of sessions) yield sessionControl.counts(session);
}
