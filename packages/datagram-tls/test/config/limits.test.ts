import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveBehaviour } from '#lib/config/behaviour.js';
import { LIMIT_OPTIONS, resolveLimits } from '#lib/config/limits.js';

const WRONG: readonly (readonly [option: string, value: unknown, code: string])[] = [
  ...['maxSessions', 'maxSessionsPerHost', 'maxHandshakes'].flatMap((name) => [
    [name, '1', 'ERR_INVALID_ARG_TYPE'] as const,
    [name, -1, 'ERR_OUT_OF_RANGE'] as const,
    [name, 1.5, 'ERR_OUT_OF_RANGE'] as const,
    [name, 2 ** 32, 'ERR_OUT_OF_RANGE'] as const,
  ]),
  ['maxHandshakes', null, 'ERR_INVALID_ARG_TYPE'],
  ['maxHeldBytes', '1', 'ERR_INVALID_ARG_TYPE'],
  ['maxHeldBytes', -1, 'ERR_OUT_OF_RANGE'],
  ['evictAfter', '1', 'ERR_INVALID_ARG_TYPE'],
  ['evictAfter', Number.POSITIVE_INFINITY, 'ERR_OUT_OF_RANGE'],
  ['evictAfter', -1, 'ERR_OUT_OF_RANGE'],
  ['hostPrefix', 64, 'ERR_INVALID_ARG_TYPE'],
  ['hostPrefix', null, 'ERR_INVALID_ARG_TYPE'],
  ['hostPrefix', { ipv5: 3 }, 'ERR_INVALID_ARG_VALUE'],
  ['hostPrefix', { ipv4: 7 }, 'ERR_OUT_OF_RANGE'],
  ['hostPrefix', { ipv4: 33 }, 'ERR_OUT_OF_RANGE'],
  ['hostPrefix', { ipv6: 129 }, 'ERR_OUT_OF_RANGE'],
  ['hostPrefix', { ipv6: '64' }, 'ERR_INVALID_ARG_TYPE'],
];

suite('limits of an endpoint', () => {
  for (const [option, value, code] of WRONG) {
    test(`${option} ${JSON.stringify(value)} is refused with ${code}, by name`, () => {
      assert.throws(() => resolveLimits({ [option]: value }), {
        code,
        message: new RegExp(option),
      });
    });
  }

  test('limits have defaults, and undefined keeps them', () => {
    const expected = {
      maxSessions: 10_000,
      maxSessionsPerHost: 1000,
      maxHandshakes: 1000,
      cookies: 'always',
      maxAnswerRate: 0,
      maxHeldBytes: 0x200_0000,
      evictAfter: 10_000,
      hostPrefix: { ipv4: 32, ipv6: 64 },
      cookieLifetime: 60_000,
    };
    assert.deepEqual(resolveLimits({}), expected);
    assert.deepEqual(
      resolveLimits(Object.fromEntries(Object.keys(LIMIT_OPTIONS).map((name) => [name, undefined]))),
      expected,
    );
    assert.deepEqual(resolveLimits({ hostPrefix: { ipv6: 48 } }).hostPrefix, { ipv4: 32, ipv6: 48 });
  });

  test('idleTimeout is a number of ms for each role', () => {
    assert.deepEqual(resolveBehaviour({ idleTimeout: 5 }, false).idleTimeout, { client: 5, server: 5 });
    for (const [value, code] of [
      ['5', 'ERR_INVALID_ARG_TYPE'],
      [-1, 'ERR_OUT_OF_RANGE'],
      [0.5, 'ERR_OUT_OF_RANGE'],
    ] as const)
      assert.throws(() => resolveBehaviour({ idleTimeout: value } as object, false), { code });
  });
});
