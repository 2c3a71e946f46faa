import type { DropCounts } from '../connection/drops.js';

interface OwnDrops {
  readonly send_failed: number;
  readonly slow_reader: number;
  readonly peer_closed: number;
  readonly send_queue_full: number;
}

/** How often what was discarded, by reason; a reason that there was none of is left out. */
export type SessionDrops = Readonly<DropCounts & Partial<OwnDrops>>;

/** What the connection has dropped, and what the session has. */
export function sessionDrops(connection: DropCounts | undefined, own: OwnDrops): SessionDrops {
  const { send_failed, slow_reader, peer_closed, send_queue_full } = own;
  return {
    ...connection,
    ...(send_failed > 0 ? { send_failed } : {}),
    ...(slow_reader > 0 ? { slow_reader } : {}),
    ...(peer_closed > 0 ? { peer_closed } : {}),
    ...(send_queue_full > 0 ? { send_queue_full } : {}),
  };
}
