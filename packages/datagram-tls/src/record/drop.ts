/**
 * Why a record was discarded. All but the last two come from anyone on the network and are only counted
 * (RFC 9147 §4.5.2); the last two were authentic, so the peer itself broke the rules.
 */
export type DropReason =
  /** The header or the length it states runs past the datagram. */
  | 'truncated'
  | 'bad_type'
  | 'bad_version'
  /** No connection ID was negotiated. */
  | 'unknown_cid'
  /** No keys for the epoch: too old, or not there yet. */
  | 'unknown_epoch'
  /** Longer than a record may be. */
  | 'too_long'
  /** Too short to hold what protects it. */
  | 'too_short'
  /** Seen before, or older than the replay window. */
  | 'replayed'
  /** Not authentic. */
  | 'bad_record'
  /** So many forgeries were tried that the key is spent: the connection must end (RFC 9147 §4.5.3). */
  | 'forgery_limit'
  /** More plaintext than 2^14 bytes: alert record_overflow. */
  | 'record_overflow'
  /** Nothing but padding: alert unexpected_message (RFC 8446 §5.4). */
  | 'no_content_type';
