import { invalidArgType, invalidArgValue } from '../base/errors.js';
import { CertificateType, type CertificateTypeName } from '../wire/extensions/certificate-type.js';
import type { Pin } from '../x509/pins.js';
import { checkOneOf } from './checks.js';
import type { Role } from './config.js';
import type { SecurityOptions } from './options.js';

const NAMES = Object.keys(CertificateType) as CertificateTypeName[];
const CERTIFICATES: readonly CertificateTypeName[] = ['X509'];
/** Options that judge certificates, of which a peer shows none where it has to show a raw public key. */
const FOR_CERTIFICATES = ['ca', 'checkServerIdentity'] as const;

/** The only reader of the options `certificateTypes` and `peerCertificateTypes`. */
export function resolveCertificateTypes(
  types: unknown,
  name: 'certificateTypes' | 'peerCertificateTypes',
): readonly CertificateTypeName[] {
  if (types === undefined) return CERTIFICATES;
  if (!Array.isArray(types)) throw invalidArgType(`options.${name}`, 'an array of strings', types);
  if (types.length === 0) throw invalidArgValue(`options.${name}`, 'must name at least one');
  const names = types.map((type: unknown, i) => {
    checkOneOf(type, `options.${name}[${i}]`, NAMES);
    return type;
  });
  return Object.freeze([...new Set(names)]);
}

/** What peers may show, if there is somebody to judge it: a raw public key says nothing about whose it is. */
export function resolvePeerTypes(
  options: SecurityOptions,
  role: Role,
  pins: readonly Pin[],
): readonly CertificateTypeName[] {
  const types = resolveCertificateTypes(options.peerCertificateTypes, 'peerCertificateTypes');
  if (role === 'server' && options.peerCertificateTypes !== undefined && options.requestCert !== true) {
    throw invalidArgValue('options.peerCertificateTypes', 'needs requestCert: no client is asked otherwise');
  }
  const judged =
    pins.some((pin) => pin.of === 'spki') ||
    options.verifyPeer !== undefined ||
    options.rejectUnauthorized === false;
  if (types.includes('RawPublicKey') && !judged) {
    throw invalidArgValue(
      'options.peerCertificateTypes',
      'holds RawPublicKey, for which no CA vouches: it needs pins of the form spki-sha256:<64 hex digits>, or verifyPeer',
    );
  }
  for (const name of FOR_CERTIFICATES) {
    const given: unknown = options[name];
    if (!types.includes('X509') && given !== undefined && given !== null)
      throw invalidArgValue(`options.${name}`, 'is of no use where options.peerCertificateTypes lacks X509');
  }
  return types;
}
