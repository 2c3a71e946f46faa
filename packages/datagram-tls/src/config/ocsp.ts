import { whenever } from '../base/awaitable.js';
import { own } from '../base/bytes.js';
import { callerError, invalidArgType, invalidArgValue } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Certificate } from '../x509/certificate.js';
import { isResponseFor } from '../x509/ocsp.js';
import { checkBoolean } from './checks.js';
import type { FindStaple, Identity, OcspResponder, Security } from './config.js';
import { DEFAULTS } from './defaults.js';
import type { SecurityOptions } from './options.js';

/** The only reader of the options `requestOCSP`, `requireOCSP` and `ocspResponse`. */
export function resolveOcsp(
  options: SecurityOptions,
  identities: readonly Identity[],
  provider: CryptoProvider,
): Pick<Security, 'requestStaple' | 'requireStaple' | 'findStaple'> {
  const { requireOCSP: requireStaple = DEFAULTS.requireOCSP } = options;
  checkBoolean(requireStaple, 'options.requireOCSP');
  const { requestOCSP: requestStaple = requireStaple || DEFAULTS.requestOCSP } = options;
  checkBoolean(requestStaple, 'options.requestOCSP');
  if (requireStaple && !requestStaple)
    throw invalidArgValue('options.requestOCSP', 'must not be false beside requireOCSP');
  return { requestStaple, requireStaple, findStaple: resolveStaples(options, identities, provider) };
}

function resolveStaples(
  { ocspResponse: option }: SecurityOptions,
  identities: readonly Identity[],
  provider: CryptoProvider,
): FindStaple | undefined {
  if (option === undefined) return undefined;
  if (identities.every(({ leaf }) => leaf === undefined))
    throw invalidArgValue('options.ocspResponse', 'needs options.cert, whose status it tells');
  if (typeof option === 'function') return fromResponder(option, provider);
  const given: readonly unknown[] = Array.isArray(option) ? option : [option];
  const leaves = identities.map(({ leaf }) => leaf).filter((leaf) => leaf !== undefined);
  const staples = new Map(given.map((response) => resolveStaple(response, leaves, provider)));
  return (leaf) => staples.get(leaf);
}

/** The leaf that a response is about, and a copy of the response. */
function resolveStaple(
  response: unknown,
  leaves: readonly Certificate[],
  provider: CryptoProvider,
): readonly [Certificate, Uint8Array] {
  if (!(response instanceof Uint8Array)) {
    throw invalidArgType(
      'options.ocspResponse',
      'a function or an instance of Buffer or Uint8Array, or an array of them',
      response,
    );
  }
  const leaf = leaves.find((candidate) => isResponseFor(response, candidate, provider));
  if (leaf === undefined) {
    throw invalidArgValue(
      'options.ocspResponse',
      'must be a successful OCSP response, in DER, about a certificate of options.cert',
    );
  }
  return [leaf, own(response)];
}

/** A peer would refuse a wrong response and could not say why. */
function fromResponder(ask: OcspResponder, provider: CryptoProvider): FindStaple {
  return (leaf) => {
    const check = (response: unknown): Uint8Array | undefined => {
      if (response === undefined || response === null) return undefined;
      if (response instanceof Uint8Array && isResponseFor(response, leaf, provider)) return own(response);
      throw callerError(
        'ERR_INVALID_RETURN_VALUE',
        'options.ocspResponse must give a successful OCSP response, in DER, about its certificate, or undefined',
      );
    };
    const given = ask(own(leaf.der));
    return whenever<unknown, Uint8Array | undefined>(given, check);
  };
}
