import { invalidArgType, invalidArgValue } from '../base/errors.js';
import { CertificateType, type CertificateTypeName } from '../wire/extensions/certificate-type.js';
import { checkOneOf } from './checks.js';

const NAMES = Object.keys(CertificateType) as CertificateTypeName[];
const CERTIFICATES: readonly CertificateTypeName[] = ['X509'];

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
