import { callerError, DTLSError, invalidState, kindOf, textOf } from '../base/errors.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import type { VersionFacts } from '../wire/version.js';
import type { Action } from './actions.js';
import { startClient } from './client.js';
import type { Context } from './context.js';
import type { JobAnswer } from './jobs.js';
import type { Message } from './message.js';
import { startServer } from './server.js';
import { Stage, type StateTable } from './stage.js';
import type { Retry13 } from './v13/hellos.js';
import type { HandshakeVersions } from './version.js';

/** `idle`: a client that has not started. */
const REST: StateTable<{ readonly at: 'idle' } | { readonly at: 'failed' }> = {
  idle: { epoch: 0, awaits: 'nothing' },
  failed: { epoch: 0, awaits: 'nothing' },
};

/** A server has no reason to refuse a cookie that it just made; more than this is a loop. */
const MAX_RESTARTS = 3;

/** Turns complete messages, in order, into actions; the one place where a peer's violation is caught. */
export class Runner {
  readonly #ctx: Context;
  readonly #versions: HandshakeVersions;
  #stage: Stage;
  /** Of a copy: where it began. */
  #base: Stage | undefined;
  /** Client, DTLS 1.2: where it awaited the ServerHello that it has, until it answers the server's flight. */
  #first: Stage | undefined;
  /** Client, DTLS 1.3: where it awaited the HelloRetryRequest that it has, until the ServerHello. */
  #beforeRetry: Stage | undefined;
  #restarts = 0;

  /** `retry`: on a server, the HelloRetryRequest that the first message answers. */
  constructor(ctx: Context, versions: HandshakeVersions, retry: Retry13 | undefined) {
    this.#ctx = ctx;
    this.#versions = versions;
    const isClient = ctx.security.role === 'client';
    this.#stage = isClient ? Stage.of(undefined, REST, { at: 'idle' }) : startServer(versions, retry);
  }

