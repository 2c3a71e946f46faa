import { violation } from '../../base/errors.js';
import type { Identity, Security } from '../../config/config.js';
import type { SchemeName } from '../../wire/codes.js';
import { PskKeyExchangeMode } from '../../wire/extensions/psk-key-exchange-modes.js';
import { requireTypeToShow, typesToShow } from '../certificate-types.js';
import { chooseIdentity } from '../negotiate.js';
import type { ClientWishes13 } from './client-hello.js';

/** Our certificate for this client, where no key takes its place. */
export function chooseCredential13(
  security: Security,
  client: ClientWishes13,
): { readonly identity: Identity; readonly scheme: SchemeName } {
  const choice = chooseIdentity(security, typesToShow(client), client.schemes, 'DTLSv1.3');
  if (choice === undefined) throw noCredential(security, client);
  return choice;
}

/** Neither a key nor a certificate will do: what is likely to be wrong. */
function noCredential(security: Security, client: ClientWishes13): Error {
  const { identities, psk } = security;
  const usesKeys = client.psks !== undefined && psk.role === 'server';
  if (usesKeys && !security.pskModes.some((name) => client.pskModes.includes(PskKeyExchangeMode[name]))) {
    const text = 'the client uses its pre-shared keys in no way that pskModes allows here';
    return violation('handshake_failure', text, 'ERR_DTLS_NO_SHARED_PSK_MODE');
  }
  if (usesKeys || (psk.role === 'server' && identities.length === 0)) {
    return violation(
      'unknown_psk_identity',
      'the client offers no identity for which there is a pre-shared key here',
      'ERR_DTLS_UNKNOWN_PSK_IDENTITY',
    );
  }
  requireTypeToShow(security, client);
  return violation(
    'handshake_failure',
    'the client accepts no signature that our certificates can make',
    'ERR_DTLS_NO_SHARED_SIGNATURE',
  );
}
