// Siege case A2.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import type { Outgoing } from '#lib/endpoint/ready-queue.js';
import { UnansweredHellos } from '#lib/endpoint/unanswered.js';
import { ContentType } from '#lib/wire/codes.js';
import { firstHello } from '../support/first-hello.js';
import { Pair } from '../support/pair.js';
import { Random } from '../support/random.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

const CLIENT: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 5000 };
const OTHER: PeerAddress = { ...CLIENT, port: 5001 };

for (const version of VERSIONS) {
  suite(`ClientHellos without an answer, ${version}`, () => {
    test('the answer to a ClientHello that comes again is awaited where the first one was not sent', () => {
      const server = new Server(version);
      const first = server.answer(server.hello, CLIENT);
      assert.equal(first.awaited, false);
      server.endpoint.handleUnsent(first);
      assert.equal(server.answer(server.hello, OTHER).awaited, false, 'another address');
      assert.equal(
        server.answer(firstHello(new Pair({ version, seed: 2 })), CLIENT).awaited,
        false,
        'another ClientHello',
      );
      const again = server.answer(server.hello, CLIENT);
      assert.deepEqual([again.awaited, again.data], [true, first.data]);
    });

    test('an answer that was sent is not awaited when its ClientHello comes again', () => {
      const server = new Server(version);
      server.answer(server.hello, CLIENT);
      assert.equal(server.answer(server.hello, CLIENT).awaited, false);
    });

    test('each answer that is missing is awaited once', () => {
      const server = new Server(version);
      server.endpoint.handleUnsent(server.answer(server.hello, CLIENT));
      assert.equal(server.answer(server.hello, CLIENT).awaited, true);
      const third = server.answer(server.hello, CLIENT);
      assert.equal(third.awaited, false);
      server.endpoint.handleUnsent(third);
      const fourth = server.answer(server.hello, CLIENT);
      assert.equal(fourth.awaited, true);
      server.endpoint.handleUnsent(fourth);
      assert.equal(server.answer(server.hello, CLIENT).awaited, true, 'it was missing again');
    });

    test('an endpoint counts the requests for cookies that were sent, and the awaited ones', () => {
      const server = new Server(version);
      const { counters } = server.endpoint;
      const first = server.answer(server.hello, CLIENT);
      server.endpoint.handleUnsent(first);
      assert.deepEqual([counters.cookiesSent, counters.cookiesAwaited], [0, 0]);
      const again = server.answer(server.hello, CLIENT);
      assert.deepEqual([counters.cookiesSent, counters.cookiesAwaited], [1, 1]);
      server.endpoint.handleUnsent(again);
      assert.deepEqual([counters.cookiesSent, counters.cookiesAwaited], [0, 0]);
    });
  });
}

suite('alerts for ClientHellos without an association', () => {
  test('an alert that was not sent is not awaited', () => {
    const server = new Server('DTLSv1.3');
    const hello = firstHello(new Pair({ version: 'DTLSv1.2', seed: 1 }));
    for (let i = 0; i < 2; i++) {
      const alert = server.answer(hello, CLIENT);
      assert.equal(alert.data[0], ContentType.alert);
      assert.equal(alert.awaited, false);
      server.endpoint.handleUnsent(alert);
    }
  });
});

suite('what was not sent', () => {
  test('an endpoint says that it needs what it returned, and not a copy', () => {
    const server = new Server('DTLSv1.3');
    const answer = server.answer(server.hello, CLIENT);
    for (const wrong of [undefined, answer.data, { ...answer }])
      assert.throws(() => server.endpoint.handleUnsent(wrong as never), {
        code: 'ERR_INVALID_ARG_TYPE',
        message: /"out" argument must be what pollTransmit returned/,
      });
  });

  test('a datagram of an association that was not sent is repeated by its own timer alone', () => {
    const pair = new Pair({ version: 'DTLSv1.3' }).connect();
    const { endpoint } = pair.client;
    const out = endpoint.pollTransmit() ?? assert.fail('the client sends nothing');
    endpoint.handleUnsent(out);
    assert.equal(endpoint.pollTransmit(), undefined);
  });
});

suite('the memory of ClientHellos without an answer', () => {
  test('a ClientHello is remembered while 30,000 others get no answer', (t) => {
    const seed = Date.now() % 0xffff_ffff;
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const unanswered = new UnansweredHellos();
    const honest = Array.from({ length: 500 }, () => markOf(random));
    for (const mark of honest) unanswered.add(mark);
    for (let i = 0; i < 30_000; i++) unanswered.add(markOf(random));
    const found = honest.filter((mark) => unanswered.take(mark)).length;
    assert.ok(found >= 0.95 * honest.length, `${found} of ${honest.length}, seed ${seed}`);
  });

  test('a million ClientHellos without an answer displace the oldest of them', () => {
    const random = new Random(1);
    const unanswered = new UnansweredHellos();
    const marks = Array.from({ length: 1_000_000 }, () => markOf(random));
    for (const mark of marks) unanswered.add(mark);
    assert.ok(marks.slice(-1000).every((mark) => unanswered.take(mark)));
    const found = marks.slice(0, 100_000).filter((mark) => unanswered.take(mark));
    assert.ok(found.length < 10, `${found.length} are still there`);
  });

  test('hardly any ClientHello that was never seen is found in a full memory', () => {
    const random = new Random(2);
    const unanswered = new UnansweredHellos();
    for (let i = 0; i < 200_000; i++) unanswered.add(markOf(random));
    let found = 0;
    for (let i = 0; i < 200_000; i++) if (unanswered.take(markOf(random))) found++;
    // 65,536 of 2^32 marks are there.
    assert.ok(found <= 20, `${found} were found`);
  });
});

class Server {
  readonly endpoint = new Endpoint(UNLIMITED);
  readonly hello: Uint8Array;

  constructor(version: TestedVersion) {
    this.endpoint.serve({ security: security('server', version), behaviour: behaviour() });
    this.hello = firstHello(new Pair({ version, seed: 1 }));
  }

  answer(hello: Uint8Array, { address, port, family }: PeerAddress): Outgoing {
    this.endpoint.receive(hello, address, port, family, 0);
    return this.endpoint.pollTransmit() ?? assert.fail('no answer');
  }
}

function markOf(random: Random): number {
  return random.below(0x1_0000) * 0x1_0000 + random.below(0x1_0000);
}
