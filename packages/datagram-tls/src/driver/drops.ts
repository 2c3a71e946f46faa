import type { DropCounts } from '../connection/drops.js';

interface OwnDrops {
  readonly send_failed: number;
  readonly slow_reader: number;
  readonly peer_closed: number;
}

/** How often what was discarded, by reason; a reason that there was none of is left out. */
export type SessionDrops = Readonly<DropCounts & Partial<OwnDrops>>;

/** What the connection has dropped, and what the session has. */
export function sessionDrops(connection: DropCounts | undefined, own: OwnDrops): SessionDrops {
  const drops: DropCounts & Partial<Record<keyof OwnDrops, number>> = { ...connection };
  for (const [reason, count] of Object.entries(own)) {
    if (count > 0) drops[reason as keyof OwnDrops] = count;
  }
  return drops;
}
