// Siege case A2: answers to forged addresses on a link that only its operator knows.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { AnswerRate } from '#lib/endpoint/answer-rate.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { ContentType } from '#lib/wire/codes.js';
import { firstHello } from '../support/first-hello.js';
import { Pair } from '../support/pair.js';
import { Random } from '../support/random.js';
import { seededProvider } from '../support/seeded-provider.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

/** Bytes a second, and those that count for each answer beside its own. */
const LIMIT = 10_000;
const HEADERS = 48;
const SECOND = 1000;

suite('maxAnswerRate', () => {
  test('answers take no more than the limit, and what a quarter of a second is worth after a pause', () => {
    for (const isFirst of [true, false]) {
      const rate = new AnswerRate(LIMIT);
      let bytes = 0;
      for (let now = 0; now < 10 * SECOND; now++)
        for (let i = 0; i < 5; i++) if (rate.takes(100, isFirst, now)) bytes += 100 + HEADERS;
      assert.ok(bytes > 9.9 * LIMIT && bytes < 10.3 * LIMIT, `${bytes} bytes in ten seconds`);
    }
  });

  test('awaited answers have half of what is there to themselves, and leave one of eight to others', () => {
    const rate = new AnswerRate(LIMIT);
    while (rate.takes(100, true, 0));
    assert.ok(rate.takes(100, false, 0));
    let [first, awaited] = [0, 0];
    for (let now = 1; now < 100 * SECOND; now++) {
      if (rate.takes(100, true, now)) first++;
      if (rate.takes(100, false, now)) awaited++;
    }
    const share = first / (first + awaited);
    assert.ok(Math.abs(share - 1 / 8) < 0.01, `${share}`);
  });

  test('a limit below one answer lets one answer after another pass', () => {
    const rate = new AnswerRate(10);
    const times = [];
    for (let now = 0; now < 95 * SECOND; now++) if (rate.takes(52, false, now)) times.push(now / SECOND);
    assert.deepEqual(times.map(Math.round), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
  });

  test('a clock that goes back gives nothing, and 0 is no limit', () => {
    const rate = new AnswerRate(LIMIT);
    while (rate.takes(100, false, 5 * SECOND));
    assert.ok(!rate.takes(100, false, 0));
    const unlimited = new AnswerRate(0);
    for (let i = 0; i < 100_000; i++) assert.ok(unlimited.takes(1200, true, 0));
  });
});

for (const version of VERSIONS) {
  suite(`an endpoint with maxAnswerRate, ${version}`, () => {
    test('a client that comes in a flood from forged addresses gets its answer when it repeats its ClientHello', () => {
      const { endpoint, hello, answer } = besieged(version);
      const flood = (now: number): void => {
        for (let i = 0; i < 100; i++) answer(hello, forged(i + 100 * now), now);
      };
      flood(0);
      assert.equal(answer(hello, CLIENT, 0), undefined);
      for (let now = 10; now < SECOND; now += 10) flood(now);
      const again = answer(hello, CLIENT, SECOND);
      assert.equal(again?.peer.address, CLIENT.address);
      const { cookiesSent, cookiesAwaited, overRate } = endpoint.counters;
      assert.equal(cookiesAwaited, 1);
      assert.equal(cookiesSent + overRate, 2 + 100 * 100);
      assert.ok(cookiesSent * HEADERS < 2 * LIMIT);
    });

    test('a handshake goes on while the limit is reached: its address is validated', () => {
      const pair = new Pair({ version, limits: { maxAnswerRate: 1 } });
      pair.explain(() => pair.handshake());
      assert.equal(pair.server.endpoint.counters.cookiesSent, 1);
    });
  });
}

suite('alerts with maxAnswerRate', () => {
  test('alerts to unknown addresses count, too', () => {
    const { endpoint, answer } = besieged('DTLSv1.3');
    const { hello } = besieged('DTLSv1.2');
    assert.equal(answer(hello, CLIENT, 0)?.data[0], ContentType.alert);
    for (let i = 0; i < 1000; i++) answer(hello, forged(i), 0);
    const { rejected, overRate } = endpoint.counters;
    assert.equal(rejected, 1001);
    assert.ok(overRate > 900 && overRate < 1001, `${overRate}`);
  });
});

const CLIENT: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 5000 };

function forged(i: number): PeerAddress {
  return { address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, family: 'IPv4', port: 5000 };
}

function besieged(version: TestedVersion) {
  const endpoint = new Endpoint({ ...UNLIMITED, maxAnswerRate: LIMIT });
  endpoint.serve({
    security: security('server', version, {}, seededProvider(new Random(7))),
    behaviour: behaviour(),
  });
  const answer = (data: Uint8Array, { address, port, family }: PeerAddress, now: number) => {
    endpoint.receive(data, address, port, family, now);
    return endpoint.pollTransmit();
  };
  return { endpoint, hello: firstHello(new Pair({ version })), answer };
}
