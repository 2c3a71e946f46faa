import type { Connection } from '../connection/connection.js';
import type { Link } from '../endpoint/link.js';

/** What can still be asked of a session's connection when it is over. */
export type Remains = Pick<Connection, 'counters' | 'earlyData'>;

/**
 * A session's handlers know the session, and engines give functions like them a place where only a full collection
 * looks. So a session that is over keeps this, and lets go of the rest.
 */
export function remainsOf(link: Link | undefined): Remains | undefined {
  if (link === undefined) return undefined;
  const { counters, earlyData } = link.connection;
  return { counters, earlyData };
}
