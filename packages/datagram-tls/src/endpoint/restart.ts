import { sameBytes } from '../base/bytes.js';
import type { Arrivals } from './arrivals.js';
import { looksLikeClientHello, readHelloParts, readPrefix } from './first-contact.js';
import type { Link } from './link.js';
import type { Route } from './routes.js';

/**
 * A ClientHello, or a part of one, that neither association with this address knows: the client may have restarted.
 * `arrivals` tells where the rest of a ClientHello is awaited from.
 */
export function isRestart(
  { current, pending }: Route,
  datagram: Uint8Array,
  arrivals: Pick<Arrivals, 'expectsRest'>,
): boolean {
  if (current.role === 'client' || !looksLikeClientHello(datagram)) return false;
  const [part] = readHelloParts(datagram);
  if (part === undefined) return false;
  const { address, port } = current.peer;
  if (part.fragment.fragmentOffset > 0) return arrivals.expectsRest(address, port);
  const random = readPrefix(part)?.random;
  return random !== undefined && !knows(current, random) && !knows(pending, random);
}

function knows(link: Link | undefined, random: Uint8Array): boolean {
  return link?.clientRandom !== undefined && sameBytes(link.clientRandom, random);
}
