import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import {
  ContentType,
  ExtensionType,
  HandshakeType,
  handshakeTypeName,
  RENEGOTIATION_SCSV,
} from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Insider12 } from '../../support/insider12.js';
import { Pair } from '../../support/pair.js';
import {
  encodeFragment,
  type FragmentShape,
  fragmentRecord,
  plainFragments,
  rewrite,
} from '../../support/records.js';
import type { Side } from '../../support/side.js';

/** message_seq after a handshake with a cookie and without client certificates. */
const NEXT_SEQ = { client: 4, server: 7 } as const;

suite('renegotiation, DTLSv1.2', () => {
  test("client refuses a server's HelloRequest with no_renegotiation, and the session goes on", () => {
    const { pair, say } = connected();
    say(pair.server, HandshakeType.hello_request, new Uint8Array(0));
    assert.deepEqual(pair.client.alerts('sent'), ['warning no_renegotiation']);
    pair.runFor(50);
    assert.deepEqual(pair.server.alerts('received'), ['warning no_renegotiation']);
    assertAlive(pair);
  });

  test("server refuses a client's ClientHello with no_renegotiation, and the session goes on", () => {
    const { pair, say, hello } = connected();
    say(pair.client, HandshakeType.client_hello, hello);
    assert.deepEqual(pair.server.alerts('sent'), ['warning no_renegotiation']);
    pair.runFor(50);
    assert.deepEqual(pair.client.alerts('received'), ['warning no_renegotiation']);
    assertAlive(pair);
  });

  test('a peer that counts the messages of a new handshake from 0 is also refused', () => {
    const { pair, sayFirst, hello } = connected();
    sayFirst(pair.client, HandshakeType.client_hello, hello);
    sayFirst(pair.server, HandshakeType.hello_request, new Uint8Array(0));
    assert.deepEqual(pair.server.alerts('sent'), ['warning no_renegotiation']);
    assert.deepEqual(pair.client.alerts('sent'), ['warning no_renegotiation']);
    assertAlive(pair);
  });

  test('requests to renegotiate are never followed, and get at most four answers a second', () => {
    const { pair, say, hello } = connected();
    for (let i = 0; i < 50; i++) {
      say(pair.client, HandshakeType.client_hello, hello);
      say(pair.server, HandshakeType.hello_request, new Uint8Array(0));
      pair.runFor(20);
    }
    for (const side of [pair.server, pair.client]) {
      assert.deepEqual(side.alerts('sent'), Array<string>(4).fill('warning no_renegotiation'));
      assert.equal(side.dropped['renegotiation'], 46);
    }
    assertAlive(pair);
  });

  test('a ClientHello in epoch 0 does not begin a renegotiation', () => {
    const { pair, hello } = connected();
    const again = { type: HandshakeType.client_hello, messageSeq: NEXT_SEQ.client, fragment: hello };
    pair.inject(pair.server, fragmentRecord(again));
    assert.equal(pair.server.dropped['unexpected_epoch'], 1);
    assertAlive(pair);
  });

  for (const role of ['client', 'server'] as const) {
    test(`${role} ends the session when any other handshake message comes after the handshake`, () => {
      const asks = role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
      for (const type of Object.values(HandshakeType)) {
        if (type === asks) continue;
        const { pair, say } = connected();
        say(role === 'client' ? pair.server : pair.client, type, new Uint8Array(12));
        assert.equal(pair[role].error?.code, 'ERR_DTLS_UNEXPECTED_MESSAGE', handshakeTypeName(type));
        assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
      }
    });

    test(`${role} refuses a peer that takes the first handshake for a renegotiation`, () => {
      const alerts = refusal(role, new Uint8Array([1, 42]));
      assert.deepEqual(alerts, ['fatal handshake_failure']);
    });

    test(`${role} refuses a malformed renegotiation_info with decode_error`, () => {
      for (const body of [[], [1], [0, 0], [2, 1]])
        assert.deepEqual(refusal(role, new Uint8Array(body)), ['fatal decode_error']);
    });
  }

  test('client refuses a server without RFC 5746', () => {
    assert.deepEqual(refusal('client', undefined), ['fatal handshake_failure']);
  });

  test('client signals secure renegotiation by the extension, and not by the suite as well', () => {
    const hello = decodeClientHello(connected().hello) ?? assert.fail();
    assert.deepEqual(hello.extensions.get(ExtensionType.renegotiation_info)?.slice(), Uint8Array.of(0));
    assert.ok(!hello.cipherSuites.includes(RENEGOTIATION_SCSV));
  });

  test('server signals secure renegotiation also to clients that signal it by the suite alone', () => {
    const pair = new Pair();
    const answers: (Uint8Array | undefined)[] = [];
    tamper(pair, 'server', (extensions) => extensions.delete(ExtensionType.renegotiation_info), [
      RENEGOTIATION_SCSV,
    ]);
    const strip = pair.intercept;
    pair.intercept = (data, from) => {
      for (const f of plainFragments(data)) {
        if (f.type === HandshakeType.server_hello)
          answers.push(
            decodeServerHello(f.fragment)?.extensions.get(ExtensionType.renegotiation_info)?.slice(),
          );
      }
      return strip?.(data, from) ?? [data];
    };
    pair.connect().runFor(500);
    assert.deepEqual(answers[0], Uint8Array.of(0));
  });
});