  /** Server: a copy, which {@link adopt} may put in place of this one before anything of ours is sent. */
  fork(): Runner {
    const fork = new Runner(this.#ctx.fork(), this.#versions, undefined);
    fork.#stage = this.#stage;
    fork.#base = this.#stage;
    return fork;
  }

  /** Nothing has happened here since `fork` was made. */
  isBaseOf(fork: Runner): boolean {
    return fork.#base === this.#stage;
  }

  /** Goes on where `fork` is. */
  adopt(fork: Runner): void {
    this.#stage = fork.#stage;
    this.#ctx.transcript.adopt(fork.#ctx.transcript);
  }

  /** A client's first flight. */
  start(): Action[] {
    return this.#guarded(() => startClient(this.#ctx, this.#versions));
  }

  /** `undefined` until it is chosen. */
  get version(): VersionFacts | undefined {
    return this.#stage.version;
  }

  /** The epoch of the next message; in any other it is not authentic, or out of place. */
  get expectedEpoch(): number {
    return this.#stage.epoch;
  }

  /** Whether the peer protects everything that it sends from here on, its alerts too. */
  get peerProtects(): boolean {
    return this.#stage.peerProtects;
  }

  /** Whether a message may be given to {@link onMessage} now, or an answer has to come first. */
  get ready(): boolean {
    return this.#stage.awaits === 'message';
  }

  /**
   * The peer has not yet proved the pre-shared key: if its records cannot be opened, or it does not answer, a wrong
   * key is the likely reason.
   */
  get doubtsPsk(): boolean {
    return this.#stage.doubtsPsk;
  }

  /** Server, DTLS 1.2: the client's identity is unknown, which is hidden from the client. */
  get hidesUnknownPsk(): boolean {
    return this.#stage.hidesUnknownPsk;
  }

  /** Client: its ClientHello, while no ServerHello has answered it. */
  get unansweredHello(): ClientHello | undefined {
    return this.#stage.unansweredHello;
  }

  onMessage(message: Message): Action[] {
    const before = this.#stage;
    const actions = this.#step(onMessage, before, message);
    const isAnswered = before.unansweredHello !== undefined && this.#stage.unansweredHello === undefined;
    if (isAnswered && this.version?.rules.acks === false) this.#first = before;
    const isRetried = before.version === undefined && this.version !== undefined;
    this.#beforeRetry = isRetried && this.unansweredHello !== undefined ? before : undefined;
    return actions;
  }

  /** Client, DTLS 1.3: it has answered a HelloRetryRequest, and has begun again less often than it may. */
  get mayRestart(): boolean {
    return this.#beforeRetry !== undefined && this.#restarts < MAX_RESTARTS;
  }

  /** Client: a new first ClientHello, as if there had been no HelloRetryRequest. */
  restart(): Action[] {
    const from = this.#beforeRetry ?? this.#stage;
    this.#beforeRetry = undefined;
    this.#restarts++;
    return this.#guarded(() => from.restart(this.#ctx));
  }

  /** Client, DTLS 1.2: it has no answer to its ClientHello, or a part of one, and can give its ClientHello another cookie. */
  get mayBeginAnew(): boolean {
    return this.unansweredHello !== undefined || (this.#first !== undefined && this.ready);
  }

  /** The HelloVerifyRequest of a server that has no state of ours. Nothing of the flight that we have counts any more. */
  beginAnew(request: Message): Action[] {
    const from = this.#first ?? this.#stage;
    return this.#guarded(() => from.onMessage(this.#ctx, request));
  }

  /** The answer to the job of the last step. */
  onAnswer(answer: JobAnswer): Action[] {
    return this.#step(onAnswer, this.#stage, answer);
  }

  /** The flight that awaited an ACK has got it. */
  onAcknowledged(): Action[] {
    return this.#guarded(() => this.#stage.onAcknowledged(this.#ctx));
  }

  /** Whether {@link updateKeys} would do anything now: nothing of ours is unacknowledged, and there is a next epoch. */
  get canUpdateKeys(): boolean {
    return this.#stage.canUpdateKeys(this.#ctx);
  }

  /** There are keys after those that we have or have announced. */
  get hasNextKeys(): boolean {
    return this.#stage.hasKeyUpdates && this.#stage.hasNextKeys(this.#ctx);
  }

  /**
   * DTLS 1.3: updates our sending keys. Throws `ERR_INVALID_STATE` in DTLS 1.2, `ERR_DTLS_KEY_LIMIT` after the last.
   */
  updateKeys(requestPeer: boolean): Action[] {
    if (!this.#stage.hasKeyUpdates)
      throw invalidState('Only an open DTLS 1.3 session can update its keys. Check session.protocol');
    if (!this.#stage.hasNextKeys(this.#ctx))
      throw callerError(
        'ERR_DTLS_KEY_LIMIT',
        'The session has used up its epochs or its message numbers. Connect again',
      );
    return this.#guarded(() => this.#stage.updateKeys(this.#ctx, requestPeer));
  }

  /** DTLS 1.3: asks the peer for spare connection IDs, where there are none. */
  requestIds(): Action[] {
    return this.#guarded(() => this.#stage.requestIds(this.#ctx));
  }

  /** DTLS 1.3: gives the peer another connection ID. Throws `ERR_INVALID_STATE` where its records have none, and in DTLS 1.2. */
  renewIds(): Action[] {
    if (!this.#stage.renewsIds(this.#ctx))
      throw invalidState(
        'Only an open DTLS 1.3 session whose peer has a connection ID of ours can renew it. Check session.connectionId',
      );
    return this.#guarded(() => this.#stage.renewIds(this.#ctx));
  }

  /** Of an open session; nothing else can be written. */
  save(w: Writer): void {
    this.#ctx.save(w);
    this.#stage.save(w);
  }

  /** `readStage`: of the session's version. */
  restore(r: Reader, readStage: (r: Reader) => Stage): void {
    this.#ctx.restore(r);
    this.#stage = readStage(r);
  }

  /** A failed step leaves only its failure: its alert is sent under the previous keys. */
  #guarded(step: () => Stage): Action[] {
    return this.#step(run, this.#stage, step);
  }

  /** The same without a closure for each message. */
  #step<Input>(
    step: (stage: Stage, ctx: Context, input: Input) => Stage,
    from: Stage,
    input: Input,
  ): Action[] {
    try {
      this.#stage = step(from, this.#ctx, input);
    } catch (error) {
      this.#stage = Stage.of(undefined, REST, { at: 'failed' });
      this.#ctx.takeActions();
      this.#ctx.fail(error instanceof DTLSError ? error : internalError(error));
    }
    const actions = this.#ctx.takeActions();
    if (this.#first !== undefined && actions.some(endsFirst)) this.#first = undefined;
    return actions;
  }
}

/** The answer to our ClientHello is whole, or there will be none. */
function endsFirst({ do: what }: Action): boolean {
  return what === 'end-flight' || what === 'fail';
}

function onMessage(stage: Stage, ctx: Context, message: Message): Stage {
  return stage.onMessage(ctx, message);
}

function onAnswer(stage: Stage, ctx: Context, answer: JobAnswer): Stage {
  if (answer.kind === 'failed') throw callbackError(answer.cause);
  return stage.onAnswer(ctx, answer);
}

function run(_stage: Stage, _ctx: Context, step: () => Stage): Stage {
  return step();
}

/** A function of the application threw; the peer only learns that there was an error. */
function callbackError(cause: unknown): DTLSError {
  if (cause instanceof DTLSError) return cause;
  const text =
    cause instanceof Error
      ? textOf(cause)
      : `a callback of the application threw ${kindOf(cause)}. Throw an Error instead`;
  return new DTLSError('ERR_DTLS_CALLBACK', text, { alert: 'internal_error', cause });
}

/** A fault of ours or of the platform's cryptography: the peer only learns that there was one. */
function internalError(cause: unknown): DTLSError {
  const text = `an internal error of this side: ${textOf(cause)}. Report it with its cause`;
  return new DTLSError('ERR_DTLS_INTERNAL', text, { alert: 'internal_error', cause });
}
