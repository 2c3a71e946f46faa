import type { Writer } from '../wire/cursor.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import type { VersionFacts } from '../wire/version.js';
import type { Context } from './context.js';
import type { JobAnswer } from './jobs.js';
import { type Message, outOfPlace } from './message.js';

/** Jobs whose answer goes back to the state that asked. */
export type AwaitedJob = Exclude<JobAnswer['kind'], 'failed'>;

/** What `S` is and awaits, and its successors; `N` are the states that can follow in the same table. */
export type StateRow<S, N> = Shape<S> &
  Partial<OpenSession<S, N> & Beginning<S, N>> &
  (Step<S, N> | Resumption<S, N> | End);

/** A row for each state: a state without one does not compile. */
export type StateTable<S extends { readonly at: string }> = {
  readonly [At in S['at']]: StateRow<Extract<S, { readonly at: At }>, S>;
};

interface Shape<S> {
  /** The epoch of the next message; in any other it is not authentic, or out of place. */
  readonly epoch: number | ((state: S) => number);
  /** The peer protects everything that it sends from here on, its alerts too. */
  readonly peerProtects?: boolean | ((state: S) => boolean);
  /**
   * The peer has shown nothing yet of the pre-shared key that it is to have: if it cannot be understood, or does not
   * answer, a wrong key is the likely reason.
   */
  doubtsPsk?(state: S): boolean;
  /** Server: the client's identity is unknown, which is hidden from the client. */
  hidesUnknownPsk?(state: S): boolean;
  /** Client: its ClientHello, while no ServerHello has answered it. */
  unansweredHello?(state: S): ClientHello;
}

interface Step<S, N> {
  readonly awaits: 'message';
  on(ctx: Context, state: S, message: Message): N | Stage;
}

type Resumption<S, N> = {
  [K in AwaitedJob]: {
    readonly awaits: K;
    on(ctx: Context, state: S, answer: Extract<JobAnswer, { readonly kind: K }>): N | Stage;
  };
}[AwaitedJob];

/** Nothing follows. */
interface End {
  readonly awaits: 'nothing';
}

interface Beginning<S, N> {
  /** Client: begins again with a new first ClientHello. */
  restart(ctx: Context, state: S): N;
}

/** The operations of an open session beside reading messages. */
interface OpenSession<S, N> {
  /** Server: the ticket that the end of the handshake requested. */
  onTicketSealed(ctx: Context, state: S, answer: Extract<JobAnswer, { readonly kind: 'seal-ticket' }>): N;
  /** The flight that awaited an ACK has it. */
  onAcknowledged(ctx: Context, state: S): N;
  keyUpdates: {
    /** {@link update} would do something now. */
    canUpdate(ctx: Context, state: S): boolean;
    /** There are keys after those that we have or have announced. */
    hasNext(ctx: Context, state: S): boolean;
    update(ctx: Context, state: S, requestPeer: boolean): N;
  };
  connectionIds: {
    /** The peer's records have one of ours. */
    uses(ctx: Context): boolean;
    /** Asks for spare ones, where there are none. */
    request(ctx: Context, state: S): N;
    /** Gives the peer another one to use at once. */
    renew(ctx: Context, state: S): N;
  };
  /** Writes what its version's `Reopening` reads. */
  save(w: Writer, state: S): void;
}

interface AnyState {
  readonly at: string;
}

/** A row as {@link Stage} sees it, whatever its state. */
interface AnyRow
  extends Shape<AnyState>,
    Partial<OpenSession<AnyState, AnyState> & Beginning<AnyState, AnyState>> {
  readonly awaits: 'message' | 'nothing' | AwaitedJob;
  on?(ctx: Context, state: AnyState, input: Message | JobAnswer): AnyState | Stage;
}

/** The state of a handshake: a state, its table, and the version of its rules. */
export class Stage {
  /** `undefined` until it is chosen. */
  readonly version: VersionFacts | undefined;
  readonly #table: Readonly<Record<string, AnyRow>>;
  readonly #state: AnyState;
  readonly #row: AnyRow;

