import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { pack } from '#lib/base/packed.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { suiteByName } from '#lib/crypto/suites.js';
import { Context } from '#lib/handshake/context.js';
import { type Established13, onPostHandshake13, updateKeys13 } from '#lib/handshake/v13/post-handshake.js';
import { behaviour, security } from '../../support/settings.js';
import { key_update } from './open-pair.js';

const MAX_EPOCH = 0xffff;

suite('the last epoch of DTLS 1.3', () => {
  for (const role of ['client', 'server'] as const) {
    test(`${role} stops at the last epoch: neither by itself nor on request does it go further`, () => {
      const { ctx, state } = atTheEnd(role);
      assert.deepEqual(updateKeys13(ctx, state, { requestPeer: true }), state);
      assert.deepEqual(ctx.takeActions(), []);
      const asked = onPostHandshake13(ctx, { ...state, read: { ...state.read, epoch: 7 } }, message(1));
      assert.equal(asked.read.epoch, 8);
      assert.equal(asked.write.epoch, MAX_EPOCH);
      assert.ok(ctx.takeActions().every((action) => action.do !== 'send'));
    });

    test(`${role} ends a session whose peer exceeds the last epoch, as a limit of its own`, () => {
      const { ctx, state } = atTheEnd(role);
      const expected = { alert: 'internal_error', code: 'ERR_DTLS_KEY_LIMIT', message: /65532 times/ };
      assert.throws(() => onPostHandshake13(ctx, state, message(0)), expected);
    });
  }
});

function context(role: 'client' | 'server', firstSeq: number): Context {
  const nobody = { serverName: undefined, verifyName: undefined };
  return new Context(security(role, 'DTLSv1.3'), behaviour(), nobody, firstSeq);
}

/** A side that has gone as far as epochs go, in both directions. */
function atTheEnd(role: 'client' | 'server'): { ctx: Context; state: Established13 } {
  const generation = { epoch: MAX_EPOCH, secret: pack(nodeProvider.randomBytes(32)) };
  const state: Established13 = {
    at: 'established',
    suite: suiteByName('TLS_AES_128_GCM_SHA256') ?? assert.fail(),
    clientRandom: pack(new Uint8Array(32)),
    read: generation,
    write: generation,
    unacknowledged: undefined,
    due: undefined,
    ticketDue: undefined,
    cidsDue: undefined,
    renewalDue: false,
    idRequest: undefined,
    resumption: undefined,
  };
  return { ctx: context(role, 10), state };
}

function message(requestUpdate: number) {
  return { type: key_update, seq: 5, epoch: MAX_EPOCH, body: Uint8Array.of(requestUpdate) };
}
