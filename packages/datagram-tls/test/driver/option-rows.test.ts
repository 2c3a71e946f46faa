// Every row of the option tables is enforced.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BEHAVIOUR_OPTIONS, resolveBehaviour } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import { LIMIT_OPTIONS, resolveLimits } from '#lib/config/limits.js';
import type { OptionTable } from '#lib/config/option-table.js';
import { SECURITY_OPTIONS } from '#lib/config/options.js';
import { resolveSecurity } from '#lib/config/resolve.js';
import { ENDPOINT_OPTIONS, SESSION_OPTIONS } from '#lib/driver/options.js';
import {
  type ConnectOptions,
  connect,
  createSecureContext,
  DTLSEndpoint,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { PLATFORM } from '../support/settings.js';

type Row = OptionTable[string];
type Options = Record<string, unknown>;

const ROWS = Object.entries<Row>(SESSION_OPTIONS);
const KEY = new Uint8Array(16).fill(7);

/** Calls the function of that role with `options` and its required arguments. */
const GIVE: Record<Role, (options: Options) => unknown> = {
  client: (options) => connect('127.0.0.1', 9, options),
  server: (options) => listen(() => undefined, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options }),
};

function sockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'UDPWRAP').length;
}

/** The mistake is thrown at once under the option's name, and no socket is left. */
function refuses(run: () => unknown, option: string, codes: readonly string[], says = /./): void {
  const before = sockets();
  assert.throws(run, (error: Error & { code?: string }) => {
    assert.ok(codes.includes(error.code ?? ''), `${error.code}: ${error.message}`);
    assert.ok(error.message.includes(`options.${option}`), error.message);
    assert.match(error.message, says);
    return true;
  });
  assert.equal(sockets(), before);
}

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const RANGE = 'ERR_OUT_OF_RANGE';

/** Of no option, with the codes for options that are numbers and for others. */
const BAD: readonly (readonly [value: unknown, number: string, other: string])[] = [
  [Symbol('x'), TYPE, TYPE],
  [1n, TYPE, TYPE],
  [Number.NaN, RANGE, TYPE],
  [-1, RANGE, TYPE],
  [1.5, RANGE, TYPE],
  [Number.POSITIVE_INFINITY, RANGE, TYPE],
];

/** The bounds of an integer option. */
function boundsOf({ values }: Row): readonly [min: number, max: number] | undefined {
  const [, exact, min, max] = /^(?:at least (\d+)|(\d+) to (\d+))$/.exec(values) ?? [];
  if (exact !== undefined) return [Number(exact), Number.MAX_SAFE_INTEGER];
  return min === undefined ? undefined : [Number(min), Number(max)];
}

