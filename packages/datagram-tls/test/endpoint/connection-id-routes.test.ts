import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ConnectionIds } from '#lib/connection/connection-ids.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { CidRoutes, EntryIds } from '#lib/endpoint/connection-id-routes.js';

/** Few IDs, of which many begin alike. */
const cids = fc.uint8Array({ minLength: 1, maxLength: 5, max: 1 });
const tails = fc.uint8Array({ maxLength: 8, max: 1 });

function record(cid: Uint8Array, tail: Uint8Array): Uint8Array {
  return Uint8Array.of(25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, ...cid, ...tail);
}

function beginsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.every((byte, i) => bytes[i] === byte);
}

suite('routes by connection ID', () => {
  test('find the owner of every ID, whatever follows it, as IDs of all lengths come and go', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), cids), { maxLength: 60 }), tails, (steps, tail) => {
        const routes = new CidRoutes();
        const owners: { readonly cid: Uint8Array; readonly ids: EntryIds; readonly entry: object }[] = [];
        for (const [comes, cid] of steps) {
          if (comes) {
            const ids = new EntryIds(routes);
            const entry = {};
            ids.bind(entry);
            const isFree = !owners.some((each) => beginsWith(each.cid, cid) || beginsWith(cid, each.cid));
            assert.equal(ids.claim(cid), isFree);
            if (isFree) owners.push({ cid, ids, entry });
          } else {
            const [gone] = owners.splice(0, 1);
            gone?.ids.releaseAll();
            if (gone !== undefined) assert.equal(routes.entryOf(record(gone.cid, tail)), undefined);
          }
          for (const each of owners) assert.equal(routes.entryOf(record(each.cid, tail)), each.entry);
        }
        for (const { ids } of owners) ids.releaseAll();
        assert.equal(routes.any, false);
      }),
    );
  });

  test('find nothing in bytes that are no record, or are cut off', () => {
    const routes = new CidRoutes();
    const ids = new EntryIds(routes);
    ids.bind({});
    ids.claim(Uint8Array.of(1, 2, 3));
    const whole = record(Uint8Array.of(1, 2, 3), new Uint8Array(0));
    for (let length = 0; length < whole.length; length++)
      assert.equal(routes.entryOf(whole.subarray(0, length)), undefined);
    assert.notEqual(routes.entryOf(whole), undefined);
    for (let bit = 0; bit < 24; bit++) {
      const near = whole.slice();
      near[11 + (bit >>> 3)] = (near[11 + (bit >>> 3)] as number) ^ (1 << (bit & 7));
      assert.equal(routes.entryOf(near), undefined, `bit ${bit}`);
    }
  });
});

suite('a function that makes connection IDs', () => {
  test('is asked eight times for one, however it repeats itself, and no two are alike', () => {
    const associations = fc.array(fc.nat({ max: 255 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.infiniteStream(cids), associations, (stream, requests) => {
        const routes = new CidRoutes();
        const given: Uint8Array[] = [];
        let asked = 0;
        const generate = (): Uint8Array => {
          asked++;
          return stream.next().value as Uint8Array;
        };
        for (const count of requests) {
          const registry = new EntryIds(routes);
          registry.bind({});
          const ids = new ConnectionIds({ length: undefined, generate }, nodeProvider, registry);
          const first = ids.issue();
          assert.ok(asked <= 8);
          asked = 0;
          const more = ids.issueMore(count);
          assert.ok(asked <= 8 * (more.length + 1), `asked ${asked} times for ${more.length}`);
          asked = 0;
          const all = [first, ...more].filter(({ length }) => length > 0);
          // The first is empty where eight tries found none.
          assert.ok(all.length <= 8);
          given.push(...all);
        }
        for (const [i, one] of given.entries())
          for (const other of given.slice(i + 1))
            assert.ok(
              !beginsWith(one, other) && !beginsWith(other, one),
              `${one.join()} and ${other.join()}`,
            );
      }),
    );
  });

  test('gives an association without an endpoint no two that are alike, either', () => {
    const made = [
      Uint8Array.of(1, 2),
      Uint8Array.of(1),
      Uint8Array.of(1, 2, 3),
      Uint8Array.of(1, 2),
      Uint8Array.of(2),
    ];
    const generate = (): Uint8Array => made.shift() ?? Uint8Array.of(2);
    const ids = new ConnectionIds({ length: undefined, generate }, nodeProvider, undefined);
    assert.deepEqual(ids.issue(), Uint8Array.of(1, 2));
    assert.deepEqual(ids.issueMore(3), [Uint8Array.of(2)]);
  });
});