  private constructor(
    version: VersionFacts | undefined,
    table: Readonly<Record<string, AnyRow>>,
    state: AnyState,
  ) {
    this.version = version;
    this.#table = table;
    this.#state = state;
    this.#row = table[state.at] as AnyRow;
  }

  static of<S extends { readonly at: string }>(
    version: VersionFacts | undefined,
    table: StateTable<S>,
    state: NoInfer<S>,
  ): Stage {
    return new Stage(version, table as unknown as Readonly<Record<string, AnyRow>>, state);
  }

  get epoch(): number {
    const { epoch } = this.#row;
    return typeof epoch === 'number' ? epoch : epoch(this.#state);
  }

  get awaits(): AnyRow['awaits'] {
    return this.#row.awaits;
  }

  get peerProtects(): boolean {
    const { peerProtects = false } = this.#row;
    return typeof peerProtects === 'boolean' ? peerProtects : peerProtects(this.#state);
  }

  get doubtsPsk(): boolean {
    return this.#row.doubtsPsk?.(this.#state) ?? false;
  }

  get hidesUnknownPsk(): boolean {
    return this.#row.hidesUnknownPsk?.(this.#state) ?? false;
  }

  get unansweredHello(): ClientHello | undefined {
    return this.#row.unansweredHello?.(this.#state);
  }

  onMessage(ctx: Context, message: Message): Stage {
    const row = this.#row;
    if (row.awaits !== 'message' || row.on === undefined) throw outOfPlace(message, 'nothing');
    return this.#next(row.on(ctx, this.#state, message));
  }

  restart(ctx: Context): Stage {
    const row = this.#row;
    return row.restart === undefined ? this : this.#next(row.restart(ctx, this.#state));
  }

  /** The answer to a job; an unrequested one changes nothing. */
  onAnswer(ctx: Context, answer: JobAnswer): Stage {
    const row = this.#row;
    if (row.awaits === answer.kind && row.on !== undefined)
      return this.#next(row.on(ctx, this.#state, answer));
    if (answer.kind === 'seal-ticket' && row.onTicketSealed !== undefined)
      return this.#next(row.onTicketSealed(ctx, this.#state, answer));
    return this;
  }

  onAcknowledged(ctx: Context): Stage {
    const row = this.#row;
    return row.onAcknowledged === undefined ? this : this.#next(row.onAcknowledged(ctx, this.#state));
  }

  /** The session is open, and its version updates keys. */
  get hasKeyUpdates(): boolean {
    return this.#row.keyUpdates !== undefined;
  }

  canUpdateKeys(ctx: Context): boolean {
    return this.#row.keyUpdates?.canUpdate(ctx, this.#state) ?? false;
  }

  hasNextKeys(ctx: Context): boolean {
    return this.#row.keyUpdates?.hasNext(ctx, this.#state) ?? false;
  }

  updateKeys(ctx: Context, requestPeer: boolean): Stage {
    const { keyUpdates } = this.#row;
    return keyUpdates === undefined ? this : this.#next(keyUpdates.update(ctx, this.#state, requestPeer));
  }

  /** The session is open, and its version can change the peer's connection ID, which it has. */
  renewsIds(ctx: Context): boolean {
    return this.#row.connectionIds?.uses(ctx) ?? false;
  }

  requestIds(ctx: Context): Stage {
    const { connectionIds } = this.#row;
    return connectionIds === undefined ? this : this.#next(connectionIds.request(ctx, this.#state));
  }

  renewIds(ctx: Context): Stage {
    const { connectionIds } = this.#row;
    return connectionIds === undefined ? this : this.#next(connectionIds.renew(ctx, this.#state));
  }

  /** Of an open session; nothing else can be written. */
  save(w: Writer): void {
    this.#row.save?.(w, this.#state);
  }

  #next(next: AnyState | Stage): Stage {
    return next instanceof Stage ? next : new Stage(this.version, this.#table, next);
  }
}
