import type { Destination } from '../config/config.js';
import type { Retry13 } from '../handshake/v13/hellos.js';

/** Where a connection begins. All zero for a client and for a server without a cookie exchange. */
export interface InitialNumbers {
  /** message_seq of our first message. */
  readonly sendSeq: number;
  /** message_seq of the first message we expect. */
  readonly receiveSeq: number;
  /** Record sequence number of our first record in epoch 0. */
  readonly recordSequence: number;
  /** Server: the HelloRetryRequest that was sent without state, and which the first message answers. */
  readonly retry?: Retry13 | undefined;
  /**
   * What is known of the path: it is validated, as by a cookie; it is not; it is not, and the client is answered only
   * if its early data can be accepted.
   */
  readonly contact: 'validated' | 'unvalidated' | 'early-data';
}

/** The destination of a server's association. All fields are its own, so that it need not be copied. */
export const NOWHERE: Destination = {
  serverName: undefined,
  verifyName: undefined,
  session: undefined,
  earlyData: undefined,
};

export const FROM_ZERO: InitialNumbers = {
  sendSeq: 0,
  receiveSeq: 0,
  recordSequence: 0,
  contact: 'validated',
};
