import { callerError, DTLSError, invalidState } from '../base/errors.js';
import { HandshakeType, type Version } from '../wire/codes.js';
import type { Action } from './actions.js';
import { type ClientStep, onClientAnswer, onServersFirst, startClient } from './client.js';
import type { Context } from './context.js';
import type { JobAnswer } from './jobs.js';
import { type Message, outOfPlace } from './message.js';
import { offersExternalPsk } from './offer.js';
import { onClientsFirst, onIdentityChosen, type ServerStep, startServer, versionOf } from './server.js';
import * as client12 from './v12/client.js';
import * as server12 from './v12/server.js';
import * as client13 from './v13/client.js';
import type { Retry13 } from './v13/hellos.js';
import * as post13 from './v13/post-handshake.js';
import * as server13 from './v13/server.js';

/** Every state of either side, tagged with whose rules apply. */
type State =
  /** A client that has not started. */
  | { readonly by: 'idle' }
  | ClientStep
  | ServerStep
  | { readonly by: 'connected12' }
  | { readonly by: 'connected13'; readonly state: post13.Established13 }
  | { readonly by: 'failed' };

/** States that wait for the answer to a job. */
const AWAIT_ANSWER = new Set<string>([
  'wait-verdict',
  'wait-signature',
  'wait-psk',
  'wait-session',
  'wait-ticket',
  'wait-staple',
  'wait-renewal',
  'wait-identity',
  'wait-guard',
  'declined',
]);

/** Takes whole messages in order and turns them into actions; the one place where a peer's violation is caught. */
export class Runner {
  readonly #ctx: Context;
  #state: State;

  /** `retry`: on a server, the HelloRetryRequest that the first message answers. */
  constructor(ctx: Context, retry: Retry13 | undefined) {
    this.#ctx = ctx;
    this.#state =
      ctx.security.role === 'client' ? { by: 'idle' } : { by: 'server', state: startServer(retry) };
  }

  /** A client's first flight. */
  start(): Action[] {
    this.#state = startClient(this.#ctx);
    return this.#ctx.takeActions();
  }

  /** `undefined` until it is chosen. */
  get version(): Version | undefined {
    const current = this.#state;
    switch (current.by) {
      case 'client12':
      case 'server12':
      case 'connected12':
        return 'DTLSv1.2';
      case 'client13':
      case 'server13':
      case 'connected13':
        return 'DTLSv1.3';
      case 'server':
        return versionOf(current.state);
      default:
        return undefined;
    }
  }

  /** The epoch in which the next message has to come; in any other it is not authentic, or out of place. */
  get expectedEpoch(): number {
    const current = this.#state;
    switch (current.by) {
      case 'client12':
        return current.state.at === 'wait-finished' ? 1 : 0;
      case 'server12':
        return current.state.at === 'wait-finished' || current.state.at === 'wait-ticket' ? 1 : 0;
      case 'client13':
        return current.state.at === 'wait-second-server-hello' ? 0 : 2;
      case 'server13':
        return current.state.at === 'wait-second-client-hello' ? 0 : 2;
      case 'connected12':
        return 1;
      case 'connected13':
        return current.state.read.epoch;
      default:
        return 0;
    }
  }

  /** Whether the peer protects all that it sends from here on, its alerts too. */
  get peerProtects(): boolean {
    const current = this.#state;
    switch (current.by) {
      case 'connected12':
      case 'connected13':
        return true;
      case 'server12':
        return server12.clientProtects(current.state);
      case 'client13':
        return current.state.at !== 'wait-second-server-hello';
      default:
        return false;
    }
  }

  /** Whether a message may be given to {@link onMessage} now, or an answer has to come first. */
  get ready(): boolean {
    const current = this.#state;
    switch (current.by) {
      case 'failed':
      case 'idle':
        return false;
      case 'client':
      case 'server':
      case 'client12':
      case 'server12':
      case 'client13':
      case 'server13':
        return !AWAIT_ANSWER.has(current.state.at);
      default:
        return true;
    }
  }

  /**
   * The peer has shown nothing yet of the pre-shared key that it is to have: if it cannot be understood, or does not
   * answer, a wrong key is the likely reason.
   */
  get doubtsPsk(): boolean {
    const current = this.#state;
    if (current.by === 'client')
      return current.state.at === 'wait-server-hello' && offersExternalPsk(current.state.offer);
    if (current.by === 'client13')
      return current.state.at === 'wait-second-server-hello' && offersExternalPsk(current.state.offer);
    if (current.by !== 'client12' && current.by !== 'server12') return false;
    const { state } = current;
    const awaitsProof = state.at === 'wait-finished' || state.at === 'wait-new-session-ticket';
    return awaitsProof && state.ready.peer.pskIdentity !== undefined;
  }

  /** Server, DTLS 1.2: the client's identity is unknown, and the client is not to learn that. */
  get hidesUnknownPsk(): boolean {
    const current = this.#state;
    if (current.by !== 'server12' || current.state.at !== 'wait-finished') return false;
    return current.state.ready.unknownPsk === true;
  }

  onMessage(message: Message): Action[] {
    return this.#guarded(() => this.#step(message));
  }

