// What one ClientHello and one Certificate message can make a server look up, open and read.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Security } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { Action } from '#lib/handshake/actions.js';
import { claimChain } from '#lib/handshake/authenticate.js';
import type { Context } from '#lib/handshake/context.js';
import { pskCandidates } from '#lib/handshake/v13/hellos.js';
import { askForSession } from '#lib/handshake/v13/server-start.js';

const MAX_PSKS = 17;
const MAX_TICKETS = 8;
const MAX_CHAIN = 16;

const OFFERED = {
  identities: Array.from({ length: 50 }, (_, i) => ({
    identity: Uint8Array.of(i),
    obfuscatedTicketAge: 0,
  })),
  binders: [],
};

suite('limits of one message', () => {
  test('the first 17 identities of pre-shared keys are looked up', () => {
    const found = pskCandidates(OFFERED, 'sha256').map(({ index }) => index);
    assert.deepEqual(
      found,
      Array.from({ length: MAX_PSKS }, (_, i) => i),
    );
  });

  test('the first 8 tickets are opened', () => {
    const actions: Action[] = [];
    const context = { security: { tickets: {} }, emit: (action: Action) => actions.push(action) };
    const hello = {
      client: { psks: OFFERED, takesTickets: true, serverName: undefined },
      choice: { suite: {} },
      share: {},
    };
    type Hello = Parameters<typeof askForSession>[1];
    assert.ok(askForSession(context as unknown as Context, hello as unknown as Hello));
    const [asked] = actions;
    assert.ok(asked?.do === 'ask' && asked.job.kind === 'open-ticket');
    assert.deepEqual(
      asked.job.tickets,
      OFFERED.identities.slice(0, MAX_TICKETS).map(({ identity }) => identity),
    );
  });

  test('a message with 17 certificates is refused before any is read', () => {
    let reads = 0;
    const certificate = new Proxy(new Uint8Array(100), {
      get: (target, name) => {
        reads++;
        return Reflect.get(target, name) as unknown;
      },
    });
    const security = { provider: nodeProvider, peerCertificateTypes: ['X509'] } as unknown as Security;
    const list = Array.from({ length: MAX_CHAIN + 1 }, () => certificate);
    assert.throws(() => claimChain(security, 'X509', list), { alert: 'bad_certificate', message: /17/ });
    assert.equal(reads, 0);
    assert.throws(() => claimChain(security, 'X509', [new Uint8Array(100)]), { alert: 'bad_certificate' });
  });
});
