import type { SecurityOptions } from '#lib/config/options.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import { readHelloParts } from '#lib/endpoint/split-hellos.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { Pair, type PairOptions } from './pair.js';
import { returning, savedSession } from './resumption.js';

const NAME = 'localhost';

/** Options of a server that accepts early data. Each call returns new ticket keys, as for another server. */
export function taking(most = 1000, more: SecurityOptions = {}): SecurityOptions {
  return { ticketKeys: undefined, maxEarlyData: most, ...more };
}

/** A server that shares its ticket keys with others, and whose replay guard accepts every ClientHello. */
export function sharing(most = 1000, more: SecurityOptions = {}): SecurityOptions {
  return { ...taking(most), ticketKeys: new Uint8Array(80).fill(7), replayGuard: () => true, ...more };
}

/** A session that a client has from `options.server`. */
export function sessionFor(options: PairOptions): SavedSession {
  return savedSession(new Pair({ version: 'DTLSv1.3', ...options }).handshake());
}

/** A pair before its handshake; its client resumes a session and has early data to send. */
export function comingBack(
  session: SavedSession,
  messages: readonly Uint8Array[],
  options: PairOptions,
): Pair {
  const destination = { serverName: NAME, verifyName: NAME, earlyData: messages };
  return returning(session, { version: 'DTLSv1.3', ...options, destination });
}

/** The extensions of each ClientHello that `pair` sent, in order, as they arrive. */
export function watchHellos(pair: Pair): ReadonlySet<number>[] {
  const hellos: ReadonlySet<number>[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from !== 'client') return;
    const [part] = readHelloParts(data);
    if (part?.fragment.type !== HandshakeType.client_hello) return;
    const hello = decodeClientHello(part.fragment.fragment);
    if (hello !== undefined) hellos.push(new Set(hello.extensions.keys()));
  };
  return hellos;
}
