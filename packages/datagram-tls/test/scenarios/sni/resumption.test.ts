import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const { p256, rsa } = SERVERS;
const NAMES = { 'a.example': p256, 'b.example': rsa };
/** In DTLS 1.2 a client that lists no curve of a certificate's key refuses it. */
const GROUPS = { groups: 'x25519:secp256r1' };

/** A client that sends `serverName`. All servers here seal their tickets with the same keys. */
function asking(
  version: TestedVersion,
  serverName: string,
  sni: SecurityOptions['sni'],
  { client = {}, server = {} }: Pick<PairOptions, 'client' | 'server'> = {},
): PairOptions {
  return {
    version,
    destination: { serverName, verifyName: 'localhost' },
    client: { ...GROUPS, ...client },
    server: { ...GROUPS, ticketKeys: new Uint8Array(80).fill(7), ...server, sni },
  };
}

for (const version of VERSIONS) {
  suite(`sessions with the names of a server, ${version}`, () => {
    const session = (options: PairOptions): SavedSession => savedSession(new Pair(options).handshake());

    test('a session is resumed under the name it was made with', () => {
      const options = asking(version, 'a.example', NAMES);
      const pair = returning(session(options), options).handshake();
      assert.ok(isResumed(pair));
      assertAlive(pair);
    });

    test('a session is not resumed under another name, whatever the client offers', () => {
      const kept = session(asking(version, 'a.example', NAMES));
      const pair = returning(kept, asking(version, 'b.example', NAMES)).handshake();
      assert.ok(!isResumed(pair));
      assertAlive(pair);
    });

    test('a resumed client is verified with the CAs of its name today', () => {
      const trusting = (ca: string) => ({ 'a.example': { ...p256, ca, requestCert: true } });
      const mutual = { client: CLIENTS.p256 };
      const kept = session(asking(version, 'a.example', trusting(CA), mutual));
      const again = returning(kept, asking(version, 'a.example', trusting(CA), mutual)).handshake();
      assert.ok(isResumed(again) && again.server.sessions[0]?.peer.authorized);
      const { client } = refused({
        ...asking(version, 'a.example', trusting(OTHER_CA), mutual),
        destination: { serverName: 'a.example', verifyName: 'localhost', session: kept },
      });
      assert.equal(client.error?.alert, 'unknown_ca');
    });
  });
}
