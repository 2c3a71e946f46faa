import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConnectionIdGenerator } from '#lib/load-balancing/connection-ids.js';
import { type LoadBalancedOptions, loadBalancedConnectionIds, serverIdReader } from '#lib/load-balancing.js';

const KEY = new Uint8Array(16).fill(0x5a);
const SERVER = Uint8Array.of(0xca, 0xfe);

/** A record of DTLS 1.3 with a connection ID. */
function record(cid: Uint8Array): Uint8Array {
  return Uint8Array.of(0x30, ...cid, 1, 2, 3, 4, 5, 6, 7, 8, 9);
}

const text = (cid: Uint8Array): string => Buffer.from(cid).toString('hex');

suite('connection IDs of one server behind a load balancer', () => {
  for (const key of [undefined, KEY]) {
    const form = key === undefined ? 'readable' : 'encrypted';
    const options: LoadBalancedOptions = { configId: 5, serverId: SERVER, nonceLength: 8, key };

    test(`name the server and are all different: ${form}`, () => {
      const ids = loadBalancedConnectionIds(options);
      const read = serverIdReader({ configId: 5, serverIdLength: 2, nonceLength: 8, key });
      const made = new Set<string>();
      for (let i = 0; i < 1000; i++) {
        const cid = ids.generate();
        assert.equal(cid.length, ids.length);
        assert.equal(cid.length, 11);
        made.add(text(cid.subarray(1)));
        assert.deepEqual(read(record(cid)), {
          connectionId: 'routable',
          serverId: Buffer.from(SERVER),
          configId: 5,
        });
      }
      assert.equal(made.size, 1000);
    });

    test(`have five bits in the first octet that tell nothing: ${form}`, () => {
      const ids = loadBalancedConnectionIds(options);
      const seen = new Set(Array.from({ length: 2000 }, () => (ids.generate()[0] as number) & 0x1f));
      assert.equal(seen.size, 32);
    });
  }

  test('do not show the server ID where there is a key', () => {
    const ids = loadBalancedConnectionIds({ serverId: SERVER, nonceLength: 5, key: KEY });
    const firsts = new Set(Array.from({ length: 200 }, () => text(ids.generate().subarray(1, 3))));
    assert.ok(firsts.size > 150, `${firsts.size} different beginnings`);
  });

  test('begin with another nonce in each process', () => {
    const one = loadBalancedConnectionIds({ serverId: SERVER, nonceLength: 8, key: KEY });
    const other = loadBalancedConnectionIds({ serverId: SERVER, nonceLength: 8, key: KEY });
    assert.notEqual(text(one.generate().subarray(1)), text(other.generate().subarray(1)));
  });

  test('stay as they are when the caller changes the bytes that it gave', () => {
    const serverId = Uint8Array.from(SERVER);
    const key = Uint8Array.from(KEY);
    const ids = loadBalancedConnectionIds({ serverId, nonceLength: 8, key });
    serverId.fill(0);
    key.fill(0);
    const read = serverIdReader({ serverIdLength: 2, nonceLength: 8, key: KEY });
    assert.deepEqual(read(record(ids.generate())).serverId, Buffer.from(SERVER));
  });

  test('name no server and tell their length when all nonces are used up', () => {
    const ids = new ConnectionIdGenerator({ serverId: SERVER, nonceLength: 4, key: KEY }, 2 ** 32 - 2);
    const read = serverIdReader({ serverIdLength: 2, nonceLength: 4, key: KEY });
    assert.equal(ids.remaining, 2);
    const last = [ids.generate(), ids.generate()];
    assert.equal(ids.remaining, 0);
    for (const cid of last) assert.equal(read(record(cid)).connectionId, 'routable');
    const made = Array.from({ length: 100 }, () => ids.generate());
    for (const cid of made) {
      assert.equal(cid.length, 7);
      assert.equal(cid[0], 0xe0 | 6);
      assert.equal(read(record(cid)).connectionId, 'unroutable');
    }
    assert.equal(new Set(made.map(text)).size, 100);
    assert.equal(ids.remaining, 0);
  });

  test('count all nonces, from any beginning', () => {
    const ids = new ConnectionIdGenerator({ serverId: SERVER, nonceLength: 4, key: KEY });
    assert.equal(ids.remaining, 2 ** 32);
    ids.generate();
    assert.equal(ids.remaining, 2 ** 32 - 1);
    assert.equal(
      loadBalancedConnectionIds({ serverId: SERVER, nonceLength: 4 }).remaining,
      Number.POSITIVE_INFINITY,
    );
  });

  test('are of the new configuration after a rotation, with all of its nonces', () => {
    const ids = new ConnectionIdGenerator({ serverId: SERVER, nonceLength: 4, key: KEY }, 2 ** 32);
    const read = serverIdReader([
      { serverIdLength: 2, nonceLength: 4, key: KEY },
      { configId: 1, serverIdLength: 1, nonceLength: 15, key: SERVER_KEY },
    ]);
    assert.equal(read(record(ids.generate())).connectionId, 'unroutable');
    ids.rotate({ configId: 1, serverId: Uint8Array.of(9), nonceLength: 15, key: SERVER_KEY });
    assert.equal(ids.length, 17);
    assert.ok(ids.remaining > 2 ** 100);
    assert.deepEqual(read(record(ids.generate())), {
      connectionId: 'routable',
      serverId: Buffer.of(9),
      configId: 1,
    });
  });

  test('refuse a rotation to the number in use, or to a wrong one, and go on', () => {
    const ids = loadBalancedConnectionIds({ configId: 1, serverId: SERVER, nonceLength: 4, key: KEY });
    const next = { serverId: Uint8Array.of(9), nonceLength: 6 };
    assert.throws(() => ids.rotate({ configId: 1, ...next }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.configId.* must not be 1/,
    });
    assert.throws(() => ids.rotate({ configId: 2, ...next, nonceLength: 3 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(ids.length, 7);
    assert.equal((ids.generate()[0] as number) >>> 5, 1);
  });
});

const SERVER_KEY = new Uint8Array(16).fill(0xa5);

type Wrong = readonly [given: Record<string, unknown>, code: string, says: RegExp];

const GOOD = { serverId: SERVER, nonceLength: 6 };
const WRONG: readonly Wrong[] = [
  [{ serverId: 'cafe' }, 'ERR_INVALID_ARG_TYPE', /"options\.serverId"/],
  [{ serverId: undefined }, 'ERR_INVALID_ARG_TYPE', /"options\.serverId"/],
  [{ serverId: new Uint8Array(0) }, 'ERR_OUT_OF_RANGE', /"options\.serverId\.length".*>= 1 && <= 15/],
  [{ serverId: new Uint8Array(16) }, 'ERR_OUT_OF_RANGE', /"options\.serverId\.length".*>= 1 && <= 15/],
  [{ nonceLength: undefined }, 'ERR_INVALID_ARG_TYPE', /"options\.nonceLength"/],
  [{ nonceLength: 3 }, 'ERR_OUT_OF_RANGE', /"options\.nonceLength".*>= 4/],
  [{ nonceLength: 18 }, 'ERR_OUT_OF_RANGE', /"options\.nonceLength".*<= 17 beside a server ID of 2 bytes/],
  [{ nonceLength: 4.5 }, 'ERR_OUT_OF_RANGE', /"options\.nonceLength"/],
  [{ key: 'secret' }, 'ERR_INVALID_ARG_TYPE', /"options\.key"/],
  [{ key: new Uint8Array(32) }, 'ERR_OUT_OF_RANGE', /"options\.key\.length".*must be 16/],
  [{ configId: 7 }, 'ERR_OUT_OF_RANGE', /"options\.configId".*>= 0 && <= 6/],
  [{ configId: '1' }, 'ERR_INVALID_ARG_TYPE', /"options\.configId"/],
  [{ nonceLenght: 6 }, 'ERR_INVALID_ARG_VALUE', /options\.nonceLenght.*Did you mean 'options\.nonceLength'/],
  [{ serverIdLength: 2 }, 'ERR_INVALID_ARG_VALUE', /options\.serverIdLength.*is for a balancer/],
  [{ serverID: SERVER }, 'ERR_INVALID_ARG_VALUE', /options\.serverID.*Did you mean 'options\.serverId'/],
];

suite('options of connection IDs of one server', () => {
  for (const [given, code, says] of WRONG)
    test(`${JSON.stringify(given, (_, value: unknown) => value ?? 'none')} is refused by name`, () => {
      assert.throws(() => loadBalancedConnectionIds({ ...GOOD, ...given }), {
        code,
        message: says,
      });
    });

  test('are own properties only', () => {
    const inherited = Object.assign(Object.create({ configId: 3, key: KEY }) as object, GOOD);
    const ids = loadBalancedConnectionIds(inherited);
    assert.equal((ids.generate()[0] as number) >>> 5, 0);
    assert.deepEqual(ids.generate().subarray(1, 3), SERVER);
  });

  test('that are no object are refused', () => {
    for (const given of [undefined, null, 7, [GOOD]])
      assert.throws(() => loadBalancedConnectionIds(given as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
