import type { Security } from '#lib/config/config.js';
import type { Offering } from '#lib/extensions/extension.js';

/** What a client with this policy offers, without sessions and keys from before. */
export function offering(security: Security, more: Partial<Offering> = {}): Offering {
  return {
    security,
    destination: { serverName: undefined, verifyName: undefined },
    versions: security.versions,
    suites: security.suites,
    groups: security.groups,
    exchanges: [],
    ticket12: new Uint8Array(0),
    hasPsks: false,
    connectionId: undefined,
    checksPaths: false,
    hasEarlyData: false,
    ...more,
  };
}
