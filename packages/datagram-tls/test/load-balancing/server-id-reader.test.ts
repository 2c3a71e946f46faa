import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type BalancerOptions, loadBalancedConnectionIds, serverIdReader } from '#lib/load-balancing.js';

const KEY = new Uint8Array(16).fill(0x5a);
const SERVER = Uint8Array.of(0xca, 0xfe);
const READABLE = { configId: 1, serverIdLength: 2, nonceLength: 5 };
const ENCRYPTED = { configId: 2, serverIdLength: 2, nonceLength: 14, key: KEY };

const FOUR_PASSES = { configId: 3, serverIdLength: 2, nonceLength: 5, key: KEY };

const read = serverIdReader([READABLE, ENCRYPTED, FOUR_PASSES]);

function idOf(configId: number): Uint8Array {
  const { nonceLength, key } = [READABLE, ENCRYPTED, FOUR_PASSES][configId - 1] as BalancerOptions;
  return loadBalancedConnectionIds({ configId, serverId: SERVER, nonceLength, key }).generate();
}

/** DTLS 1.2, RFC 9146 §4. */
function record12(cid: Uint8Array): Uint8Array {
  return Uint8Array.of(25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, ...cid, 0, 16, ...new Uint8Array(16));
}

/** DTLS 1.3, RFC 9147 §4: any flags, and an ID. */
function record13(cid: Uint8Array, flags = 0x0c): Uint8Array {
  return Uint8Array.of(0x30 | flags, ...cid, 0, 9, 0, 16, ...new Uint8Array(16));
}

suite('the reader of server IDs', () => {
  for (const configId of [1, 2, 3])
    for (const [name, make] of [
      ['DTLS 1.2', record12],
      ['DTLS 1.3', record13],
    ] as const)
      test(`finds the server of a record of ${name}, configuration ${configId}`, () => {
        const expected = { connectionId: 'routable', serverId: Buffer.from(SERVER), configId };
        assert.deepEqual(read(make(idOf(configId))), expected);
      });

  test('finds it with every sequence number, length and epoch of a header of DTLS 1.3', () => {
    for (let flags = 0; flags < 16; flags++)
      assert.deepEqual(read(record13(idOf(1), flags)).serverId, Buffer.from(SERVER));
  });

  test('finds it behind the plaintext of a last flight of DTLS 1.2', () => {
    const plaintext = Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 4, 0, 3, 16, 1, 2);
    const change = Uint8Array.of(20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 1);
    const flight = Uint8Array.of(...plaintext, ...change, ...record12(idOf(2)));
    assert.deepEqual(read(flight).serverId, Buffer.from(SERVER));
    for (let length = 0; length < plaintext.length + change.length; length++)
      assert.equal(read(flight.subarray(0, length)).connectionId, 'none');
    const long = flight.slice();
    long[12] = 0xff;
    assert.equal(read(long).connectionId, 'none');
  });

  test('gives bytes of its own, and leaves those of the datagram as they are', () => {
    for (const configId of [1, 2, 3])
      for (const datagram of [record12(idOf(configId)), Buffer.from(record12(idOf(configId)))]) {
        const before = Uint8Array.from(datagram);
        const { serverId } = read(datagram);
        assert.deepEqual(Uint8Array.from(datagram), before);
        datagram.fill(0);
        assert.deepEqual(serverId, Buffer.from(SERVER));
      }
  });

  const NONE: readonly (readonly [string, Uint8Array])[] = [
    ['no bytes', new Uint8Array(0)],
    ['a ClientHello', Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)],
    ['an alert', Uint8Array.of(21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40)],
    [
      'application data of DTLS 1.2 without an ID',
      Uint8Array.of(23, 0xfe, 0xfd, 0, 1, ...new Uint8Array(40)),
    ],
    ['a record of DTLS 1.3 without an ID', Uint8Array.of(0x2c, ...new Uint8Array(40))],
    ['STUN', Uint8Array.of(0, 1, 0, 0, ...new Uint8Array(16))],
  ];
  for (const [name, datagram] of NONE)
    test(`says of ${name} that there is no connection ID`, () => {
      assert.deepEqual(read(datagram), { connectionId: 'none', serverId: undefined, configId: undefined });
    });

  const UNROUTABLE: readonly (readonly [string, Uint8Array])[] = [
    ['an ID of another configuration', record12(Uint8Array.of(0x80, ...new Uint8Array(19)))],
    ['an ID that names no server', record12(Uint8Array.of(0xe7, ...new Uint8Array(7)))],
    ['an ID that is cut off in DTLS 1.2', record12(idOf(1)).subarray(0, 11 + 7)],
    ['an ID that is cut off in DTLS 1.3', record13(idOf(2)).subarray(0, 1 + 16)],
    ['a type of DTLS 1.2 alone', Uint8Array.of(25)],
    ['a first byte of DTLS 1.3 alone', Uint8Array.of(0x30)],
  ];
  for (const [name, datagram] of UNROUTABLE)
    test(`says of ${name} that it is not routable`, () => {
      assert.deepEqual(read(datagram), {
        connectionId: 'unroutable',
        serverId: undefined,
        configId: undefined,
      });
    });

  test('answers any bytes, at any length', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(25, 0x30, 0x3f, 22, 0x20, 0xff),
        fc.uint8Array({ maxLength: 60 }),
        (first, rest) => {
          const { connectionId, serverId, configId } = read(Uint8Array.of(first, ...rest));
          assert.equal(connectionId === 'routable', serverId !== undefined && configId !== undefined);
          if (first === 22 || first === 0x20 || first === 0xff) assert.equal(connectionId, 'none');
          if (serverId !== undefined) assert.equal(serverId.length, 2);
        },
      ),
    );
  });

  test('refuses what are no bytes', () => {
    assert.throws(() => read('text' as never), { code: 'ERR_INVALID_ARG_TYPE', message: /"datagram"/ });
  });
});

type Wrong = readonly [given: unknown, code: string, says: RegExp];

const WRONG: readonly Wrong[] = [
  [undefined, 'ERR_INVALID_ARG_TYPE', /"configurations"/],
  [[], 'ERR_INVALID_ARG_VALUE', /configurations.*at least one/],
  [[READABLE, null], 'ERR_INVALID_ARG_TYPE', /configurations\[1\]/],
  [
    [READABLE, { ...ENCRYPTED, configId: 1 }],
    'ERR_INVALID_ARG_VALUE',
    /configurations\[1\]\.configId.*1 again/,
  ],
  [{ nonceLength: 4 }, 'ERR_INVALID_ARG_TYPE', /configurations\.serverIdLength/],
  [{ ...READABLE, serverIdLength: 0 }, 'ERR_OUT_OF_RANGE', /configurations\.serverIdLength/],
  [{ ...READABLE, nonceLength: 18 }, 'ERR_OUT_OF_RANGE', /configurations\.nonceLength.*<= 17/],
  [{ ...READABLE, key: new Uint8Array(15) }, 'ERR_OUT_OF_RANGE', /configurations\.key\.length/],
  [{ ...READABLE, serverId: SERVER }, 'ERR_INVALID_ARG_VALUE', /configurations\.serverId.*serverIdLength/],
];

suite('configurations of the reader', () => {
  for (const [given, code, says] of WRONG)
    test(`${JSON.stringify(given)} is refused by name`, () => {
      assert.throws(() => serverIdReader(given as BalancerOptions), { code, message: says });
    });
});