suite('a wrong value of an option', () => {
  for (const [name, row] of ROWS) {
    for (const role of row.roles) {
      test(`${name} is refused by name before a ${role} opens a socket`, () => {
        const bounds = boundsOf(row);
        // Numbers from a short list have the code of Node's validateOneOf.
        const other = ['maxFragmentLength', 'family'].includes(name) ? VALUE : TYPE;
        const takesNumbers = bounds !== undefined || name === 'connectionId';
        for (const [value, number, otherwise] of BAD) {
          const code = takesNumbers ? number : other === VALUE ? VALUE : otherwise;
          refuses(() => GIVE[role]({ [name]: value }), name, [code]);
        }
        if (row.absent?.includes(null) !== true)
          refuses(() => GIVE[role]({ [name]: null }), name, [TYPE, VALUE]);
        if (bounds === undefined) return;
        const [min, max] = bounds;
        for (const value of [min - 1, max + 1]) refuses(() => GIVE[role]({ [name]: value }), name, [RANGE]);
        for (const value of [String(min), {}, [min], true])
          refuses(() => GIVE[role]({ [name]: value }), name, [TYPE]);
      });
    }
  }

  for (const [what, target] of [
    ['an object', {}],
    ['an array', []],
    ['a function', () => undefined],
  ] as const)
    test(`a revoked proxy of ${what} is refused by name`, () => {
      const { proxy, revoke } = Proxy.revocable<object>(target, {});
      revoke();
      for (const [name, { roles }] of ROWS)
        for (const role of roles) refuses(() => GIVE[role]({ [name]: proxy }), name, [VALUE]);
      for (const name of ['cert', 'key', 'ca', 'alpn', 'pins'])
        refuses(() => GIVE.client({ [name]: [proxy] }), name, [VALUE, TYPE]);
      for (const run of [
        () => connect('127.0.0.1', 9, proxy),
        () => listen(() => undefined, proxy as ListenOptions),
        () => new DTLSEndpoint(proxy),
        () => createSecureContext(proxy),
        () => resolveLimits(proxy),
      ])
        assert.throws(run, { code: /^ERR_INVALID_ARG_/ });
    });

  test('the bounds of numbers are values of their options', () => {
    for (const [table, read] of [
      [BEHAVIOUR_OPTIONS, (options: Options) => resolveBehaviour(options, false)],
      [LIMIT_OPTIONS, (options: Options) => resolveLimits(options)],
    ] as const) {
      for (const [name, row] of Object.entries<Row>(table))
        for (const bound of boundsOf(row) ?? []) assert.doesNotThrow(() => read({ [name]: bound }), name);
    }
  });

  test('an explicit default has the same effect as an absent option', () => {
    const defaults = Object.entries<Row>(BEHAVIOUR_OPTIONS)
      .filter(([, row]) => row.default !== undefined)
      .map(([name, row]) => [name, row.default] as const);
    assert.ok(defaults.length > 0);
    assert.deepEqual(resolveBehaviour(Object.fromEntries(defaults), false), resolveBehaviour({}, false));
  });
});

suite('an option of the other role', () => {
  for (const [name, row] of ROWS) {
    const [owner = 'client', ...more] = row.roles;
    if (more.length > 0) continue;
    const other = owner === 'client' ? 'server' : 'client';
    if (row.ignoredBy === other) continue;
    test(`${name} is refused by a ${other} as an option of ${owner}s`, () => {
      const value = row.default ?? 'x';
      refuses(() => GIVE[other]({ [name]: value }), name, [VALUE], new RegExp(`is an option of ${owner}s`));
    });
  }

  test('host and port of a server may stand in an object that a client shares', async () => {
    const shared = { host: '127.0.0.1', port: 4433, rejectUnauthorized: false };
    const session = connect('127.0.0.1', 9, shared);
    session.destroy();
    await session.closed;
    refuses(() => connect('127.0.0.1', 9, { port: 'x' } as never), 'port', [TYPE]);
    refuses(() => connect('127.0.0.1', 9, { host: 5 } as never), 'host', [TYPE]);
  });

  test('does not compile', () => {
    // @ts-expect-error: an option of servers
    const options: ConnectOptions = { requestCert: true };
    refuses(() => connect('127.0.0.1', 9, options), 'requestCert', [VALUE]);
  });
});

