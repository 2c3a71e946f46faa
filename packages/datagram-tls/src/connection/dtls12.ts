import { client12 } from '../handshake/v12/client.js';
import { reopening12 } from '../handshake/v12/open.js';
import { server12 } from '../handshake/v12/server.js';
import { records12 } from '../record/protect12.js';
import { FACTS_12 } from '../wire/version.js';
import { makeVersion, type ProtocolVersion } from './version.js';

/**
 * DTLS 1.2 (RFC 6347).
 *
 * @example
 * ```ts
 * import { dtls12, nodeProvider } from 'datagram-tls/core';
 *
 * const platform = { provider: nodeProvider, versions: [dtls12] as const }; // holds no code of DTLS 1.3
 * ```
 */
export const dtls12: ProtocolVersion = makeVersion({
  name: FACTS_12.name,
  code: FACTS_12.code,
  rules: FACTS_12.rules,
  client: client12,
  server: server12,
  reopening: reopening12,
  records: records12,
});
