import type { DTLSError } from '../base/errors.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Action } from './actions.js';
import { Transcript } from './transcript.js';

/** What every step of one handshake shares: settings, transcript, numbering, and the actions of the step under way. */
export class Context {
  readonly security: Security;
  readonly behaviour: Behaviour;
  readonly destination: Destination;
  readonly provider: CryptoProvider;
  readonly transcript: Transcript;
  #actions: Action[] = [];
  #nextSeq: number;

  /** `firstSeq`: message_seq of our first message; 1 on a server that answered with a HelloVerifyRequest. */
  constructor(security: Security, behaviour: Behaviour, destination: Destination, firstSeq: number) {
    this.security = security;
    this.behaviour = behaviour;
    this.destination = destination;
    this.provider = security.provider;
    this.transcript = new Transcript(security.provider);
    this.#nextSeq = firstSeq;
  }

  emit(action: Action): void {
    this.#actions.push(action);
  }

  /** Adds a message to the flight and to the transcript. */
  send(type: number, body: Uint8Array, epoch: number): void {
    const seq = this.#nextSeq++;
    this.transcript.add(type, seq, body);
    this.#actions.push({ do: 'send', type, seq, epoch, body });
  }

  fail(error: DTLSError): void {
    this.#actions.push({ do: 'fail', error });
  }

  /** The actions asked for since the last call. */
  takeActions(): Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }
}
