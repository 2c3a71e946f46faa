// A client of DTLS 1.3 whose address changes between the HelloRetryRequest and the server's
// flight. The server refuses the cookie of the former address with illegal_parameter (RFC 9147 §5.1), and the client begins again.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType, ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { type ClientHello, decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive, assertOpensWhereItIs } from '../../support/alive.js';
import { comingBack, sessionFor, taking } from '../../support/early.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, plainRecord } from '../../support/records.js';
import { returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.3';
const KEY = new Uint8Array(32).fill(7);
const GROUPS = 'X25519MLKEM768:x25519:secp256r1';
/** The first timer of the client, twice, and what a handshake takes, ms. */
const PATIENCE = 3500;
/** An alert of level fatal. */
const ALERT = { illegal_parameter: [2, 47], handshake_failure: [2, 40] } as const;
const MAX_RESTARTS = 3;

const SETTINGS: Readonly<Record<string, Pick<PairOptions, 'client' | 'server'>>> = {
  'a certificate of the server': {},
  'certificates of both sides': {
    client: CLIENTS.ed25519,
    server: { ...SERVERS.ed25519, requestCert: true },
  },
  'a share that the server asks for, in two datagrams': {
    client: { groups: GROUPS },
    server: { groups: GROUPS },
  },
  'a pre-shared key': {
    client: { psk: { identity: 'client', key: KEY } },
    server: { psk: { client: KEY } },
  },
};

function pairWith(options: PairOptions = {}, connectionId: 8 | false = 8): Pair {
  return new Pair({
    version,
    ...options,
    clientBehaviour: { connectionId: 0, ...options.clientBehaviour },
    serverBehaviour: { connectionId, ...options.serverBehaviour },
  });
}

/** The ClientHellos of the client that fit a datagram, as they leave it. */
function watchHellos(pair: Pair): ClientHello[] {
  const hellos: ClientHello[] = [];
  pair.onDeparture = (side, data) => {
    if (side.role !== 'client' || data[0] !== ContentType.handshake) return;
    for (const { type, fragment, fragmentOffset, length } of plainFragments(data)) {
      const isWhole = fragmentOffset === 0 && fragment.length === length;
      const hello = isWhole && type === HandshakeType.client_hello ? decodeClientHello(fragment) : undefined;
      if (hello !== undefined) hellos.push(hello);
    }
  };
  return hellos;
}

/** The cookie of its HelloRetryRequest, if it answers one. */
function cookieOf(hello: ClientHello): Uint8Array | undefined {
  return hello.extensions.get(ExtensionType.cookie);
}

/** ClientHellos without a cookie that differ: each begins a handshake. */
function beginnings(hellos: readonly ClientHello[]): Set<string> {
  return new Set(hellos.filter((hello) => cookieOf(hello) === undefined).map(({ random }) => random.join()));
}

/** `act` is in place of each answer of the client to a HelloRetryRequest that arrives. */
function onRetried(pair: Pair, act: (data: Uint8Array) => readonly Uint8Array[]): void {
  pair.intercept = (data, from) => {
    const isHello = from === 'client' && data[0] === ContentType.handshake;
    return isHello && plainFragments(data)[0]?.messageSeq === 1 ? act(data) : [data];
  };
}

/** The client moves when its first answer to a HelloRetryRequest arrives, which is lost unless it `arrives`. */
function moveOnRetry(pair: Pair, arrives = false): void {
  let moved = false;
  onRetried(pair, (data) => {
    if (moved) return [data];
    moved = true;
    pair.rebind(pair.client);
    return arrives ? [data] : [];
  });
}

suite('a client of DTLS 1.3 that moves after the HelloRetryRequest', () => {
  for (const [how, settings] of Object.entries(SETTINGS))
    for (const connectionId of [8, false] as const)
      test(`${how}, ${connectionId === 8 ? 'with' : 'without'} connection IDs: begins again, and gets a session`, () => {
        for (const arrives of [true, false]) {
          const pair = pairWith(settings, connectionId);
          const hellos = watchHellos(pair);
          moveOnRetry(pair, arrives);
          pair.connect();
          assertOpensWhereItIs(pair, PATIENCE);
          assert.equal(beginnings(hellos).size, 2);
        }
      });

  test('has a new random, message numbers from 0, no cookie, and the same offer', () => {
    const pair = pairWith();
    const hellos = watchHellos(pair);
    moveOnRetry(pair);
    pair.connect();
    assertOpensWhereItIs(pair, PATIENCE);
    const [first] = hellos;
    const second = hellos.find((hello) => cookieOf(hello) === undefined && hello !== first);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(beginnings(hellos).size, 2);
    assert.deepEqual(second.cipherSuites, first.cipherSuites);
    assert.deepEqual([...second.extensions.keys()], [...first.extensions.keys()]);
    assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
    const secrets = pair.client.secrets.filter(({ label }) => label === 'CLIENT_TRAFFIC_SECRET_0');
    assert.deepEqual(
      secrets.map(({ clientRandom }) => clientRandom),
      [second.random],
    );
  });

  test('moves twice, and gets a session', () => {
    const pair = pairWith();
    let moves = 0;
    onRetried(pair, (data) => {
      if (moves === 2) return [data];
      moves++;
      pair.rebind(pair.client);
      return [];
    });
    pair.connect();
    assertOpensWhereItIs(pair, 10_000);
  });

  test('goes on where a copy of the alert comes late, and its new ClientHello is lost with the next one', () => {
    const pair = pairWith();
    moveOnRetry(pair, true);
    const { intercept } = pair;
    let alert: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'server' && data[0] === ContentType.alert) alert = data.slice();
      return intercept?.(data, from) ?? [data];
    };
    const hellos = watchHellos(pair);
    pair.connect();
    pair.explain(() => {
      assert.ok(pair.runUntil(() => beginnings(hellos).size === 2, PATIENCE));
      pair.network.clear();
      assert.ok(alert !== undefined);
      pair.inject(pair.client, alert);
      pair.network.clear();
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5 * PATIENCE));
      assert.equal(pair.client.dropped['unauthenticated_alert'], 1);
      assert.equal(beginnings(hellos).size, 2);
    });
    assertAlive(pair);
  });

  test('resumes its session all the same', () => {
    const first = pairWith().handshake();
    const pair = returning(savedSession(first), {
      version,
      clientBehaviour: { connectionId: 0 },
      serverBehaviour: { connectionId: 8 },
    });
    moveOnRetry(pair);
    pair.connect();
    assertOpensWhereItIs(pair, PATIENCE);
  });

  test('sends its early data once, after the handshake', () => {
    const server = taking();
    const session = sessionFor({ server });
    const message = utf8('early');
    // The server needs another share, so that a HelloRetryRequest refuses the early data.
    const pair = comingBack(session, [message], {
      server: { ...server, groups: 'x25519' },
      client: { groups: 'secp256r1:x25519', keyShares: 'secp256r1' },
    });
    const hellos = watchHellos(pair);
    moveOnRetry(pair);
    pair.connect();
    assertOpensWhereItIs(pair, PATIENCE);
    assert.deepEqual(pair.server.early, []);
    assert.equal(pair.server.messages.filter((data) => data.join() === message.join()).length, 1);
    assert.equal(hellos.filter(({ extensions }) => extensions.has(ExtensionType.early_data)).length, 1);
    assert.equal(beginnings(hellos).size, 2);
  });

  test('goes on where its hellos, the alerts and their answers are lost', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const weather = { loss: 0.2, jitter: 20, duplication: 0.1 };
      const pair = pairWith({ seed, weather, clientBehaviour: { handshakeTimeout: 0 } });
      moveOnRetry(pair, seed % 2 === 0);
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 600_000));
        pair.network.weather = { ...pair.network.weather, loss: 0, duplication: 0 };
        pair.runFor(10_000);
        assertAlive(pair);
      });
    }
  });
});

