import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate chain, leaf first, and the leaf's key, PEM both. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What one run of the siege is made with: nothing of it is kept. */
export interface Pki {
  readonly ca: string;
  readonly server: Identity;
  /** Client chains that are dear to validate, below the CA. */
  readonly hostileChains: readonly { readonly name: string; readonly identity: Identity }[];
}

interface Authority {
  readonly name: string;
  readonly key: KeyObject;
}

const CN = oid(0x55, 0x04, 0x03);
const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const NAME_CONSTRAINTS = oid(0x55, 0x1d, 0x1e);
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11);
const TRUE = der(0x01, Buffer.of(0xff));
const IS_CA = extension(BASIC_CONSTRAINTS, sequence(TRUE), true);
const DAY_MS = 86_400_000;

export function createPki(): Pki {
  const root = authority('Siege CA');
  const rootCertificate = certify(root.name, root.key, root, [IS_CA]);
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const names = extension(SUBJECT_ALT_NAME, sequence(dnsName('localhost')), false);
  return {
    ca: pem(rootCertificate),
    server: { cert: pem(certify('localhost', server, root, [names])), key: pemKey(server) },
    hostileChains: [
      {
        name: 'many constraints, many names',
        identity: constrained(root, { levels: 6, width: 1, constraints: 600, names: 60, length: 40 }),
      },
      {
        name: 'long names',
        identity: constrained(root, { levels: 4, width: 1, constraints: 100, names: 12, length: 1400 }),
      },
      {
        name: 'many paths',
        identity: constrained(root, { levels: 6, width: 2, constraints: 200, names: 100, length: 30 }),
      },
      {
        name: 'twins of one name',
        identity: constrained(root, { levels: 2, width: 6, constraints: 100, names: 50, length: 100 }),
      },
    ],
  };
}

interface Shape {
  /** Intermediates in a row, and how many of one name stand on each step. */
  readonly levels: number;
  readonly width: number;
  readonly constraints: number;
  readonly names: number;
  readonly length: number;
}

/** Every path to the leaf breaks a constraint, which shows at the last name only. */
function constrained(root: Authority, { levels, width, constraints, names, length }: Shape): Identity {
  const excluded = [
    ...Array<Buffer>(constraints).fill(sequence(dnsName('z'))),
    sequence(dnsName('bad.example')),
  ];
  const limits = extension(NAME_CONSTRAINTS, sequence(der(0xa1, Buffer.concat(excluded))), true);
  let issuer = authority('Siege T');
  const chain = [certify(issuer.name, issuer.key, root, [IS_CA, limits])];
  for (let level = 0; level < levels; level++) {
    const next = authority(`Siege M${level}`);
    for (let twin = 0; twin < width; twin++) chain.unshift(certify(next.name, next.key, issuer, [IS_CA]));
    issuer = next;
  }
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const long = Array<Buffer>(names).fill(dnsName('aA'.repeat(length / 2)));
  const all = sequence(dnsName('a.example'), ...long, dnsName('bad.example'));
  chain.unshift(certify('Siege leaf', leaf, issuer, [extension(SUBJECT_ALT_NAME, all, false)]));
  return { cert: chain.map(pem).join(''), key: pemKey(leaf) };
}

function authority(name: string): Authority {
  return { name, key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey };
}

function certify(subject: string, key: KeyObject, issuer: Authority, extensions: readonly Buffer[]): Buffer {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const now = Date.now();
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_SHA256,
    commonName(issuer.name),
    sequence(time(now - DAY_MS), time(now + DAY_MS)),
    commonName(subject),
    spki,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, issuer.key);
  return sequence(body, ECDSA_SHA256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(CN, der(0x0c, Buffer.from(name)))));
}

function dnsName(name: string): Buffer {
  return der(0x82, Buffer.from(name));
}

function extension(id: Buffer, value: Buffer, critical: boolean): Buffer {
  return sequence(id, ...(critical ? [TRUE] : []), der(0x04, value));
}

function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`;
  return der(0x17, Buffer.from(text));
}

function oid(...bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, body: Uint8Array): Buffer {
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), body]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), body]);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

function pemKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
