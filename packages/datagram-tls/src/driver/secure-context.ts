import type { PeerCertificate } from 'node:tls';
import type { Awaitable } from '../base/awaitable.js';
import { invalidArgType, invalidArgValue, missingArgs } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import { checkBoolean, checkKnown, checkObject } from '../config/checks.js';
import type { Role, Security } from '../config/config.js';
import type { SecurityOptions, SniOption } from '../config/options.js';
import { type Platform, resolveSecurity, SECURITY_OPTIONS } from '../config/resolve.js';
import { platform } from './platform.js';

/** What a name is served with: a server's context, or options to make one of. */
export type SniIdentity = DTLSSecureContext | SecureContextOptions;

export interface SecureContextOptions extends SecurityOptions {
  /** For `listen` rather than `connect`. Default false. */
  isServer?: boolean | undefined;
  /** Server: who it is, by the name that a client asks for. */
  sni?: SniOption<SniIdentity> | undefined;
  /** Client: instead of our own comparison of the name: an error refuses the certificate. As in node:tls. */
  checkServerIdentity?:
    | ((name: string, certificate: PeerCertificate) => Awaitable<Error | undefined>)
    | undefined;
}

/** What a context holds; no method of it shows this. The class assigns both. */
let createContext: (security: Security) => DTLSSecureContext;
let securityOf: (context: DTLSSecureContext) => Security;

const MAKE = Symbol('make');
const KNOWN = new Set<string>([...SECURITY_OPTIONS, 'isServer']);

/** Certificates, keys and policy, read once and used by any number of sessions. Made by {@link createSecureContext}. */
export class DTLSSecureContext {
  static {
    createContext = (security) => new DTLSSecureContext(MAKE, security);
    securityOf = (context) => context.#security;
  }

  readonly #security: Security;

  private constructor(token: typeof MAKE, security: Security) {
    if (token !== MAKE) throw new TypeError('Illegal constructor');
    this.#security = security;
  }

  get isServer(): boolean {
    return this.#security.role === 'server';
  }
}

const PLATFORM: Platform = {
  ...platform,
  openContext: (object) => (object instanceof DTLSSecureContext ? securityOf(object) : undefined),
};

/**
 * Reads certificates, keys and policy. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for wrong options, and
 * Node's `ERR_OSSL_…` for keys and certificates that cannot be read.
 */
export function createSecureContext(given: SecureContextOptions = {}): DTLSSecureContext {
  checkObject(given, 'options');
  checkKnown(given, KNOWN);
  const options = ownProperties(given);
  const { isServer = false } = options;
  checkBoolean(isServer, 'options.isServer');
  return createContext(resolveSecurity(options, isServer ? 'server' : 'client', PLATFORM));
}

/** The context that the caller gave, or one made of the options beside it. */
export function securityFrom(
  options: SecurityOptions & { secureContext?: DTLSSecureContext | undefined },
  role: Role,
): Security {
  const { secureContext } = options;
  if (secureContext === undefined) {
    const security = resolveSecurity(options, role, PLATFORM);
    if (role === 'server') requireIdentity(security);
    return security;
  }
  if (!(secureContext instanceof DTLSSecureContext)) {
    throw invalidArgType('options.secureContext', 'an instance of DTLSSecureContext', secureContext);
  }
  const security = securityOf(secureContext);
  if (security.role !== role) throw invalidArgValue('options.secureContext', `is not a ${role} context`);
  for (const name of SECURITY_OPTIONS) {
    if (options[name] !== undefined) {
      const reason = 'cannot be combined with options.secureContext; set it on the context instead';
      throw invalidArgValue(`options.${name}`, reason);
    }
  }
  return security;
}

/** A server shows something of itself or has pre-shared keys, at least under a name. */
function requireIdentity({ identities, psk, sni }: Security): void {
  if (identities.length === 0 && psk.role === 'none' && sni === undefined) throw missingArgs('options.cert');
}