/** The alerts of `role` when the peer's renegotiation_info is `body`, or left out. */
function refusal(role: Role, body: Uint8Array | undefined): string[] {
  const pair = new Pair();
  tamper(pair, role, (extensions) => {
    if (body === undefined) extensions.delete(ExtensionType.renegotiation_info);
    else extensions.set(ExtensionType.renegotiation_info, body);
  });
  pair.connect();
  pair.runUntil(() => pair[role].isClosed, 2000);
  return pair[role].alerts('sent');
}

/** Changes the extensions of the hello that is on its way to `role`, and adds suites to a ClientHello. */
function tamper(
  pair: Pair,
  role: Role,
  change: (extensions: Map<number, Uint8Array>) => void,
  moreSuites: readonly number[] = [],
): void {
  pair.intercept = (data, from) => {
    if (from === role) return [data];
    const toServer = rewrite(data, HandshakeType.client_hello, (f) => {
      const hello = decodeClientHello(f.fragment) ?? assert.fail();
      const cipherSuites = [...hello.cipherSuites, ...moreSuites];
      const extensions = changed(hello.extensions, change);
      return resized(f, encodeClientHello({ ...hello, cipherSuites, extensions }));
    });
    const both = rewrite(toServer, HandshakeType.server_hello, (f) => {
      const hello = decodeServerHello(f.fragment) ?? assert.fail();
      return resized(f, encodeServerHello({ ...hello, extensions: changed(hello.extensions, change) }));
    });
    return [both];
  };
}

function changed(
  extensions: ReadonlyMap<number, Uint8Array>,
  change: (extensions: Map<number, Uint8Array>) => void,
): Map<number, Uint8Array> {
  const copy = new Map(extensions);
  change(copy);
  return copy;
}

function resized(fragment: FragmentShape, body: Uint8Array): FragmentShape {
  return { ...fragment, fragment: body, length: body.length };
}

/** A connected pair, and a way to say something as either side that the other must believe. */
function connected() {
  const pair = new Pair();
  let hello: Uint8Array | undefined;
  pair.intercept = (data) => {
    hello ??= plainFragments(data)[0]?.fragment.slice();
    return [data];
  };
  pair.handshake();
  pair.intercept = undefined;
  const insider = Insider12.ofSession(pair.client.sessions[0] ?? assert.fail());
  const said = { client: 0, server: 0 };
  const say = (speaker: Side, type: number, body: Uint8Array, messageSeq?: number) => {
    const count = said[speaker.role]++;
    const seq = messageSeq ?? NEXT_SEQ[speaker.role] + count;
    const message = encodeFragment({ type, messageSeq: seq, fragment: body });
    const listener = speaker.role === 'client' ? pair.server : pair.client;
    pair.inject(listener, insider.seal(speaker.role, ContentType.handshake, message, 100 + count));
  };
  const decoded = decodeClientHello(hello ?? assert.fail()) ?? assert.fail();
  /** RFC 6347 §4.2.2: the first message of each handshake has number 0. */
  const sayFirst = (speaker: Side, type: number, body: Uint8Array) => {
    say(speaker, type, body, 0);
  };
  return { pair, say, sayFirst, hello: encodeClientHello(decoded) };
}
