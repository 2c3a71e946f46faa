import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { EMPTY, utf8 } from '#lib/base/bytes.js';
import { DTLSError } from '#lib/base/errors.js';
import { UNLIMITED } from '#lib/extensions/record-limits.js';
import { Context } from '#lib/handshake/context.js';
import { onEarlyAnswer, type ServerHello13 } from '#lib/handshake/v13/client.js';
import { ContentType, ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import type { Extensions } from '#lib/wire/extension-block.js';
import {
  decodeEncryptedExtensions,
  encodeEncryptedExtensions,
} from '#lib/wire/messages/encrypted-extensions.js';
import { comingBack, sessionFor, sharing, taking } from '../../support/early.js';
import { Insider13 } from '../../support/insider13.js';
import type { Pair } from '../../support/pair.js';
import { fragmentRecord, plainFragments, recordsOf } from '../../support/records.js';
import { returning } from '../../support/resumption.js';
import { behaviour, security } from '../../support/settings.js';
import { aeadSuite } from '../../support/suites.js';

const { early_data } = ExtensionType;
const YES: Extensions = new Map([[early_data, EMPTY]]);
const H3 = utf8('h3');

/** What the server chose; `null`: no key, no protocol. */
interface Chosen {
  readonly chosen?: number | null;
  readonly suite?: string;
  readonly alpn?: Uint8Array | null;
}

/** The client offers early data in the first suite, for the protocol h3, under the first of two keys. */
function answer(
  answers: Extensions,
  { chosen = 0, suite = 'TLS_AES_128_GCM_SHA256', alpn = H3 }: Chosen = {},
): unknown {
  const destination = { serverName: undefined, verifyName: undefined };
  const ctx = new Context(security('client', 'DTLSv1.3'), behaviour(), destination, 0);
  const psks = [{}, {}];
  const early = { most: 9, alpn: H3, suite: aeadSuite('TLS_AES_128_GCM_SHA256') };
  const psk = chosen === null ? undefined : psks[chosen];
  const hello = { offer: { psks, early }, psk, suite: aeadSuite(suite) } as unknown as ServerHello13;
  onEarlyAnswer(ctx, hello, { alpn: alpn ?? undefined, srtp: undefined, records: UNLIMITED }, answers);
  return ctx.takeActions();
}

suite("a server's answer to early data", () => {
  test('server accepts early data in the session that issued the ticket', () => {
    assert.deepEqual(answer(YES), [{ do: 'early-data', accepted: true, most: 9 }]);
  });

  test('server refuses early data by an answer without the extension', () => {
    const no = [{ do: 'early-data', accepted: false }];
    assert.deepEqual(answer(new Map()), no);
    assert.deepEqual(answer(new Map(), { chosen: null }), no);
  });

  const WRONG: Readonly<Record<string, readonly [alert: string, () => unknown]>> = {
    'with another key': ['illegal_parameter', () => answer(YES, { chosen: 1 })],
    'with a certificate': ['illegal_parameter', () => answer(YES, { chosen: null })],
    'in another suite': ['illegal_parameter', () => answer(YES, { suite: 'TLS_CHACHA20_POLY1305_SHA256' })],
    'of another protocol': ['illegal_parameter', () => answer(YES, { alpn: utf8('h2') })],
    'of no protocol': ['illegal_parameter', () => answer(YES, { alpn: null })],
    'that has a body': ['decode_error', () => answer(new Map([[early_data, Uint8Array.of(0)]]))],
  };
  for (const [what, [alert, wrong]] of Object.entries(WRONG)) {
    test(`client refuses a server that accepts early data ${what}: ${alert}`, () => {
      assert.throws(wrong, (error) => error instanceof DTLSError && error.alert === alert);
    });
  }

  test('client that offered no early data refuses an answer: unsupported_extension', () => {
    const server = taking();
    const pair = returning(sessionFor({ server }), { version: 'DTLSv1.3', server });
    const insider = new Insider13(pair);
    pair.intercept = (data, from) => {
      if (from === 'client' || recordsOf(data).every(({ type }) => type !== 0)) return [data];
      return [
        insider.rewrite('server', data, (message) => {
          if (message.type !== HandshakeType.encrypted_extensions) return [message];
          const { extensions } = decodeEncryptedExtensions(message.body) ?? assert.fail();
          const body = encodeEncryptedExtensions({ extensions: new Map([...extensions, ...YES]) });
          return [{ ...message, body }];
        }),
      ];
    };
    pair.connect().runUntil(() => pair.client.isClosed, 1000);
    assert.equal(pair.client.error?.alert, 'unsupported_extension');
  });

  test('client with early data refuses DTLS 1.2: protocol_version', () => {
    const both = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
    const session = sessionFor({ server: sharing() });
    const server = { maxVersion: 'DTLSv1.2', minVersion: 'DTLSv1.2' } as const;
    const pair = comingBack(session, [utf8('early')], { client: both, server }).connect();
    pair.runUntil(() => pair.client.isClosed, 10_000);
    assert.equal(pair.client.error?.alert, 'protocol_version');
    assert.match(pair.client.error.message, /early data/);
    assert.deepEqual(pair.server.messages, []);
    const again = returning(session, { client: both, server }).handshake();
    assert.equal(again.client.sessions[0]?.version, 'DTLSv1.2');
  });
});

suite('a client whose newest epoch is 1', () => {
  test('client whose newest epoch is 1 acknowledges in epoch 0', () => {
    const server = sharing(1000, { replayGuard: () => false });
    const pair: Pair = comingBack(sessionFor({ server }), [utf8('early')], { server });
    const sent: Uint8Array[] = [];
    let hellos = 0;
    pair.intercept = (data, from) => {
      if (from === 'client') sent.push(data.slice());
      const [hello] = plainFragments(data);
      if (from === 'client' || hello?.type !== HandshakeType.server_hello || hellos++ === 0) return [data];
      const { type, messageSeq, length } = hello;
      const fragment = hello.fragment.subarray(0, 40);
      return [fragmentRecord({ type, messageSeq, length, fragmentOffset: 0, fragment })];
    };
    pair.connect().runFor(900);
    const records = sent.flatMap((data) => recordsOf(data));
    const acks = records.filter(({ type }) => type === ContentType.ack);
    assert.ok(acks.length > 0, 'no ACK was sent');
    assert.ok(acks.every(({ epoch }) => epoch === 0));
    assert.equal(records.filter(({ type, epoch }) => type === 0 && epoch === 1).length, 1);
  });
});
