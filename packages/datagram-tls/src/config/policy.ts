import { invalidArgValue } from '../base/errors.js';
import type { Security } from './config.js';

/**
 * What options mean together, on one endpoint or between one of its names and the endpoint: `ERR_INVALID_ARG_VALUE` for
 * what could have no effect, or would take the effect of something else away.
 */
export function checkPolicy(security: Security): void {
  checkPins(security);
  checkPeerTypes(security);
  checkOcsp(security);
  checkEarlyData(security);
  checkPsk(security);
}

/** RFC 8446 appendix E.6: a client whose identity is unknown would be shown the certificate, and one with a wrong key not. */
function checkPsk({ psk, identities, maxVersion }: Security): void {
  if (psk.role === 'server' && psk.hideUnknown && identities.length > 0 && maxVersion === 'DTLSv1.3')
    throw invalidArgValue(
      'options.pskHideUnknown',
      'hides nothing beside a certificate in DTLS 1.3: leave out options.cert, or set options.maxVersion to DTLSv1.2',
    );
}

function checkPins({ role, pins, crls, requestCert }: Security): void {
  if (pins.length === 0) return;
  if (role === 'server' && !requestCert)
    throw invalidArgValue('options.pins', 'needs requestCert: without it no client shows a certificate');
  if (crls !== undefined)
    throw invalidArgValue('options.pins', 'cannot stand beside crl: a pin takes the place of the path');
}

/** Options that judge certificates, of which a peer shows none where it has to show a raw public key. */
const FOR_CERTIFICATES = ['ca', 'checkServerIdentity'] as const;

/** Somebody has to judge what peers may show: a raw public key says nothing about whose it is. */
function checkPeerTypes(security: Security): void {
  const { given, role, pins, peerCertificateTypes: types } = security;
  if (role === 'server' && given.has('peerCertificateTypes') && !security.requestCert) {
    throw invalidArgValue('options.peerCertificateTypes', 'needs requestCert: no client is asked otherwise');
  }
  const judged =
    pins.some((pin) => pin.of === 'spki') ||
    security.verifyPeer !== undefined ||
    !security.rejectUnauthorized;
  if (types.includes('RawPublicKey') && !judged) {
    throw invalidArgValue(
      'options.peerCertificateTypes',
      'holds RawPublicKey, for which no CA vouches: it needs pins of the form spki-sha256:<64 hex digits>, or verifyPeer',
    );
  }
  for (const name of FOR_CERTIFICATES) {
    if (!types.includes('X509') && given.has(name))
      throw invalidArgValue(`options.${name}`, 'is of no use where options.peerCertificateTypes lacks X509');
  }
}

/** Clients cannot be asked in DTLS 1.2. */
function checkOcsp({ role, pins, requestCert, requestStaple, findStaple, maxVersion }: Security): void {
  if (requestStaple && pins.length > 0) {
    throw invalidArgValue(
      'options.pins',
      'cannot stand beside requestOCSP: a pin takes the place of the issuer, by whose key a response is verified',
    );
  }
  const asksClients = role === 'server' ? requestStaple : findStaple !== undefined;
  if (asksClients && maxVersion === 'DTLSv1.2') {
    const name = role === 'server' ? 'options.requestOCSP' : 'options.ocspResponse';
    throw invalidArgValue(name, 'is of no use below DTLSv1.3, which alone lets servers ask clients');
  }
  if (role === 'server' && requestStaple && !requestCert) {
    throw invalidArgValue(
      'options.requestOCSP',
      'needs requestCert: without it no client shows a certificate',
    );
  }
}

function checkEarlyData({ tickets, maxVersion }: Security): void {
  if (tickets?.early !== undefined && maxVersion === 'DTLSv1.2')
    throw invalidArgValue('options.maxEarlyData', 'is of no use below DTLSv1.3');
}
