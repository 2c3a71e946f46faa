import type { EarlyPolicy } from '#lib/config/config.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import type { Security } from '#lib/connection/version.js';
import { lightCiphers } from '../../support/light-ciphers.js';
import { Pair } from '../../support/pair.js';
import { savedSession } from '../../support/resumption.js';
import type { TestedVersion } from '../../support/settings.js';
import { WITH_CERTIFICATE } from './settings.js';

/** Bytes of early data that a server takes. */
const MAX_EARLY = 500;

/** A session that a client has from before. */
export interface Comeback {
  readonly session: SavedSession;
  /** When it was over, ms since 1970. */
  readonly today: number;
}

/** One for all runs, since a handshake costs more than most of a run. */
const made = new Map<TestedVersion, Comeback>();

/** A session with a server that has a certificate, and takes early data in DTLS 1.3. */
export function comebackOf(version: TestedVersion): Comeback {
  const known = made.get(version);
  if (known !== undefined) return known;
  const guard = new SeenHellos().guard;
  const adjust = (security: Security): Security => ({
    ...withEarlyData(security, guard),
    provider: lightCiphers(security.provider),
  });
  const pair = new Pair({ version, adjust, ...WITH_CERTIFICATE }).handshake();
  const comeback = { session: savedSession(pair), today: pair.date };
  made.set(version, comeback);
  return comeback;
}

/** What all processes of a server know of ClientHellos with early data: the store of an application. */
export class SeenHellos {
  readonly #digests = new Set<string>();
  readonly guard: EarlyPolicy['guard'] = (digest) => {
    const name = digest.join();
    if (this.#digests.has(name)) return 'replayed';
    this.#digests.add(name);
    return 'fresh';
  };
}

/** A server with these settings takes early data, once for each ClientHello that `guard` takes for fresh. */
export function withEarlyData(security: Security, guard: EarlyPolicy['guard']): Security {
  const { role, tickets } = security;
  if (role === 'client' || tickets === undefined) return security;
  return { ...security, tickets: { ...tickets, early: { most: MAX_EARLY, guard } } };
}
