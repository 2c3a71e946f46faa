import { checkFunction } from '../config/checks.js';
import type { Version } from '../wire/codes.js';

export interface SessionHandlers<S> {
  onmessage: (this: S, data: Uint8Array) => void;
  onerror: (this: S, error: Error) => void;
  onhandshake: (this: S, protocol: Version) => void;
  onkeylog: (this: S, line: Uint8Array) => void;
  onend: (this: S) => void;
  onsession: (this: S, session: Buffer) => void;
}

/** The callbacks of a session. As in node:dtls they are bound to it when they are set, and read back bound. */
export class Handlers<S> {
  readonly #session: S;
  readonly #bound: { [K in keyof SessionHandlers<S>]?: SessionHandlers<S>[K] | undefined } = {};

  constructor(session: S) {
    this.#session = session;
  }

  get<K extends keyof SessionHandlers<S>>(name: K): SessionHandlers<S>[K] | undefined {
    return this.#bound[name];
  }

  /** Throws `ERR_INVALID_ARG_TYPE` unless `fn` is a function; `null` and `undefined` clear it. */
  set<K extends keyof SessionHandlers<S>>(name: K, fn: SessionHandlers<S>[K] | null | undefined): void {
    if (fn === null || fn === undefined) {
      this.#bound[name] = undefined;
      return;
    }
    checkFunction(fn, name);
    this.#bound[name] = fn.bind(this.#session) as unknown as SessionHandlers<S>[K];
  }

  message(data: Uint8Array): void {
    this.#bound.onmessage?.call(this.#session, data);
  }

  error(error: Error): void {
    this.#bound.onerror?.call(this.#session, error);
  }

  handshake(protocol: Version): void {
    this.#bound.onhandshake?.call(this.#session, protocol);
  }

  session(session: Buffer): void {
    this.#bound.onsession?.call(this.#session, session);
  }

  end(): void {
    this.#bound.onend?.call(this.#session);
  }

  /** The line is made only when somebody listens. */
  keylog(line: () => Uint8Array): void {
    this.#bound.onkeylog?.call(this.#session, line());
  }
}
