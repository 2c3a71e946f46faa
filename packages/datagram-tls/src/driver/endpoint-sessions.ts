import type { DTLSSession } from './session.js';

/**
 * The sessions of an endpoint that are not over, in the order of their beginning; it changes with them.
 *
 * @example
 * ```ts
 * import type { EndpointSessions } from 'datagram-tls';
 *
 * function broadcast(sessions: EndpointSessions, text: string): void {
 *   for (const session of sessions) session.send(text);
 * }
 * broadcast(endpoint.sessions, 'hello, all');
 * ```
 */
export interface EndpointSessions extends Iterable<DTLSSession> {
  readonly size: number;
  /** The session with that IP address and port; of a client that restarts, the one that it had before. */
  get(address: string, port: number): DTLSSession | undefined;
}

/** Shows the endpoint's own set, which only the endpoint changes. */
export class SessionsView implements EndpointSessions {
  readonly #sessions: ReadonlySet<DTLSSession>;
  readonly get: EndpointSessions['get'];

  constructor(sessions: ReadonlySet<DTLSSession>, get: EndpointSessions['get']) {
    this.#sessions = sessions;
    this.get = get;
  }

  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): Iterator<DTLSSession> {
    return this.#sessions.values();
  }
}
