import { invalidArgValue, missingArgs } from '../base/errors.js';
import type { Security } from './config.js';
import type { SecurityOptions } from './options.js';
import { withMore } from './trust.js';

/**
 * What a name of `sni` may have of its own: options that set it, and the fields that come of them. Every other option is
 * for the endpoint as a whole.
 */
const OF_A_NAME: readonly {
  readonly options: readonly (keyof SecurityOptions)[];
  readonly fields: readonly (keyof Security)[];
}[] = [
  { options: ['cert', 'key', 'pfx', 'passphrase', 'certificateTypes'], fields: ['identities'] },
  // Pins stand above a CA: those of the endpoint would make the CA of a name mean nothing.
  { options: ['ca', 'pins'], fields: ['trust', 'pins'] },
  { options: ['peerCertificateTypes'], fields: ['peerCertificateTypes'] },
  { options: ['psk', 'pskHideUnknown', 'pskIdentityHint'], fields: ['psk'] },
  { options: ['crl'], fields: ['crls'] },
  { options: ['requestOCSP', 'requireOCSP'], fields: ['requestStaple', 'requireStaple'] },
  { options: ['ocspResponse'], fields: ['findStaple'] },
  { options: ['requestCert'], fields: ['requestCert'] },
  { options: ['rejectUnauthorized'], fields: ['rejectUnauthorized'] },
  { options: ['verifyPeer'], fields: ['verifyPeer'] },
  { options: ['sigalgs'], fields: ['sigalgs'] },
  { options: ['alpn'], fields: ['alpn'] },
  { options: ['srtp'], fields: ['srtp'] },
];

const ALLOWED = new Set<string>(OF_A_NAME.flatMap(({ options }) => options));

/**
 * Who `endpoint` is for a client that asks for one of its names: `own`, and the endpoint's wherever that was not given.
 * Versions, suites and groups are chosen before the name is looked at: a HelloRetryRequest goes out without it.
 */
export function resolveNamedIdentity(endpoint: Security, own: Security): Security {
  for (const option of own.given) {
    if (!ALLOWED.has(option))
      throw invalidArgValue(`options.${option}`, 'is the same for all names: set it beside sni');
  }
  const differs = OF_A_NAME.filter(({ options }) => options.some((option) => own.given.has(option)));
  const fields = differs.flatMap((part) => part.fields.map((field) => [field, own[field]] as const));
  const replaced = new Set<string>(differs.flatMap(({ options }) => options));
  const given = new Set([...[...endpoint.given].filter((name) => !replaced.has(name)), ...own.given]);
  const trust = withMore(endpoint.trust, own.trustBesides);
  const security: Security = { ...endpoint, trust, ...Object.fromEntries(fields), given, sni: undefined };
  if (security.identities.length === 0 && security.psk.role === 'none') throw missingArgs('options.cert');
  return security;
}
