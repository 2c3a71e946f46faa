import { whenever } from '../base/awaitable.js';
import { own } from '../base/bytes.js';
import type { ErrorCode } from '../base/error-codes.js';
import { callerError, invalidArgValue, invalidReturn } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type Certificate, parseCertificate } from '../x509/certificate.js';
import { type Crl, parseCrl } from '../x509/crl.js';
import { isResponseFor } from '../x509/ocsp.js';
import { readCrls, readTrusted } from '../x509/pem.js';
import { type Pin, parsePin } from '../x509/pins.js';
import { TrustStore } from '../x509/trust-store.js';
import type { FindStaple, Identity, OcspResponder, Security } from './config.js';
import { withDefaults } from './option-table.js';
import { type Encoded, SECURITY_OPTIONS, type SecurityOptions } from './options.js';

/** The values of an option with any number of them, in PEM or DER. */
interface Kind<T> {
  readonly option: string;
  /** The DER of each in one text. */
  readonly split: (text: string | Uint8Array, option: string) => Uint8Array[];
  readonly parse: (der: Uint8Array) => T | undefined;
  /** Node's error for a certificate that cannot be parsed. */
  readonly code: ErrorCode;
}

const CA: Kind<Certificate> = {
  option: 'options.ca',
  split: readTrusted,
  parse: parseCertificate,
  code: 'ERR_OSSL_ASN1_NESTED_ASN1_ERROR',
};

const LISTS: Kind<Crl> = {
  option: 'options.crl',
  split: readCrls,
  parse: parseCrl,
  code: 'ERR_CRYPTO_OPERATION_FAILED',
};

/** The trusted certificates of `ca`, else the platform's; those of `more`, from PKCS#12 files, are also trusted. */
export function resolveTrust(
  ca: SecurityOptions['ca'],
  more: readonly Certificate[],
  defaultTrust: () => TrustStore,
): () => TrustStore {
  const certificates = readAll(ca, CA);
  if (certificates === undefined) return withMore(defaultTrust, more);
  const store = new TrustStore([...certificates, ...more]);
  return () => store;
}

/** `trust` and `more`. The platform's store is loaded when needed, and may change. */
export function withMore(trust: () => TrustStore, more: readonly Certificate[]): () => TrustStore {
  if (more.length === 0) return trust;
  let known: TrustStore | undefined;
  let joined: TrustStore | undefined;
  return () => {
    const current = trust();
    if (joined === undefined || current !== known) joined = current.with(more);
    known = current;
    return joined;
  };
}

/** The revocation lists of `crl`; `undefined`: none are required. */
export function resolveCrls(crl: SecurityOptions['crl']): readonly Crl[] | undefined {
  return readAll(crl, LISTS);
}

function readAll<T>(
  value: Encoded | readonly Encoded[] | undefined,
  { option, split, parse, code }: Kind<T>,
): T[] | undefined {
  if (value === undefined) return undefined;
  const items = Array.isArray(value) ? (value as readonly Encoded[]) : [value as Encoded];
  return items.flatMap((item) => {
    return split(item, option).map((der) => {
      const parsed = parse(der);
      if (parsed === undefined)
        throw callerError(code, `${option}: what is in it cannot be parsed. Look at it with openssl`);
      return parsed;
    });
  });
}

export function resolvePins(pins: readonly unknown[] | undefined): readonly Pin[] {
  if (pins === undefined) return [];
  return pins.map((pin, i) => {
    const parsed = typeof pin === 'string' ? parsePin(pin) : undefined;
    if (parsed === undefined) {
      throw invalidArgValue(
        `options.pins[${i}]`,
        'must be sha256:<64 hex digits> or spki-sha256:<64 hex digits>',
      );
    }
    return parsed;
  });
}

/** Reads `requestOCSP`, `requireOCSP` and `ocspResponse`. */
export function resolveOcsp(
  options: SecurityOptions,
  identities: readonly Identity[],
  platform: StaplePlatform,
): Pick<Security, 'requestStaple' | 'requireStaple' | 'findStaple'> {
  const { requireOCSP: requireStaple } = withDefaults(options, SECURITY_OPTIONS);
  const requestStaple = options.requestOCSP ?? requireStaple;
  if (requireStaple && !requestStaple)
    throw invalidArgValue('options.requestOCSP', 'must not be false beside requireOCSP');
  return { requestStaple, requireStaple, findStaple: resolveStaples(options, identities, platform) };
}

interface StaplePlatform {
  readonly provider: CryptoProvider;
  readonly giveBytes: (bytes: Uint8Array) => Uint8Array;
}

function resolveStaples(
  { ocspResponse: option }: SecurityOptions,
  identities: readonly Identity[],
  platform: StaplePlatform,
): FindStaple | undefined {
  if (option === undefined) return undefined;
  if (identities.every(({ leaf }) => leaf === undefined))
    throw invalidArgValue('options.ocspResponse', 'needs options.cert, whose status it tells');
  if (typeof option === 'function') return fromResponder(option, platform);
  const given = Array.isArray(option) ? (option as readonly Uint8Array[]) : [option as Uint8Array];
  const leaves = identities.map(({ leaf }) => leaf).filter((leaf) => leaf !== undefined);
  const staples = new Map(given.map((response) => resolveStaple(response, leaves, platform.provider)));
  return (leaf) => staples.get(leaf);
}

/** The leaf that a response is about, and a copy of the response. */
function resolveStaple(
  response: Uint8Array,
  leaves: readonly Certificate[],
  provider: CryptoProvider,
): readonly [Certificate, Uint8Array] {
  const leaf = leaves.find((candidate) => isResponseFor(response, candidate, provider));
  if (leaf === undefined) {
    throw invalidArgValue(
      'options.ocspResponse',
      'must be a successful OCSP response, in DER, about a certificate of options.cert',
    );
  }
  return [leaf, own(response)];
}

/** A peer would refuse a wrong response without being able to say why. */
function fromResponder(ask: OcspResponder, { provider, giveBytes }: StaplePlatform): FindStaple {
  return (leaf) => {
    const check = (response: unknown): Uint8Array | undefined => {
      if (response === undefined || response === null) return undefined;
      if (response instanceof Uint8Array && isResponseFor(response, leaf, provider)) return own(response);
      const expected = 'a successful OCSP response, in DER, about its certificate, or undefined';
      throw invalidReturn('options.ocspResponse', expected, response);
    };
    const given = ask(giveBytes(own(leaf.der)));
    return whenever<unknown, Uint8Array | undefined>(given, check);
  };
}
