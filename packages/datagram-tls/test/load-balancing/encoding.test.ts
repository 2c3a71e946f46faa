// The vectors are those of draft-ietf-quic-load-balancers, §5.4.2.4 and appendix B.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { resolveServer } from '#lib/load-balancing/configuration.js';
import { decodeServerId, encodeConnectionId, lengthOf } from '#lib/load-balancing/encoding.js';

const KEY = '8f95f09245765f80256934e50c66207f';

interface Vector {
  readonly form: string;
  readonly configId: number;
  readonly serverId: string;
  readonly nonce: string;
  readonly cid: string;
  readonly key?: string;
}

const VECTORS: readonly Vector[] = [
  { form: 'readable', configId: 0, serverId: 'c4605e', nonce: '4504cc4f', cid: '07c4605e4504cc4f' },
  // Appendix B gives this one with half an octet of the server ID in the first octet; the ID itself is read as it stands.
  {
    form: 'readable',
    configId: 1,
    serverId: 'a350d28b42',
    nonce: '03487d970b',
    cid: '20a350d28b4203487d970b',
  },
  {
    form: 'four passes of 7 octets',
    configId: 0,
    serverId: 'ed793a',
    nonce: 'ee080dbf',
    cid: '0720b1d07b359d3c',
    key: KEY,
  },
  {
    form: 'four passes of 15 octets, with a server ID longer than the nonce',
    configId: 1,
    serverId: 'ed793a51d49b8f5fab65',
    nonce: 'ee080dbf48',
    cid: '2fcc381bc74cb4fbad2823a3d1f8fed2',
    key: KEY,
  },
  {
    form: 'a single pass',
    configId: 2,
    serverId: 'ed793a51d49b8f5f',
    nonce: 'ee080dbf48c0d1e5',
    cid: '504dd2d05a7b0de9b2b9907afb5ecf8cc3',
    key: KEY,
  },
  // Appendix B says configuration 3, and its ID has the bits of 0.
  {
    form: 'four passes of 18 octets',
    configId: 0,
    serverId: 'ed793a51d49b8f5fab',
    nonce: 'ee080dbf48c0d1e55d',
    cid: '125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc',
    key: KEY,
  },
  {
    form: 'the example of four passes, step by step',
    configId: 0,
    serverId: '31441a',
    nonce: '9c69c275',
    cid: '0767947d29be054a',
    key: 'fdf726a9893ec05c0632d3956680baf0',
  },
];

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const keyed = (key: Uint8Array | undefined): { key?: Uint8Array } => (key === undefined ? {} : { key });

suite('the encoding of server IDs', () => {
  for (const { form, configId, serverId, nonce, cid, key } of VECTORS) {
    const configuration = resolveServer({
      configId,
      serverId: hex(serverId),
      nonceLength: nonce.length / 2,
      ...keyed(key === undefined ? undefined : hex(key)),
    });

    test(`makes the connection ID ${cid}: ${form}`, () => {
      const made = encodeConnectionId(configuration, hex(nonce), hex(cid)[0] as number);
      assert.equal(Buffer.from(made).toString('hex'), cid);
    });

    test(`reads the server ID in ${cid}: ${form}`, () => {
      const read = decodeServerId(configuration, hex(`ffff${cid}ffff`), 2);
      assert.equal(Buffer.from(read).toString('hex'), serverId);
    });
  }

  test('reads every server ID that it makes, of every length, with a key and without', () => {
    const shapes = fc
      .integer({ min: 1, max: 15 })
      .chain((server) => fc.tuple(fc.constant(server), fc.integer({ min: 4, max: 19 - server })));
    const key = fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined });
    fc.assert(
      fc.property(
        shapes,
        key,
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        ([server, nonce], key, bytes) => {
          const take = (count: number): Uint8Array =>
            Uint8Array.from({ length: count }, () => bytes.next().value as number);
          const serverId = take(server);
          const configuration = resolveServer({ configId: 6, serverId, nonceLength: nonce, ...keyed(key) });
          const made = encodeConnectionId(configuration, take(nonce), take(1)[0] as number);
          assert.equal(made.length, lengthOf(configuration));
          assert.equal((made[0] as number) >>> 5, 6);
          const before = Uint8Array.from(made);
          assert.deepEqual(Uint8Array.from(decodeServerId(configuration, made, 0)), serverId);
          assert.deepEqual(made, before, 'reading changes nothing');
        },
      ),
    );
  });
});
