import type { Instant } from '../base/instant.js';
import type { Destination } from '../config/config.js';
import type { Session } from '../handshake/session.js';
import { type Reader, Writer } from '../wire/cursor.js';
import type { Association } from './association.js';
import { type CidRegistry, saveIds } from './connection-ids.js';
import { notToSave } from './errors.js';
import { isOpen, sessionOf } from './life.js';
import type { Paths } from './paths.js';
import { type Carried, encodeFixed } from './saved-state.js';

/** Flags of a saved state: our last flight is not acknowledged; datagrams came from other addresses. */
const FINISHING = 1;
const MOVED = 2;

/** An association as its state is written, and read. */
export interface Savable {
  readonly association: Association;
  readonly destination: Destination;
  readonly paths: Paths;
  /** In the order in which they are written: each may need those before it. */
  readonly parts: readonly Carried[];
}

/** More may be written behind `current`. Throws `ERR_INVALID_STATE` unless the session is open. */
export function writeState(
  whole: Savable,
  at: Instant,
  ahead: number,
): { readonly fixed: Uint8Array; readonly current: Writer } {
  const { life, cids } = whole.association;
  const session = sessionOf(life);
  if (session === undefined || !isOpen(life)) throw notToSave(life.at);
  const current = new Writer();
  saveIds(cids, current);
  const { hasMoved } = whole.paths;
  current.u8((life.at === 'finishing' ? FINISHING : 0) | (hasMoved ? MOVED : 0));
  for (const part of partsOf(whole, hasMoved)) part.save(current, at, ahead);
  return { fixed: encodeFixed(session, whole.destination), current };
}

/** Reads what {@link writeState} wrote into an association that has just been made. What was written behind it is left. */
export function readState(
  whole: Savable,
  r: Reader,
  session: Session,
  at: Instant,
  registry: CidRegistry | undefined,
): void {
  const { association } = whole;
  association.restoreIds(r, registry);
  const flags = r.u8();
  association.life = { at: (flags & FINISHING) === 0 ? 'open' : 'finishing', session };
  for (const part of partsOf(whole, (flags & MOVED) !== 0)) part.restore(r, at, session);
}

function partsOf({ parts, paths }: Savable, hasMoved: boolean): readonly Carried[] {
  return hasMoved ? [...parts, paths] : parts;
}