suite('a misspelt option', () => {
  for (const [name, row] of ROWS) {
    const role = row.roles[0] ?? 'client';
    test(`${name}: the ${role}'s error says what may be meant`, () => {
      const doubled = `${name}${name.at(-1)}`;
      for (const wrong of [doubled, `${name.toUpperCase()}_`])
        refuses(
          () => GIVE[role]({ [wrong]: 1 }),
          wrong,
          [VALUE],
          new RegExp(`Did you mean 'options\\.${name}'`),
        );
    });
  }

  test('that resembles no other is refused without a suggestion', () => {
    for (const role of ['client', 'server'] as const)
      assert.throws(() => GIVE[role]({ flubber: 1 }), { code: VALUE, message: /is not a known option$/ });
  });

  test('that is inherited is ignored, and an own property named like a method of Object.prototype is unknown', () => {
    const options = Object.create({ mtu: 'x', flubber: 1 }) as object;
    assert.deepEqual(resolveBehaviour(options, false), resolveBehaviour({}, false));
    for (const name of ['toString', 'constructor', 'hasOwnProperty'])
      refuses(() => GIVE.client({ [name]: 1 }), name, [VALUE], /not a known option/);
  });

  const server = (options: Options) => () => GIVE.server(options);
  const client = (options: Options) => () => GIVE.client(options);
  const nested: readonly [place: string, run: () => unknown, option: string, meant: string][] = [
    ['connectionId', client({ connectionId: { lenght: 8 } }), 'connectionId.lenght', 'length'],
    ['keepAlive', client({ keepAlive: { interval: 1000, timout: 2000 } }), 'keepAlive.timout', 'timeout'],
    ['retransmission', client({ retransmission: { initail: 10 } }), 'retransmission.initail', 'initial'],
    ['hostPrefix', server({ hostPrefix: { ipv44: 24 } }), 'hostPrefix.ipv44', 'ipv4'],
    [
      'psk of a client',
      client({ psk: { idenity: 'x', identity: 'x', key: KEY } }),
      'psk.idenity',
      'identity',
    ],
    ['psk of a server', server({ psk: { me: { key: KEY, imports: true } } }), 'psk.me.imports', 'import'],
    [
      'import of a key',
      client({ psk: { identity: 'x', key: KEY, import: { hsah: 'sha256' } } }),
      'psk.import.hsah',
      'hash',
    ],
    ['pfx', server({ pfx: [{ buff: KEY, buf: KEY }] }), 'pfx[0].buff', 'buf'],
    ['sni', server({ sni: { a: { ...SERVERS.p256, apln: ['x'] } } }), 'apln', 'alpn'],
    ['createSecureContext', () => createSecureContext({ isServr: true } as never), 'isServr', 'isServer'],
    ['DTLSEndpoint', () => new DTLSEndpoint({ mtuu: 1200 } as never), 'mtuu', 'mtu'],
    ['resolveSecurity', () => resolveSecurity({ pin: [] } as never, 'client', PLATFORM), 'pin', 'pins'],
    ['resolveBehaviour', () => resolveBehaviour({ mut: 1200 } as never, false), 'mut', 'mtu'],
    ['resolveLimits', () => resolveLimits({ maxSesions: 5 } as never), 'maxSesions', 'maxSessions'],
  ];
  for (const [place, run, option, meant] of nested) {
    test(`of ${place} is refused with the one that is meant`, () => {
      refuses(run, option, [VALUE], new RegExp(`Did you mean 'options\\..*\\b${meant}'`));
    });
  }
});

suite('an option of another function', () => {
  test('is refused as such', () => {
    const says = /is an option of connect and listen/;
    refuses(() => createSecureContext({ mtu: 1200 } as never), 'mtu', [VALUE], says);
    for (const name of Object.keys(SESSION_OPTIONS).filter((name) => !Object.hasOwn(ENDPOINT_OPTIONS, name)))
      refuses(() => new DTLSEndpoint({ [name]: 1 }), name, [VALUE], says);
  });
});

suite('another name of an option', () => {
  const aliases = Object.entries<Row>(SECURITY_OPTIONS).filter(([, { aliasOf }]) => aliasOf !== undefined);

  test('is ecdhCurve', () => {
    assert.deepEqual(
      aliases.map(([name, { aliasOf }]) => [name, aliasOf]),
      [['ecdhCurve', 'groups']],
    );
  });

  for (const [alias, { aliasOf = '' }] of aliases) {
    test(`${alias} takes the same values as ${aliasOf}, and no other beside it`, () => {
      const read = (options: Options) => resolveSecurity(options, 'client', PLATFORM).groups;
      for (const value of ['x25519', ['P-256', 'x25519'], 'auto', ' x25519 : x25519 '])
        assert.deepEqual(read({ [alias]: value }), read({ [aliasOf]: value }));
      for (const value of [[], ' ', ['x25519', 5], 'x448x'])
        for (const name of [alias, aliasOf])
          assert.throws(() => read({ [name]: value }), { message: new RegExp(`options\\.${name}\\b`) });
      refuses(() => read({ [alias]: 'P-256', [aliasOf]: 'x25519' }), alias, [VALUE], /another name of/);
    });
  }
});
