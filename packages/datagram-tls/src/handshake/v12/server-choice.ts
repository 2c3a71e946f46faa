import { violation } from '../../base/errors.js';
import type { Identity, Security } from '../../config/config.js';
import { type CipherSuite, needsEncryptThenMac } from '../../crypto/suites.js';
import type { GroupName, SchemeName } from '../../wire/codes.js';
import { Group } from '../../wire/codes.js';
import { requireTypeToShow, typesToShow } from '../certificate-types.js';
import type { ClientWishes } from '../client-wishes.js';
import { type Credential, chooseCredential12, chooseGroup } from '../negotiate.js';

/** A suite whose server proves itself by a certificate. */
export interface CertificateChoice12 {
  readonly by: 'certificate';
  readonly suite: CipherSuite;
  readonly identity: Identity;
  readonly scheme: SchemeName;
  readonly group: GroupName;
}

/** A suite whose server proves itself by a pre-shared key; `group` is for ECDHE beside it. */
export interface PskChoice12 {
  readonly by: 'psk';
  readonly suite: CipherSuite;
  readonly group: GroupName | undefined;
}

/** Our first suite that the client offered, and for which both have what it takes. */
export function choose12(security: Security, client: ClientWishes): CertificateChoice12 | PskChoice12 {
  // RFC 8422 §4: a client that lists no groups leaves the choice to us; P-256 is the one that everybody has.
  const group = chooseGroup(security.groups, client.groups ?? [Group.secp256r1], 'DTLSv1.2');
  let lacksGroup = false;
  let lacksEncryptThenMac = false;
  for (const suite of security.suites) {
    if (suite.version !== 'DTLSv1.2' || !client.hello.cipherSuites.includes(suite.code)) continue;
    if (needsEncryptThenMac(suite) && !client.encryptThenMac) {
      lacksEncryptThenMac = true;
      continue;
    }
    if (suite.keyExchange === 'psk' && security.psk.role === 'server')
      return { by: 'psk', suite, group: undefined };
    const proof = chooseProof(security, client, suite);
    if (proof === undefined) continue;
    if (group === undefined) {
      lacksGroup = true;
      continue;
    }
    if (proof === 'psk') return { by: 'psk', suite, group };
    return { by: 'certificate', suite, identity: proof.identity, scheme: proof.scheme, group };
  }
  requireTypeToShow(security, client);
  if (lacksGroup) throw refusal('no key exchange group in common with the client', 'NO_SHARED_GROUP');
  if (lacksEncryptThenMac) {
    const text = 'the client has a CBC suite in common with us, but no encrypt-then-MAC (RFC 7366)';
    throw refusal(text, 'NO_ENCRYPT_THEN_MAC');
  }
  throw refusal('no cipher suite in common with the client', 'NO_SHARED_CIPHER');
}

function refusal(message: string, code: string): Error {
  return violation('handshake_failure', message, `ERR_DTLS_${code}`);
}

/** What goes beside a key exchange. */
function chooseProof(
  security: Security,
  client: ClientWishes,
  suite: CipherSuite,
): Credential | 'psk' | undefined {
  if (suite.keyExchange === 'ecdhe_psk') return security.psk.role === 'server' ? 'psk' : undefined;
  return chooseCredential12([suite], security.identities, security.sigalgs, {
    suites: client.hello.cipherSuites,
    schemes: client.schemes,
    groups: client.groups,
    types: typesToShow(client),
  });
}
