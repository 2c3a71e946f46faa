import { isIP } from 'node:net';
import { DTLSError } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import { now, WakeUp } from './clock.js';
import type { Port } from './port.js';

/** An association that may become that of a session. */
export interface Attempt {
  readonly port: Port;
  readonly entry: ConnectionEntry;
}

/** What the endpoint does for the attempts of one session. */
export interface AttemptHost {
  /**
   * Makes an association with `address`, whose handshake may take `timeout` ms, 0: any time. Throws the error of the
   * system. `isFirst`: it may offer what is used once.
   */
  begin(address: string, timeout: Duration, isFirst: boolean): Attempt;
  /** The session is that of `attempt`, which has told `events` until now. */
  win(attempt: Attempt, events: readonly ConnectionEvent[]): void;
  /** The application hears nothing of `attempt`. */
  drop(attempt: Attempt): void;
  /** No address is left. */
  fail(error: Error): void;
}

/** ms. */
export interface Pace {
  /** Between the beginnings of two attempts. */
  readonly delay: Duration;
  /** When all attempts are over; `undefined`: never. */
  readonly deadline: Instant | undefined;
}

/** Addresses of one host that are tried at most. */
const MAX_ADDRESSES = 8;

/** RFC 8305 §4: the version of IP that the resolver prefers is first, and then both take turns. */
export function interleave(addresses: readonly string[]): readonly string[] {
  const different = [...new Set(addresses)];
  const first = isIP(different[0] ?? '');
  const preferred = different.filter((address) => isIP(address) === first);
  const others = different.filter((address) => isIP(address) !== first);
  const turns = preferred.flatMap((address, i) => [address, ...others.slice(i, i + 1)]);
  return [...turns, ...others.slice(preferred.length)].slice(0, MAX_ADDRESSES);
}

/** An attempt, and what it has told before it was known to be the one. */
interface Running {
  readonly attempt: Attempt;
  readonly events: ConnectionEvent[];
}

/**
 * The addresses of one host, tried one after the other (RFC 8305): the next begins when the one before has failed, or has
 * no answer for a while. The first that a server answers is the session's; a handshake that fails later fails as any other.
 */
export class HappyEyeballs {
  readonly #host: AttemptHost;
  readonly #pace: Pace;
  readonly #wakeUp = new WakeUp(() => this.#onWakeUp());
  readonly #waiting: string[];
  readonly #tried: string[] = [];
  readonly #running = new Map<ConnectionEntry, Running>();
  readonly #errors: Error[] = [];
  #next: Instant = Number.POSITIVE_INFINITY;
  #over = false;

  constructor(addresses: readonly string[], pace: Pace, host: AttemptHost) {
    this.#waiting = [...addresses];
    this.#pace = pace;
    this.#host = host;
  }

  /** Sends the first flight. */
  start(): void {
    this.#beginNext();
  }

  setReferenced(referenced: boolean): void {
    this.#wakeUp.setReferenced(referenced);
  }

  /** What has happened to an attempt. */
  onEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    const running = this.#running.get(entry);
    if (running === undefined) return;
    if (event.type === 'closed') return this.#onEnd(running, event.error);
    running.events.push(event);
    if (event.type === 'answered') this.#onAnswered(running);
  }

  /** A socket of attempts has failed. */
  onPortError(port: Port, error: Error): void {
    for (const running of [...this.#running.values()])
      if (running.attempt.port === port) this.#onEnd(running, error);
  }

  /** Stops: nothing is reported any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wakeUp.stop();
    this.#dropAll();
  }

  #beginNext(): void {
    const address = this.#waiting.shift();
    if (address === undefined) return;
    const isFirst = this.#tried.length === 0;
    this.#tried.push(address);
    const at = now();
    this.#next = this.#waiting.length > 0 ? at + this.#pace.delay : Number.POSITIVE_INFINITY;
    try {
      const attempt = this.#host.begin(address, this.#timeLeft(at), isFirst);
      this.#running.set(attempt.entry, { attempt, events: [] });
      // With one address there is nothing to race.
      if (isFirst && this.#waiting.length === 0) this.#win(attempt, []);
      attempt.port.pump();
    } catch (error) {
      this.#errors.push(error as Error);
      return this.#goOn();
    }
    if (!this.#over && Number.isFinite(this.#next)) this.#wakeUp.arm(this.#next);
  }

  /** ms for a handshake that begins now; 0: any time. */
  #timeLeft(at: Instant): Duration {
    const { deadline } = this.#pace;
    return deadline === undefined ? 0 : Math.max(1, deadline - at);
  }

  #onWakeUp(): void {
    if (this.#over) return;
    if (now() >= this.#next) this.#beginNext();
    else if (Number.isFinite(this.#next)) this.#wakeUp.arm(this.#next);
  }

  #onAnswered({ attempt, events }: Running): void {
    this.#over = true;
    this.#running.delete(attempt.entry);
    this.#dropAll();
    this.#win(attempt, events);
  }

  #win(attempt: Attempt, events: readonly ConnectionEvent[]): void {
    this.#over = true;
    this.#wakeUp.stop();
    this.#running.delete(attempt.entry);
    this.#host.win(attempt, events);
  }

  #onEnd({ attempt }: Running, error: Error | undefined): void {
    this.#running.delete(attempt.entry);
    this.#host.drop(attempt);
    if (error !== undefined) this.#errors.push(error);
    // A fault of the application's own functions is the same everywhere.
    if (error instanceof DTLSError && error.code === 'ERR_DTLS_CALLBACK') this.#lose(error);
    else this.#goOn();
  }

  /** An attempt has failed: the next begins at once. */
  #goOn(): void {
    const { deadline } = this.#pace;
    if (this.#waiting.length > 0 && (deadline === undefined || now() < deadline)) this.#beginNext();
    else if (this.#running.size === 0) this.#lose(telling(this.#errors, this.#tried));
  }

  #lose(error: Error): void {
    if (this.#over) return;
    this.cancel();
    this.#host.fail(error);
  }

  #dropAll(): void {
    const dropped = [...this.#running.values()];
    // The ends of the other attempts are not reported.
    this.#running.clear();
    for (const { attempt } of dropped) this.#host.drop(attempt);
  }
}

/** What a peer said tells more than what was not heard, and the last error more than earlier ones. */
function telling(errors: readonly Error[], addresses: readonly string[]): Error {
  const heard = errors.find((error) => error instanceof DTLSError && error.source !== 'network');
  const error = heard ?? errors.at(-1) ?? new Error('no address was tried');
  // What a refused certificate shows is not lost.
  if (addresses.length < 2 || !(error instanceof DTLSError) || error.peerPublicKey !== undefined)
    return error;
  const { code, message, source, alert, reason } = error;
  const cause = new AggregateError(errors, 'every address failed');
  return new DTLSError(code, `${message}, at any of ${addresses.join(', ')}`, {
    source,
    alert,
    reason,
    cause,
  });
}
