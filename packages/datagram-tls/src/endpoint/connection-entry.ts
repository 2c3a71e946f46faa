import type { Instant } from '../base/instant.js';
import type { Role } from '../config/config.js';
import type { Connection } from '../connection/connection.js';
import type { PeerAddress } from './peer.js';

/** One connection and where its peer is. */
export interface ConnectionEntry {
  readonly connection: Connection;
  readonly role: Role;
  readonly peer: PeerAddress;
  /** The key under which limits per host count the peer. */
  readonly host: string;
  readonly began: Instant;
  /** Server: tells a repeated ClientHello from that of a restarted client. */
  readonly clientRandom: Uint8Array | undefined;
  /** When it is to be woken, and its place among those that are; of the endpoint's deadlines. */
  deadline: Instant | undefined;
  place: number;
  /** It stands in the queue of those to be polled for datagrams, and for events. */
  sending: boolean;
  telling: boolean;
}

/** An entry that nothing was done for yet. */
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
