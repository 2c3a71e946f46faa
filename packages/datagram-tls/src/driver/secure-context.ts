import type { PeerCertificate } from 'node:tls';
import { type InspectOptions, inspect } from 'node:util';
import type { Awaitable } from '../base/awaitable.js';
import { toText } from '../base/bytes.js';
import { illegalConstructor, invalidArgType, invalidArgValue, missingArgs } from '../base/errors.js';
import { BEHAVIOUR_OPTIONS } from '../config/behaviour.js';
import { checkUsable } from '../config/checks.js';
import type { Role } from '../config/config.js';
import { LIMIT_OPTIONS } from '../config/limits.js';
import { checkNamed, type OptionsOf, pickOptions, readNames, withDefaults } from '../config/option-table.js';
import {
  CONTEXT_OPTIONS,
  SECURITY_OPTIONS,
  type SecurityOptionsFor,
  type SniOption,
} from '../config/options.js';
import { type Platform, resolveSecurity } from '../config/resolve.js';
import { withTicketsOf } from '../config/tickets.js';
import type { ProtocolVersion, Security } from '../connection/version.js';
import { forCore, type GivenSecurityOptions, type SecurityOptions, type ServerPskOption } from './buffers.js';
import { inspection } from './inspection.js';
import { platform } from './platform.js';

/**
 * The settings of a name: a server's context, or options to make one.
 *
 * @example
 * ```ts
 * import { createSecureContext, type SniIdentity } from 'datagram-tls';
 *
 * const identities: Record<string, SniIdentity> = {
 *   'a.example': { cert: certA, key: keyA },
 *   'b.example': createSecureContext({ isServer: true, cert: certB, key: keyB }),
 * };
 * ```
 */
export type SniIdentity = DTLSSecureContext | SecureContextOptions;

/**
 * An error refuses the certificate.
 *
 * @example
 * ```ts
 * import { checkServerIdentity as checkName } from 'node:tls';
 * import { type CheckPeerCertificate, connect } from 'datagram-tls';
 *
 * const checkServerIdentity: CheckPeerCertificate = (name, certificate) =>
 *   checkName(name === 'old.example' ? 'new.example' : name, certificate);
 * connect('example.net', 9000, { ca, checkServerIdentity });
 * ```
 */
export type CheckPeerCertificate = (
  name: string,
  certificate: PeerCertificate,
) => Awaitable<Error | undefined>;

/**
 * What `createSecureContext` takes.
 *
 * @example
 * ```ts
 * import { createSecureContext, type SecureContextOptions } from 'datagram-tls';
 *
 * const options: SecureContextOptions = { isServer: true, cert, key };
 * const context = createSecureContext(options);
 * ```
 */
export interface SecureContextOptions extends SecurityOptions, OptionsOf<typeof CONTEXT_OPTIONS> {
  sni?: SniOption<SniIdentity> | undefined;
  checkServerIdentity?: CheckPeerCertificate | undefined;
}

/**
 * What `endpoint.setSecureContext` takes instead of a context: the options of secure contexts that `listen` takes.
 *
 * @example
 * ```ts
 * import { listen, type ServerSecurityOptions } from 'datagram-tls';
 *
 * const identity: ServerSecurityOptions = { cert, key, alpn: ['coap'] };
 * listen(onsession, { port: 9000, ...identity });
 * ```
 */
export interface ServerSecurityOptions extends SecurityOptionsFor<Buffer, 'server'> {
  psk?: ServerPskOption | undefined;
  sni?: SniOption<SniIdentity> | undefined;
}

/** The content of a context; the class has no public access to it. The class assigns both. */
let createContext: (security: Security) => DTLSSecureContext;
let securityOf: (context: DTLSSecureContext) => Security;

const MAKE = Symbol('make');
const OPTIONS = { ...SECURITY_OPTIONS, ...CONTEXT_OPTIONS };
const ELSEWHERE = { ...BEHAVIOUR_OPTIONS, ...LIMIT_OPTIONS };

/**
 * Certificates, keys and policy, read once and used by any number of sessions. Made by {@link createSecureContext}.
 *
 * @example
 * ```ts
 * import { createSecureContext, type DTLSSecureContext, listen } from 'datagram-tls';
 *
 * const context: DTLSSecureContext = createSecureContext({ isServer: true, cert, key });
 * listen(onsession, { port: 9000, secureContext: context });
 * ```
 */
export class DTLSSecureContext {
  static {
    createContext = (security) => new DTLSSecureContext(MAKE, security);
    securityOf = (context) => context.#security;
  }

