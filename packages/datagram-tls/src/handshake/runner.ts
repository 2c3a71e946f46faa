import { DTLSError } from '../base/errors.js';
import { HandshakeType } from '../wire/codes.js';
import type { Action } from './actions.js';
import { onServersFirst, startClient, type WaitServerHello } from './client.js';
import type { Context } from './context.js';
import { outOfPlace } from './decoded.js';
import type { JobAnswer } from './jobs.js';
import type { Message } from './message.js';
import { onClientsFirst, startServer, type WaitClientHello } from './server.js';
import * as client12 from './v12/client.js';
import * as server12 from './v12/server.js';

/** Every state of either side, tagged with whose rules apply. */
type State =
  /** A client that has not started. */
  | { readonly by: 'idle' }
  | { readonly by: 'client'; readonly state: WaitServerHello }
  | { readonly by: 'server'; readonly state: WaitClientHello }
  | { readonly by: 'client12'; readonly state: client12.ClientState12 }
  | { readonly by: 'server12'; readonly state: server12.ServerState12 }
  | { readonly by: 'connected12' }
  | { readonly by: 'failed' };

/** Takes whole messages in order and turns them into actions; the one place where a peer's violation is caught. */
export class Runner {
  readonly #ctx: Context;
  #state: State;

  constructor(ctx: Context) {
    this.#ctx = ctx;
    this.#state = ctx.security.role === 'client' ? { by: 'idle' } : { by: 'server', state: startServer() };
  }

  /** A client's first flight. */
  start(): Action[] {
    this.#state = { by: 'client', state: startClient(this.#ctx) };
    return this.#ctx.takeActions();
  }

  /** The epoch in which the next message has to come; in any other it is not authentic, or out of place. */
  get expectedEpoch(): number {
    const current = this.#state;
    if (current.by === 'connected12') return 1;
    if (current.by === 'client12' || current.by === 'server12')
      return current.state.at === 'wait-finished' ? 1 : 0;
    return 0;
  }

  /** Whether the peer protects all that it sends from here on, its alerts too. */
  get peerProtects(): boolean {
    const current = this.#state;
    return (
      current.by === 'connected12' || (current.by === 'server12' && current.state.at === 'wait-finished')
    );
  }

  /** Whether a message may be given to {@link onMessage} now, or an answer has to come first. */
  get ready(): boolean {
    const current = this.#state;
    if (current.by === 'failed' || current.by === 'idle') return false;
    if (current.by !== 'client12' && current.by !== 'server12') return true;
    return current.state.at !== 'wait-verdict' && current.state.at !== 'wait-signature';
  }

  onMessage(message: Message): Action[] {
    return this.#guarded(() => this.#step(message));
  }

  /** The answer to the job that the last step asked for. */
  onAnswer(answer: JobAnswer): Action[] {
    return this.#guarded(() => this.#resume(answer));
  }

  #step(message: Message): State {
    const current = this.#state;
    switch (current.by) {
      case 'client':
        return tagClient(onServersFirst(this.#ctx, current.state, message));
      case 'server':
        return { by: 'server12', state: onClientsFirst(this.#ctx, message) };
      case 'client12':
        return tagClient(client12.onMessage12(this.#ctx, current.state, message));
      case 'server12':
        return tagServer(server12.onMessage12(this.#ctx, current.state, message));
      case 'connected12':
        refuseRenegotiation(this.#ctx, message);
        return current;
      case 'idle':
      case 'failed':
        return current;
    }
  }

  #resume(answer: JobAnswer): State {
    const current = this.#state;
    if (current.by === 'client12') return tagClient(client12.onAnswer12(this.#ctx, current.state, answer));
    if (current.by === 'server12') return tagServer(server12.onAnswer12(this.#ctx, current.state, answer));
    return current;
  }

  #guarded(step: () => State): Action[] {
    try {
      this.#state = step();
    } catch (error) {
      this.#state = { by: 'failed' };
      this.#ctx.fail(error instanceof DTLSError ? error : internalError(error));
    }
    return this.#ctx.takeActions();
  }
}

function tagClient(state: WaitServerHello | client12.ClientState12 | 'connected'): State {
  if (state === 'connected') return { by: 'connected12' };
  return state.at === 'wait-server-hello' ? { by: 'client', state } : { by: 'client12', state };
}

function tagServer(state: server12.ServerState12 | 'connected'): State {
  return state === 'connected' ? { by: 'connected12' } : { by: 'server12', state };
}

/** RFC 5246 §7.4.1.1, §7.2.2: a warning says no, and the session goes on. */
function refuseRenegotiation(ctx: Context, message: Message): void {
  const asks = ctx.security.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
  if (message.type !== asks) throw outOfPlace(message, 'no handshake message');
  ctx.emit({ do: 'warn', alert: 'no_renegotiation' });
}

/** A fault of ours or of the platform's cryptography: the peer learns only that there was one. */
function internalError(cause: unknown): DTLSError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DTLSError('ERR_DTLS_INTERNAL', message, { alert: 'internal_error', cause });
}
