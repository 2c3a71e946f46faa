import {
  type Authority,
  alternativeNames,
  authority,
  certify,
  dnsName,
  excluding,
  IS_CA,
  junkRsaAuthority,
  pem,
  pemKey,
  relativeName,
  type Signer,
  sequence,
} from './certify.js';
import type { Identity } from './pki.js';

/** A client's chain below a trusted root that is costly to validate and invalid. */
export interface HostileChain {
  readonly name: string;
  readonly identity: Identity;
  /** The verdict that the server must reach. */
  readonly verdict: string;
}

const RSA_BITS = 16_384;
const F4 = Buffer.of(1, 0, 1);
/** 64 bits, all of them set. */
const LONGEST_EXPONENT = Buffer.concat([Buffer.of(0), Buffer.alloc(8, 0xff)]);

export function hostileChains(root: Authority): readonly HostileChain[] {
  const leaf = authority('Siege leaf');
  const chain = (name: string, verdict: string, certificates: readonly Buffer[]): HostileChain => ({
    name,
    verdict,
    identity: { cert: certificates.map(pem).join(''), key: pemKey(leaf.key) },
  });
  const constrainedBy = (shape: Constrained) => constrained(root, leaf, shape);
  const rsa = (exponent: Buffer) => rsaTwins(root, leaf, 13, exponent);
  return [
    chain(
      'many constraints, many names',
      'EXCLUDED_VIOLATION',
      constrainedBy({ levels: 6, width: 1, constraints: 600, names: 60, length: 40 }),
    ),
    chain(
      'long names',
      'EXCLUDED_VIOLATION',
      constrainedBy({ levels: 4, width: 1, constraints: 100, names: 12, length: 1400 }),
    ),
    chain(
      'many paths',
      'CERT_SIGNATURE_FAILURE',
      constrainedBy({ levels: 6, width: 2, constraints: 200, names: 100, length: 30 }),
    ),
    chain(
      'twins of one name',
      'VALIDATION_LIMIT_REACHED',
      constrainedBy({ levels: 2, width: 6, constraints: 100, names: 50, length: 100 }),
    ),
    chain(
      'mesh of P-521 keys',
      'VALIDATION_LIMIT_REACHED',
      mesh(root, leaf, { levels: 3, width: 4, curve: 'P-521' }),
    ),
    chain('RSA keys of 16,384 bits', 'CERT_SIGNATURE_FAILURE', rsa(F4)),
    chain('the same with long exponents', 'VALIDATION_LIMIT_REACHED', rsa(LONGEST_EXPONENT)),
    chain('10,000 DER elements', 'EXCLUDED_VIOLATION', manyElements(root, leaf)),
    chain('names of thousands of attributes', 'CERT_SIGNATURE_FAILURE', longDirectoryNames(root, leaf)),
  ];
}

interface Mesh {
  /** Intermediates in a row, and the number of certificates with one name in each layer. */
  readonly levels: number;
  readonly width: number;
  readonly curve: string;
}

interface Constrained extends Omit<Mesh, 'curve'> {
  readonly constraints: number;
  readonly names: number;
  readonly length: number;
}

/** Every path to the leaf violates a constraint, which only the last name shows. */
function constrained(
  root: Authority,
  leaf: Signer,
  { levels, width, constraints, names, length }: Constrained,
): Buffer[] {
  const top = authority('Siege T');
  const limits = excluding([...Array<string>(constraints).fill('z'), 'bad.example']);
  const { certificates, issuer } = layers(top, { levels, width, curve: 'P-256' });
  const long = Array<Buffer>(names).fill(dnsName('aA'.repeat(length / 2)));
  const all = alternativeNames([dnsName('a.example'), ...long, dnsName('bad.example')]);
  return [certify(leaf, issuer, [all]), ...certificates, certify(top, root, [IS_CA, limits])];
}

/** Every signature is valid but that of the leaf. */
function mesh(root: Authority, leaf: Signer, shape: Mesh): Buffer[] {
  const top = authority('Siege T', shape.curve);
  const { certificates, issuer } = layers(top, shape);
  const impostor = { ...authority('Siege impostor', shape.curve), name: issuer.name };
  return [certify(leaf, impostor, []), ...certificates, certify(top, root, [IS_CA])];
}

/**
 * Layers below `top`, the lowest first, in each of which all have one name. `issuer`: the first of the lowest layer.
 */
function layers(
  top: Authority,
  { levels, width, curve }: Mesh,
): { certificates: Buffer[]; issuer: Authority } {
  const certificates: Buffer[] = [];
  let issuer = top;
  for (let level = 0; level < levels; level++) {
    const twins = Array.from({ length: width }, () => authority(`Siege M${level}`, curve));
    for (const twin of twins) certificates.unshift(certify(twin, issuer, [IS_CA]));
    issuer = twins[0] ?? issuer;
  }
  return { certificates, issuer };
}

/** CAs of one name, each of which may have signed the leaf; none has. */
function rsaTwins(root: Authority, leaf: Signer, count: number, exponent: Buffer): Buffer[] {
  const top = authority('Siege T');
  const twins = Array.from({ length: count }, () => junkRsaAuthority('Siege R', RSA_BITS, exponent));
  const [first = top] = twins;
  return [
    certify(leaf, first, []),
    ...twins.map((twin) => certify(twin, top, [IS_CA])),
    certify(top, root, [IS_CA]),
  ];
}

/** As many names as may be read, and one that is excluded. */
function manyElements(root: Authority, leaf: Signer): Buffer[] {
  const top = authority('Siege T');
  const names = [...Array<Buffer>(9800).fill(dnsName('a')), dnsName('bad.example')];
  return [
    certify(leaf, top, [alternativeNames(names)]),
    certify(top, root, [IS_CA, excluding(['bad.example'])]),
  ];
}

/** Two CAs of one long name, equal up to its last attribute, and a leaf with a name as long. */
function longDirectoryNames(root: Authority, leaf: Signer): Buffer[] {
  const long = (last: string) =>
    sequence(relativeName([...Array.from({ length: 600 }, (_, i) => `Aa ${i}`), last]));
  const [top, twin] = [authority(long('T')), authority(long('T'))];
  const named = { ...leaf, name: long('L') };
  const impostor = authority(top.name);
  return [certify(named, impostor, []), certify(twin, root, [IS_CA]), certify(top, root, [IS_CA])];
}
