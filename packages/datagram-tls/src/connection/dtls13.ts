import { client13 } from '../handshake/v13/client.js';
import { reopening13 } from '../handshake/v13/post-handshake.js';
import { server13 } from '../handshake/v13/server.js';
import { records13 } from '../record/protect13.js';
import { FACTS_13 } from '../wire/version.js';
import { makeVersion, type ProtocolVersion } from './version.js';

/**
 * DTLS 1.3 (RFC 9147).
 *
 * @example
 * ```ts
 * import { dtls13, nodeProvider } from 'datagram-tls/core';
 *
 * const platform = { provider: nodeProvider, versions: [dtls13] as const }; // holds no code of DTLS 1.2
 * ```
 */
export const dtls13: ProtocolVersion = makeVersion({
  name: FACTS_13.name,
  code: FACTS_13.code,
  rules: FACTS_13.rules,
  client: client13,
  server: server13,
  reopening: reopening13,
  records: records13,
});
