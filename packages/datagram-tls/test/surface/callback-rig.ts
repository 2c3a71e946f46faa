import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { roundTrip } from '../driver/echo.js';
import { SERVERS } from '../support/identities.js';

/** What the application does to the sessions of a side before anything happens to them. */
type Prepare = (session: DTLSSession) => unknown;

export interface Sides {
  readonly server: Partial<ListenOptions>;
  readonly client: ConnectOptions;
  readonly onServer?: Prepare;
  readonly onClient?: Prepare;
}

/** An echo server and clients of it, each with the errors that it heard. */
export class Rig {
  readonly endpoint: DTLSEndpoint;
  readonly sessions: DTLSSession[] = [];
  readonly #sides: Sides;
  readonly #errors = new Map<DTLSSession, unknown[]>();

  constructor(sides: Sides) {
    this.#sides = sides;
    const onsession = (session: DTLSSession): unknown => {
      this.sessions.push(session);
      session.onmessage = (data) => void session.send(data);
      this.#listen(session);
      return sides.onServer?.(session);
    };
    this.endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...sides.server });
  }

  connect(): DTLSSession {
    const session = connect('127.0.0.1', this.endpoint.address?.port ?? 0, this.#sides.client);
    this.#listen(session);
    void this.#sides.onClient?.(session);
    return session;
  }

  /** What `onerror` of a session got. */
  errorsOf(session: DTLSSession | undefined): readonly unknown[] {
    return (session && this.#errors.get(session)) ?? [];
  }

  /** The same of all sessions of both sides. */
  get errors(): readonly unknown[] {
    return [...this.#errors.values()].flat();
  }

  /** A session that works. */
  async open(): Promise<DTLSSession> {
    const session = this.connect();
    await session.opened;
    await roundTrip(session, 'hello');
    return session;
  }

  #listen(session: DTLSSession): void {
    const heard: unknown[] = [];
    this.#errors.set(session, heard);
    session.onerror = (error) => void heard.push(error);
  }
}

type Uncaught = 'uncaughtException' | 'unhandledRejection';

/** The next uncaught exception or unhandled rejection. The test runner does not see it: it would count it as a failure. */
export function nextUncaught(): Promise<{ readonly kind: Uncaught; readonly error: unknown }> {
  const kinds = ['uncaughtException', 'unhandledRejection'] as const;
  const runners = kinds.map((kind) => process.listeners(kind as 'uncaughtException'));
  for (const kind of kinds) process.removeAllListeners(kind);
  return new Promise((resolve) => {
    for (const kind of kinds)
      process.on(kind as 'uncaughtException', (error) => {
        for (const [i, name] of kinds.entries()) {
          process.removeAllListeners(name);
          for (const listener of runners[i] ?? []) process.on(name as 'uncaughtException', listener);
        }
        resolve({ kind, error });
      });
  });
}

/** The next process warning of this library. */
export function nextWarning(): Promise<Error & { code?: string }> {
  return new Promise((resolve) => {
    const onWarning = (warning: Error): void => {
      if (warning.name !== 'DTLSWarning') return;
      process.off('warning', onWarning);
      resolve(warning);
    };
    process.on('warning', onWarning);
  });
}
