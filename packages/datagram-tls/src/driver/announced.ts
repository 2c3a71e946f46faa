import type { Handlers, SessionHandlers } from './handlers.js';
import { Negotiated } from './negotiated.js';

/** For the class that has the handlers; no name that a user of a session could meet. */
export const HANDLERS = Symbol('handlers');

/** What a session of type `S` calls back for, beside its messages. */
export abstract class Announced<S> extends Negotiated {
  abstract get [HANDLERS](): Handlers<S>;

  /** Called once, before `opened` is rejected, when the session fails. */
  get onerror(): SessionHandlers<S>['onerror'] | undefined {
    return this[HANDLERS].get('onerror');
  }
  set onerror(fn: SessionHandlers<S>['onerror'] | null | undefined) {
    this[HANDLERS].set('onerror', fn);
  }

  get onhandshake(): SessionHandlers<S>['onhandshake'] | undefined {
    return this[HANDLERS].get('onhandshake');
  }
  set onhandshake(fn: SessionHandlers<S>['onhandshake'] | null | undefined) {
    this[HANDLERS].set('onhandshake', fn);
  }

  /** Called with lines of a key log (RFC 9850), newline included: who has them can read the session. */
  get onkeylog(): SessionHandlers<S>['onkeylog'] | undefined {
    return this[HANDLERS].get('onkeylog');
  }
  set onkeylog(fn: SessionHandlers<S>['onkeylog'] | null | undefined) {
    this[HANDLERS].set('onkeylog', fn);
  }

  /** Called when the peer has said close_notify in DTLS 1.3 and our side may go on: see `allowHalfOpen`. */
  get onend(): SessionHandlers<S>['onend'] | undefined {
    return this[HANDLERS].get('onend');
  }
  set onend(fn: SessionHandlers<S>['onend'] | null | undefined) {
    this[HANDLERS].set('onend', fn);
  }

  /**
   * Called with what `connect` takes as `session` to resume this one: in DTLS 1.3 whenever the server gives a ticket,
   * which may be never, in DTLS 1.2 with the end of the handshake if at all. It holds secrets: who has it can be this
   * client.
   */
  get onsession(): SessionHandlers<S>['onsession'] | undefined {
    return this[HANDLERS].get('onsession');
  }
  set onsession(fn: SessionHandlers<S>['onsession'] | null | undefined) {
    this[HANDLERS].set('onsession', fn);
  }
}
