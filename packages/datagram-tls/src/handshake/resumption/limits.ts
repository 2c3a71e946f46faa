import type { Duration } from '../../base/instant.js';

/** RFC 8446 §4.6.1: seven days after its full handshake a session is over, whatever its tickets say, ms. */
export const LONGEST_LIFE: Duration = 604_800_000;

/** A larger one is of no use to a client: with it a ClientHello would take a dozen datagrams, bytes. */
export const LARGEST_TICKET_TAKEN = 8192;
