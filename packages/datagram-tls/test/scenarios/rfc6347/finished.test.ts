import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { Session } from '#lib/handshake/session.js';
import { deriveVerifyData12 } from '#lib/keys/prf12.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { type HandshakeFragment, readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { SERVERS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { Pair } from '../../support/pair.js';
import { encodeFragment } from '../../support/records.js';
import { Log } from './log.js';

const version = 'DTLSv1.2';

suite('what the Finished messages of DTLS 1.2 cover', () => {
  for (const mtu of [256, 1200]) {
    test(`Finished covers each message as if unfragmented, without the cookie exchange, at ${mtu} bytes a datagram`, () => {
      const behaviour = { mtu };
      const pair = new Pair({
        version,
        clientBehaviour: behaviour,
        serverBehaviour: behaviour,
        client: { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
        server: SERVERS.rsa,
      });
      const log = new Log(pair);
      pair.handshake();
      const session = pair.client.sessions[0] ?? assert.fail();
      const client = whole(log.fragments('client'));
      const server = whole(log.fragments('server'));
      // The messages numbered 0 are the first ClientHello and the HelloVerifyRequest.
      assert.equal(client.shift()?.type, HandshakeType.client_hello);
      assert.equal(server.shift()?.type, HandshakeType.hello_verify_request);
      const ticket = server.pop() ?? assert.fail();
      assert.equal(ticket.type, HandshakeType.new_session_ticket);
      const [hello, ...keyExchange] = client;
      const before = [hello ?? assert.fail(), ...server, ...keyExchange];
      const finished = finishedOf(log, session, 'client');
      assert.deepEqual(finished.fragment, expected(session, 'client finished', before));
      assert.deepEqual(
        finishedOf(log, session, 'server').fragment,
        expected(session, 'server finished', [...before, finished, ticket]),
      );
    });
  }
});

/** The first message that `sender` protected. */
function finishedOf(log: Log, session: Session, sender: Role): HandshakeFragment {
  const sealed = log.records(sender).find(({ type, epoch }) => epoch === 1 && type === ContentType.handshake);
  const content = Insider12.ofSession(session).open(sender, sealed?.whole ?? assert.fail());
  return readHandshakeFragments(content)?.[0] ?? assert.fail();
}

function expected(
  { secrets }: Session,
  label: 'client finished' | 'server finished',
  messages: readonly HandshakeFragment[],
): Uint8Array {
  assert.ok(secrets.version === 'DTLSv1.2');
  const hash = createHash('sha256');
  for (const message of messages) hash.update(encodeFragment(message));
  const digest = new Uint8Array(hash.digest());
  return deriveVerifyData12(nodeProvider.mac('sha256', secrets.masterSecret), label, digest);
}

/** Messages put together from fragments that came in order. */
function whole(fragments: readonly HandshakeFragment[]): HandshakeFragment[] {
  const messages: HandshakeFragment[] = [];
  for (const fragment of fragments) {
    const last = messages.at(-1);
    if (last === undefined || last.messageSeq !== fragment.messageSeq) {
      messages.push({ ...fragment });
    } else {
      messages[messages.length - 1] = { ...last, fragment: concat(last.fragment, fragment.fragment) };
    }
  }
  return messages;
}
