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

interface Owner {
  readonly cid: Uint8Array;
  readonly entry: object;
  /** `undefined` while it has no entry. */
  ids: EntryIds | undefined;
}

/** Finds those without an entry by looking at all of them. */
function withSleepers(routes: CidRoutes, owners: readonly Owner[]): void {
  const asleep = (): Owner[] => owners.filter(({ ids }) => ids === undefined);
  const stands = ({ cid }: Owner, bytes: Uint8Array, at: number, length: number): boolean =>
    cid.length === length && beginsWith(bytes.subarray(at), cid);
  routes.dormant = {
    findId: (bytes, at, length) => {
      const owner = asleep().find((each) => stands(each, bytes, at, length));
      if (owner !== undefined) wake(routes, owner);
      return owner?.entry;
    },
    hasId: (cid, length) => asleep().some((each) => stands(each, cid, 0, length)),
    allIds: () => asleep().map(({ cid }) => cid),
  };
}

function wake(routes: CidRoutes, owner: Owner): void {
  owner.ids = new EntryIds(routes);
  owner.ids.bind(owner.entry);
  owner.ids.readmit([owner.cid]);
}

suite('routes by connection ID', () => {
  test('find the owner of every ID, whatever follows it, as IDs of all lengths come, sleep and go', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('come', 'come', 'sleep', 'go'), cids, fc.nat()), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, tails, (taken, tail) => {
        const routes = new CidRoutes();
        const owners: Owner[] = [];
        withSleepers(routes, owners);
        for (const [what, cid, which] of taken) {
          const owner = owners[which % (owners.length || 1)];
          if (what === 'come') {
            const ids = new EntryIds(routes);
            const entry = {};
            ids.bind(entry);
            const isFree = !owners.some((each) => beginsWith(each.cid, cid) || beginsWith(cid, each.cid));
            assert.equal(ids.claim(cid), isFree);
            if (isFree) owners.push({ cid, ids, entry });
          } else if (owner !== undefined && what === 'sleep') {
            owner.ids?.leave();
            owner.ids = undefined;
          } else if (owner !== undefined) {
            if (owner.ids === undefined) wake(routes, owner);
            owners.splice(owners.indexOf(owner), 1);
            owner.ids?.releaseAll();
            assert.equal(routes.entryOf(record(owner.cid, tail)), undefined);
          }
          // To look for those that sleep would wake them.
          for (const each of owners)
            if (each.ids !== undefined) assert.equal(routes.entryOf(record(each.cid, tail)), each.entry);
        }
        for (const each of owners) {
          assert.equal(routes.any, true);
          assert.equal(routes.entryOf(record(each.cid, tail)), each.entry);
        }
        for (const { ids } of owners) ids?.releaseAll();
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