suite('a client of DTLS 1.3 whose cookie is refused', () => {
  /** What a server sends that has other secrets than the one that made the cookie. */
  function damaged(data: Uint8Array): Uint8Array {
    const [hello] = plainFragments(data);
    const cookie = hello === undefined ? undefined : decodeClientHello(hello.fragment)?.extensions.get(44);
    const changed = data.slice();
    if (cookie === undefined) return changed;
    const at = data.findIndex((_, start) => cookie.every((byte, index) => data[start + index] === byte));
    changed.set([(changed[at + cookie.length - 1] as number) ^ 1], at + cookie.length - 1);
    return changed;
  }

  test('by a server that was started again: gets a session', () => {
    const pair = pairWith();
    const hellos = watchHellos(pair);
    const refused = new Set<string>();
    onRetried(pair, (data) => {
      const [hello] = plainFragments(data);
      const random = hello?.fragment.subarray(2, 34).join() ?? '';
      if (refused.size > 0 && !refused.has(random)) return [data];
      refused.add(random);
      return [damaged(data)];
    });
    pair.connect();
    assertOpensWhereItIs(pair, PATIENCE);
    assert.equal(beginnings(hellos).size, 2);
  });

  test(`ends with the alert after ${MAX_RESTARTS} beginnings more, whatever time is left`, () => {
    const pair = pairWith({ clientBehaviour: { handshakeTimeout: 0 } });
    const hellos = watchHellos(pair);
    onRetried(pair, (data) => [damaged(data)]);
    pair.connect();
    pair.runUntil(() => pair.client.phase === 'closed', 600_000);
    assert.equal(beginnings(hellos).size, 1 + MAX_RESTARTS);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
    assert.equal(pair.client.error.alert, 'illegal_parameter');
    assert.equal(pair.server.endpoint.counters.handshakesBegun, 0);
  });

  test('by a server that counts its own records: begins again when its timer has run out twice', () => {
    const pair = pairWith();
    const hellos = watchHellos(pair);
    moveOnRetry(pair);
    const { intercept } = pair;
    let alerts = 0;
    pair.intercept = (data, from) => {
      if (from === 'client' || data[0] !== ContentType.alert) return intercept?.(data, from) ?? [data];
      return [plainRecord(ContentType.alert, data.slice(13), { sequence: alerts++ })];
    };
    pair.connect();
    // A second, in which the first answer is lost, and two runs of a timer that has backed off.
    assertOpensWhereItIs(pair, 1000 + 2000 + 4000 + PATIENCE);
    assert.ok(alerts > 0);
    assert.equal(beginnings(hellos).size, 2);
  });

  test('by a server that is silent: sends the same ClientHello until its time is over, and begins nothing', () => {
    const pair = pairWith({ clientBehaviour: { handshakeTimeout: 20_000 } });
    const hellos = watchHellos(pair);
    onRetried(pair, () => []);
    pair.connect();
    pair.runUntil(() => pair.client.phase === 'closed', 600_000);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    assert.equal(beginnings(hellos).size, 1);
    const [answer, ...others] = hellos.filter((hello) => cookieOf(hello) !== undefined);
    assert.ok(others.length > 2);
    for (const other of others) assert.deepEqual(other, answer);
  });

  test('has its time for the whole handshake, however often it begins', () => {
    const pair = pairWith({ clientBehaviour: { handshakeTimeout: 2000 } });
    onRetried(pair, () => {
      if (pair.now < 1000) pair.rebind(pair.client);
      return [];
    });
    pair.connect();
    pair.runUntil(() => pair.client.phase === 'closed', 600_000);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    assert.equal(pair.now, 2000);
  });
});

