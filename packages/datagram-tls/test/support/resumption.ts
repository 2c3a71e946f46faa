import { encodeSession, resolveSession, type SavedSession } from '#lib/config/saved-session.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { Pair, type PairOptions } from './pair.js';

/** The saved session of the client of `pair`, with its ticket. */
export function savedSession(pair: Pair): SavedSession {
  const ticket = pair.client.tickets.at(-1);
  if (ticket === undefined) throw new Error('the server gave no ticket');
  const kept = encodeSession(nodeProvider, ticket, pair.date);
  const saved = resolveSession(kept, ticket.identity, nodeProvider);
  if (saved === undefined) throw new Error('nothing was kept');
  return saved;
}

/** A pair before its handshake; its client offers `session`, to `localhost` unless `options` say otherwise. */
export function returning(session: SavedSession, options: PairOptions): Pair {
  const destination = { serverName: 'localhost', verifyName: 'localhost', ...options.destination };
  return new Pair({ ...options, destination: { ...destination, session } });
}

/** Whether the last handshake of `pair` resumed a session; both sides have to say the same. */
export function isResumed({ client, server }: Pair): boolean {
  const both = [client, server].map(({ sessions }) => sessions.at(-1)?.resumed);
  if (both[0] === undefined || both[0] !== both[1]) throw new Error(`the sides say ${both.join()}`);
  return both[0];
}
