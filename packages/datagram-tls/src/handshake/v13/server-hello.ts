import { violation } from '../../base/errors.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { ProtocolVersion } from '../../wire/codes.js';
import type { ServerHello } from '../../wire/messages/server-hello.js';
import type { Offer } from '../offer.js';

/**
 * What a ServerHello and a HelloRetryRequest have in common, checked against the offer (RFC 8446 §4.1.3, §4.1.4);
 * returns the suite.
 */
export function checkServerHello(offer: Offer, hello: ServerHello): CipherSuite {
  if (hello.legacyVersion !== ProtocolVersion.dtls12)
    throw violation('illegal_parameter', 'legacy_version of a DTLS 1.3 server is not 1.2');
  // RFC 9147 §5: nothing is echoed, not even a session id that we did send.
  if (hello.sessionId.length > 0) throw violation('illegal_parameter', 'the server echoed a session id');
  if (hello.compressionMethod !== 0)
    throw violation('illegal_parameter', 'the server chose a compression method');
  const suite = offer.suites.find((s) => s.code === hello.cipherSuite && s.version === 'DTLSv1.3');
  if (suite === undefined)
    throw violation('illegal_parameter', 'the server chose a cipher suite that was not offered');
  return suite;
}