suite('an attacker that forges alerts for a client of DTLS 1.3', () => {
  /** A client whose answer to the HelloRetryRequest is on its way. */
  function retried(): Pair {
    const pair = pairWith();
    let sent = false;
    onRetried(pair, (data) => {
      sent = true;
      return [data];
    });
    pair.connect();
    pair.onDeparture = (side, data) => {
      if (side.role === 'client' && plainFragments(data)[0]?.messageSeq === 1) sent = true;
    };
    pair.runUntil(() => sent, 5000);
    return pair;
  }

  for (const [name, alert] of Object.entries(ALERT))
    test(`${name}: causes one repetition of its ClientHello, and no other handshake`, () => {
      const pair = retried();
      const hellos = watchHellos(pair);
      for (let sequence = 0; sequence < 64; sequence++)
        pair.inject(pair.client, plainRecord(ContentType.alert, Uint8Array.from(alert), { sequence }));
      assert.equal(hellos.length, 1);
      assert.equal(beginnings(hellos).size, 0);
      assertOpensWhereItIs(pair, PATIENCE);
      assert.equal(beginnings(hellos).size, 0);
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
    });

  test('has no effect before the HelloRetryRequest but that of any alert: nothing begins again', () => {
    const pair = pairWith();
    const hellos = watchHellos(pair);
    pair.intercept = (data, from) => (from === 'server' ? [] : [data]);
    pair.connect().runFor(10);
    pair.inject(
      pair.client,
      plainRecord(ContentType.alert, Uint8Array.from(ALERT.illegal_parameter), { sequence: 0 }),
    );
    pair.runUntil(() => pair.client.phase === 'closed', 60_000);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
    assert.equal(beginnings(hellos).size, 1);
  });

  test('has no effect once the client has a ServerHello', () => {
    const pair = pairWith({ serverBehaviour: { mtu: 256 } });
    let flight = 0;
    pair.intercept = (data, from) => (from === 'server' && flight++ > 1 ? [] : [data]);
    pair.connect().runUntil(() => flight > 2, 900);
    const hellos = watchHellos(pair);
    for (let sequence = 0; sequence < 16; sequence++)
      pair.inject(
        pair.client,
        plainRecord(ContentType.alert, Uint8Array.from(ALERT.illegal_parameter), { sequence }),
      );
    assert.equal(hellos.length, 0);
    assert.equal(pair.client.dropped['unauthenticated_alert'], 16);
    pair.intercept = undefined;
    assertOpensWhereItIs(pair, 10_000);
  });
});