  readonly #security: Security;

  private constructor(token: typeof MAKE, security: Security) {
    if (token !== MAKE) throw illegalConstructor();
    this.#security = security;
  }

  get isServer(): boolean {
    return this.#security.role === 'server';
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const { versions, identities, psk, sni, alpn } = this.#security;
    const fields = {
      isServer: this.isServer,
      versions: versions.map(({ name }) => name),
      certificates: identities.length,
      psk: psk.role !== 'none',
      sni: sni !== undefined,
      alpn: alpn.map((name) => toText(name)),
    };
    return inspection('DTLSSecureContext', fields, depth, options);
  }
}

const PLATFORM: Platform<ProtocolVersion> = {
  ...platform,
  openContext: (object) => (object instanceof DTLSSecureContext ? securityOf(object) : undefined),
};

/**
 * Reads certificates, keys and policy. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for wrong options, and
 * Node's `ERR_OSSL_…` for keys and certificates that cannot be read.
 *
 * @example
 * ```ts
 * import { connect, createSecureContext } from 'datagram-tls';
 *
 * const secureContext = createSecureContext({ ca, cert, key }); // read once, used often
 * connect('example.net', 9000, { secureContext });
 * connect('example.net', 9001, { secureContext });
 * ```
 */
export function createSecureContext(options: SecureContextOptions = {}): DTLSSecureContext {
  const given = readNames(options, OPTIONS, { elsewhere: ELSEWHERE });
  checkNamed(given, OPTIONS, ['isServer']);
  const { isServer } = withDefaults(given, CONTEXT_OPTIONS);
  const security = forCore(pickOptions(given, SECURITY_OPTIONS));
  return createContext(resolveSecurity(security, isServer ? 'server' : 'client', PLATFORM));
}

/** The context that the caller gave, or one made of the other options. */
export function securityFrom(
  options: GivenSecurityOptions & { secureContext?: DTLSSecureContext | undefined },
  role: Role,
): Security {
  const { secureContext } = options;
  if (secureContext === undefined) {
    const security = resolveSecurity(forCore(pickOptions(options, SECURITY_OPTIONS)), role, PLATFORM);
    if (role === 'server') requireIdentity(security);
    return security;
  }
  checkUsable(secureContext, 'options.secureContext');
  if (!((secureContext as unknown) instanceof DTLSSecureContext))
    throw invalidArgType('options.secureContext', 'an instance of DTLSSecureContext', secureContext);
  const security = securityOf(secureContext);
  if (security.role !== role) {
    const [made, needs] =
      role === 'server' ? ['client', 'listen needs'] : ['server', 'connect needs one without'];
    throw invalidArgValue('options.secureContext', `was created for a ${made}: ${needs} isServer: true`);
  }
  for (const name of Object.keys(pickOptions(options, SECURITY_OPTIONS))) {
    const reason = 'cannot be combined with options.secureContext; set it on the context instead';
    throw invalidArgValue(`options.${name}`, reason);
  }
  return security;
}

/** The content of a server's new context, which goes on with the tickets of its `former` one. */
export function securityAfter(given: DTLSSecureContext | ServerSecurityOptions, former: Security): Security {
  checkUsable(given, 'context');
  const options: GivenSecurityOptions & { secureContext?: DTLSSecureContext } =
    given instanceof DTLSSecureContext
      ? { secureContext: given }
      : readNames(given, SECURITY_OPTIONS, { role: 'server', elsewhere: ELSEWHERE, elsewhereIs: NO_CONTEXT });
  return withTicketsOf(securityFrom(options, 'server'), former);
}

const NO_CONTEXT = 'is no option of secure contexts: it stays as listen was given it';

/** Replayable data has its own callback, so that the application handles it separately. */
export function checkEarlyReceiver(receiver: unknown, { tickets }: Security): void {
  const taken = tickets?.early !== undefined;
  if (taken && receiver === undefined)
    throw missingArgs('options.onearlydata', 'options.maxEarlyData lets clients send early data');
  if (!taken && receiver !== undefined)
    throw invalidArgValue('options.onearlydata', 'is of no use without options.maxEarlyData');
}

/** A server needs a certificate, a key or pre-shared keys, at least under a name. */
function requireIdentity({ identities, psk, sni }: Security): void {
  if (identities.length === 0 && psk.role === 'none' && sni === undefined)
    throw missingArgs('options.cert', 'a server needs it, or options.pfx, psk or sni');
}
