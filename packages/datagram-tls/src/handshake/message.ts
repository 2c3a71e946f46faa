/** A whole handshake message as it came in. */
export interface Message {
  /** HandshakeType code. */
  readonly type: number;
  /** message_seq of RFC 6347 §4.2.2. */
  readonly seq: number;
  /** Epoch of the records that carried it. */
  readonly epoch: number;
  /** Without the handshake header; memory of its own. */
  readonly body: Uint8Array;
}
