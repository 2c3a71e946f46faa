import { violation } from '../../base/errors.js';
import type { Identity, Security } from '../../config/config.js';
import type { HashName } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import type { SchemeName } from '../../wire/codes.js';
import { PskKeyExchangeMode } from '../../wire/extensions/psk-key-exchange-modes.js';
import { requireTypeToShow, typesToShow } from '../certificate-types.js';
import { chooseIdentity } from '../negotiate.js';
import type { ClientWishes13 } from './client-hello.js';
import { pskCandidates } from './psk-candidates.js';

/** Our certificate for this client, where no key takes its place. */
export function chooseCredential13(
  security: Security,
  client: ClientWishes13,
  suite: CipherSuite,
): { readonly identity: Identity; readonly scheme: SchemeName } {
  const { schemes, authorities } = client;
  const asked = { types: typesToShow(client), schemes, authorities };
  const choice = chooseIdentity(security, asked, 'DTLSv1.3');
  if (choice === undefined) throw noCredential(security, client, suite);
  return choice;
}

/** Neither a key nor a certificate will do: what is likely to be wrong. */
function noCredential(security: Security, client: ClientWishes13, { name, hash }: CipherSuite): Error {
  const { identities, psk } = security;
  const usesKeys = client.psks !== undefined && psk.role === 'server';
  if (usesKeys && !security.pskModes.some((name) => client.pskModes.includes(PskKeyExchangeMode[name]))) {
    const text = 'the client uses its pre-shared keys in no way that pskModes allows here';
    return violation('handshake_failure', text, 'ERR_DTLS_NO_SHARED_PSK_MODE');
  }
  const keysOnly = psk.role === 'server' && identities.length === 0;
  // A client leaves out what does not fit the suite of our HelloRetryRequest.
  const noneFits =
    client.psks === undefined
      ? !sharesHash(security, client, 'sha256')
      : pskCandidates(client.psks, hash).length === 0;
  if ((usesKeys || keysOnly) && noneFits) {
    return violation(
      'unknown_psk_identity',
      `no pre-shared key of the client goes with the hash of ${name}: a key that is used as it is goes with SHA-256 alone ` +
        '(RFC 8446 §4.2.11). Import it on both sides (psk: { …, import: true }, RFC 9258), or allow a suite with SHA-256',
      'ERR_DTLS_UNKNOWN_PSK_IDENTITY',
    );
  }
  if (usesKeys || keysOnly) {
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

function sharesHash({ suites }: Security, { hello }: ClientWishes13, hash: HashName): boolean {
  return suites.some(
    (suite) => suite.version === 'DTLSv1.3' && suite.hash === hash && hello.cipherSuites.includes(suite.code),
  );
}
