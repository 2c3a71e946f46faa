import { isPromise } from '../base/awaitable.js';
import { type BehaviourOptions, checkKeepAlive } from '../config/behaviour.js';
import type { Security } from '../connection/version.js';
import { warnOfRejection } from './debug.js';
import { throwLater } from './guard.js';
import type { EarlyDataCallback, SessionCallback } from './options.js';
import {
  checkEarlyReceiver,
  type DTLSSecureContext,
  type ServerSecurityOptions,
  securityAfter,
} from './secure-context.js';
import { type DTLSSession, sessionControl } from './session.js';
import { SessionBacklog } from './session-backlog.js';

/** What an endpoint has for clients when `listen` made it: its secure context, and the callback or the loops that get their sessions. */
export class Service {
  readonly #onearlydata: EarlyDataCallback | undefined;
  readonly #backlog: SessionBacklog<DTLSSession>;
  #security: Security;
  #onsession: SessionCallback | undefined;
  /** A loop over the endpoint has begun, now or before. */
  isIterated = false;
  /** It serves no more, and the endpoint ends with its last session. */
  isStopped = false;

  /** `onFull` is called when as many sessions wait for a loop as `backlog` says, and when that is over. */
  constructor(
    backlog: number,
    security: Security,
    onearlydata: EarlyDataCallback | undefined,
    onFull: (full: boolean) => void,
  ) {
    this.#security = security;
    this.#onearlydata = onearlydata;
    this.#backlog = new SessionBacklog(backlog, onFull);
  }

  /** For handshakes to come. */
  get security(): Security {
    return this.#security;
  }

  /** Nothing has changed when it throws. */
  replaceContext(
    context: DTLSSecureContext | ServerSecurityOptions,
    keepAlive: BehaviourOptions['keepAlive'],
  ): void {
    const security = securityAfter(context, this.#security);
    checkEarlyReceiver(this.#onearlydata, security);
    checkKeepAlive(keepAlive, security.versions);
    this.#security = security;
  }

  /** Without `onsession` sessions wait for a loop. */
  start(onsession: SessionCallback | undefined): void {
    this.#onsession = onsession;
  }

  /** It calls `onsession`. */
  get isCalling(): boolean {
    return this.#onsession !== undefined;
  }

  onEarlyData(data: Buffer, session: DTLSSession): void {
    this.#onearlydata?.(data, session);
  }

  welcome(session: DTLSSession): void {
    if (this.#onsession === undefined || this.isIterated) this.#backlog.push(session);
    try {
      this.#observe(session, this.#onsession?.(session));
    } catch (error) {
      sessionControl.failBy(session, error, throwLater);
    }
  }

  /** The handshake of `session` is done. */
  onOpen(session: DTLSSession): void {
    this.#backlog.onOpen(session);
  }

  /** The callback may be asynchronous. */
  #observe(session: DTLSSession, answer: unknown): void {
    if (!isPromise(answer)) return;
    void Promise.resolve(answer).catch((error: unknown) =>
      sessionControl.failBy(session, error, warnOfRejection),
    );
  }

  /** `onStop` is called when the loop is left early, with the sessions that wait. */
  iterate(onStop: (waiting: readonly DTLSSession[]) => void): AsyncIterableIterator<DTLSSession, undefined> {
    this.isIterated = true;
    return this.#backlog.iterate((waiting) => {
      this.isStopped = true;
      onStop(waiting);
    });
  }

  /** The session is over. */
  forget(session: DTLSSession): void {
    this.#backlog.forget(session);
  }

  /** The endpoint is over. */
  end(error: Error | undefined): void {
    this.#backlog.end(error);
  }
}
