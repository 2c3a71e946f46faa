import type { Retry13 } from '../handshake/v13/retry-request.js';

/** Where a connection begins in the peer's numbering. All zero for a client and for a server that asks for no cookie. */
export interface Beginning {
  /** message_seq of our first message. */
  readonly sendSeq: number;
  /** message_seq of the first message we expect. */
  readonly receiveSeq: number;
  /** Record sequence number of our first record in epoch 0. */
  readonly recordSequence: number;
  /** Server: the HelloRetryRequest that was sent without state, and which the first message answers. */
  readonly retry?: Retry13 | undefined;
  /** Server: the client, who has not shown that it hears us, is answered only if its early data can be taken. */
  readonly early?: boolean;
}

export const FROM_ZERO: Beginning = { sendSeq: 0, receiveSeq: 0, recordSequence: 0 };
