import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Role } from '../config/config.js';
import type { Connection } from '../connection/connection.js';

/** One connection and its peer's address. */
export interface ConnectionEntry {
  readonly connection: Connection;
  readonly role: Role;
  readonly peer: PeerAddress;
  /** The key under which limits per host count the peer. */
  readonly host: string;
  readonly began: Instant;
  /** Server: distinguishes a repeated ClientHello from that of a restarted client. */
  readonly clientRandom: Uint8Array | undefined;
  /** The wake-up time and the place in the heap, both for the endpoint's deadlines. */
  deadline: Instant | undefined;
  place: number;
  /** Whether it is in the queue of entries to be polled for datagrams, and for events. */
  sending: boolean;
  telling: boolean;
}

/** A new entry. */
export function createEntry(
  connection: Connection,
  { peer, host, began, clientRandom }: Pick<ConnectionEntry, 'peer' | 'host' | 'began' | 'clientRandom'>,
): ConnectionEntry {
  const { role } = connection.security;
  return {
    connection,
    role,
    peer,
    host,
    began,
    clientRandom,
    deadline: undefined,
    place: -1,
    sending: false,
    telling: false,
  };
}