  /** The answer to the job that the last step asked for. */
  onAnswer(answer: JobAnswer): Action[] {
    return this.#guarded(() => {
      if (answer.kind === 'failed') throw callbackError(answer.cause);
      return this.#resume(answer);
    });
  }

  /** The flight that awaited an ACK has it. */
  onAcknowledged(): Action[] {
    return this.#guarded(() => {
      const current = this.#state;
      if (current.by !== 'connected13') return current;
      return { ...current, state: post13.onAcknowledged13(this.#ctx, current.state) };
    });
  }

  /** Whether {@link updateKeys} would do anything now: nothing of ours is unacknowledged, and there is a next epoch. */
  get canUpdateKeys(): boolean {
    const current = this.#state;
    return current.by === 'connected13' && post13.canUpdate13(this.#ctx, current.state);
  }

  /** DTLS 1.3: renews the keys we send with. Throws `ERR_INVALID_STATE` in DTLS 1.2, `ERR_DTLS_KEY_LIMIT` after the last. */
  updateKeys(requestPeer: boolean): Action[] {
    const current = this.#state;
    if (current.by !== 'connected13') throw invalidState('Only an open DTLS 1.3 session can update its keys');
    if (!post13.hasNextKeys13(this.#ctx, current.state))
      throw callerError('ERR_DTLS_KEY_LIMIT', 'The session has used up its epochs or its message numbers');
    return this.#guarded(() => ({
      ...current,
      state: post13.updateKeys13(this.#ctx, current.state, { requestPeer }),
    }));
  }

  #step(message: Message): State {
    const current = this.#state;
    switch (current.by) {
      case 'client':
        if (current.state.at !== 'wait-server-hello') throw outOfPlace(message, 'nothing');
        return onServersFirst(this.#ctx, current.state, message);
      case 'server':
        if (current.state.at !== 'wait-client-hello') throw outOfPlace(message, 'nothing');
        return onClientsFirst(this.#ctx, current.state.retry, message);
      case 'client12':
        return tagClient12(client12.onMessage12(this.#ctx, current.state, message));
      case 'server12':
        return tagServer12(server12.onMessage12(this.#ctx, current.state, message));
      case 'client13':
        return tagClient13(client13.onMessage13(this.#ctx, current.state, message));
      case 'server13':
        return tagServer13(server13.onMessage13(this.#ctx, current.state, message));
      case 'connected12':
        refuseRenegotiation(this.#ctx, message);
        return current;
      case 'connected13':
        return { ...current, state: post13.onPostHandshake13(this.#ctx, current.state, message) };
      case 'idle':
      case 'failed':
        return current;
    }
  }

  #resume(answer: JobAnswer): State {
    const current = this.#state;
    if (answer.kind === 'failed') throw callbackError(answer.cause);
    switch (current.by) {
      case 'client':
        return onClientAnswer(this.#ctx, current.state, answer);
      case 'server':
        return current.state.at === 'wait-identity' && answer.kind === 'choose-identity'
          ? onIdentityChosen(this.#ctx, current.state.first, answer.security)
          : current;
      case 'client12':
        return tagClient12(client12.onAnswer12(this.#ctx, current.state, answer));
      case 'server12':
        return tagServer12(server12.onAnswer12(this.#ctx, current.state, answer));
      case 'client13':
        return tagClient13(client13.onAnswer13(this.#ctx, current.state, answer));
      case 'server13':
        return tagServer13(server13.onAnswer13(this.#ctx, current.state, answer));
      case 'connected13':
        return answer.kind === 'seal-ticket'
          ? { ...current, state: post13.onTicketSealed13(this.#ctx, current.state, answer.sealed) }
          : current;
      default:
        return current;
    }
  }

  /** A step that fails leaves nothing behind but its failure: its alert goes out under the keys from before. */
  #guarded(step: () => State): Action[] {
    try {
      this.#state = step();
    } catch (error) {
      this.#state = { by: 'failed' };
      this.#ctx.takeActions();
      this.#ctx.fail(error instanceof DTLSError ? error : internalError(error));
    }
    return this.#ctx.takeActions();
  }
}

function tagClient12(state: client12.ClientState12 | 'connected'): State {
  return state === 'connected' ? { by: 'connected12' } : { by: 'client12', state };
}

function tagServer12(state: server12.ServerState12 | 'connected'): State {
  return state === 'connected' ? { by: 'connected12' } : { by: 'server12', state };
}

function tagClient13(state: client13.ClientState13 | post13.Established13): State {
  return state.at === 'established' ? { by: 'connected13', state } : { by: 'client13', state };
}

function tagServer13(state: server13.ServerState13 | post13.Established13): State {
  return state.at === 'established' ? { by: 'connected13', state } : { by: 'server13', state };
}

/** RFC 5246 §7.4.1.1: it is refused, and the session goes on. */
function refuseRenegotiation(ctx: Context, message: Message): void {
  const asks = ctx.security.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
  if (message.type !== asks) throw outOfPlace(message, 'no handshake message');
  ctx.emit({ do: 'refuse-renegotiation' });
}

/** A function that the application gave us threw; the peer learns only that something did. */
function callbackError(cause: unknown): DTLSError {
  if (cause instanceof DTLSError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DTLSError('ERR_DTLS_CALLBACK', message, { alert: 'internal_error', cause });
}

/** A fault of ours or of the platform's cryptography: the peer learns only that there was one. */
function internalError(cause: unknown): DTLSError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DTLSError('ERR_DTLS_INTERNAL', message, { alert: 'internal_error', cause });
}
