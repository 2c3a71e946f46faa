import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { pack } from '#lib/base/packed.js';
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
  /** While it has none. */
  slot: number;
}

/** Between slots that are used, so that a few of them take several steps to count. */
const GAP = 400;

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
    get slots() {
      return Math.max(-1, ...asleep().map(({ slot }) => slot)) + 1;
    },
    idsAt: (slot) =>
      asleep()
        .filter((each) => each.slot === slot)
        .map(({ cid }) => cid),
  };
}

/** Into the first slot that is free. */
function sleep(owners: readonly Owner[], owner: Owner | undefined): void {
  if (owner?.ids === undefined) return;
  const taken = owners.filter(({ ids }) => ids === undefined).map(({ slot }) => slot);
  owner.slot = 0;
  while (taken.includes(owner.slot)) owner.slot += GAP;
  owner.ids.leave(owner.slot);
  owner.ids = undefined;
}

/** Where one is the beginning of another: the one that goes on with what follows. */
function ownerOf(owners: readonly Owner[], bytes: Uint8Array): Owner | undefined {
  return owners
    .filter(({ cid }) => beginsWith(bytes, cid))
    .sort((one, other) => other.cid.length - one.cid.length)[0];
}

function wake(routes: CidRoutes, owner: Owner): void {
  owner.ids = new EntryIds(routes);
  owner.ids.bind(owner.entry);
  owner.ids.readmit([owner.cid], owner.slot);
}

suite('routes by connection ID', () => {
  test('find the owner of every ID, whatever follows it, as IDs of all lengths come, sleep and go', () => {
    const kinds = fc.constantFrom('come', 'come', 'sleep', 'sleep', 'go', 'count');
    const steps = fc.array(fc.tuple(kinds, cids, fc.nat()), { maxLength: 80 });
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
            const isTaken = owners.some((each) => beginsWith(cid, each.cid));
            const isBeginning = owners.some((each) => beginsWith(each.cid, cid));
            const claimed = ids.claim(pack(cid));
            if (isTaken || !isBeginning) assert.equal(claimed, !isTaken);
            else assert.ok(!claimed || routes.isCounting, 'the beginning of an ID that is counted');
            if (claimed) owners.push({ cid, ids, entry, slot: 0 });
          } else if (what === 'sleep') sleep(owners, owner);
          else if (what === 'count') routes.goOnCounting();
          else if (owner !== undefined) {
            if (owner.ids === undefined) wake(routes, owner);
            owners.splice(owners.indexOf(owner), 1);
            owner.ids?.releaseAll();
            const [bytes, found] = [
              Uint8Array.of(...owner.cid, ...tail),
              routes.entryOf(record(owner.cid, tail)),
            ];
            assert.equal(found, ownerOf(owners, bytes)?.entry);
          }
          // To look for those that sleep would wake them.
          for (const each of owners) {
            const found = ownerOf(owners, Uint8Array.of(...each.cid, ...tail));
            if (found?.ids !== undefined) assert.equal(routes.entryOf(record(each.cid, tail)), found.entry);
          }
        }
        for (let left = GAP; routes.isCounting; left--) {
          assert.ok(left > 0, 'the count has no end');
          routes.goOnCounting();
        }
        for (const each of owners) {
          assert.equal(routes.any, true);
          const found = ownerOf(owners, Uint8Array.of(...each.cid, ...tail));
          assert.equal(routes.entryOf(record(each.cid, tail)), found?.entry);
        }
        for (const { ids } of owners) ids?.releaseAll();
        assert.equal(routes.any, false);
      }),
    );
  });

  test('read no more than 500 slots of sleepers in one go for the first ID of a shorter length', () => {
    const routes = new CidRoutes();
    const owners = Array.from({ length: 1800 }, (_, slot): Owner => {
      const cid = Uint8Array.of(slot >> 8, slot & 0xff, 7, 7);
      const ids = new EntryIds(routes);
      ids.bind({});
      assert.ok(ids.claim(pack(cid)));
      return { cid, ids, entry: ids.entry ?? assert.fail(), slot };
    });
    withSleepers(routes, owners);
    let read = 0;
    const { dormant } = routes;
    routes.dormant = {
      findId: (bytes, at, length) => dormant.findId(bytes, at, length),
      hasId: (cid, length) => dormant.hasId(cid, length),
      slots: owners.length,
      idsAt: (slot) => {
        read++;
        return dormant.idsAt(slot);
      },
    };
    for (const owner of owners) {
      owner.ids?.leave(owner.slot);
      owner.ids = undefined;
    }
    const short = (high: number, low: number): Owner => {
      const ids = new EntryIds(routes);
      ids.bind({});
      const owner = { cid: Uint8Array.of(high, low), ids, entry: ids.entry ?? assert.fail(), slot: 0 };
      return ids.claim(pack(owner.cid)) ? owner : { ...owner, ids: undefined };
    };
    assert.equal(short(0, 200).ids, undefined, 'one of the first step');
    assert.equal(read, 500);
    const early = short(6, 200);
    assert.ok(early.ids !== undefined && routes.isCounting, 'one of the last step');
    const free = short(9, 9);
    assert.ok(free.ids !== undefined);
    assert.equal(read, 500);
    for (const steps of [1000, 1500, 1800]) {
      assert.equal(routes.entryOf(record(early.cid, Uint8Array.of(8, 8))), early.entry);
      const longer = owners[6 * 256 + 200] ?? assert.fail();
      assert.equal(routes.entryOf(record(longer.cid, new Uint8Array(4))), longer.entry);
      longer.ids?.leave(longer.slot);
      longer.ids = undefined;
      routes.goOnCounting();
      assert.equal(read, steps);
    }
    assert.equal(routes.isCounting, false);
    assert.equal(short(6, 100).ids, undefined, 'now it is known');
    assert.equal(routes.entryOf(record(early.cid, Uint8Array.of(7, 7))), owners[6 * 256 + 200]?.entry);
    assert.equal(routes.entryOf(record(early.cid, Uint8Array.of(7, 8))), early.entry);
    assert.equal(routes.entryOf(record(free.cid, Uint8Array.of(7, 7))), free.entry);
  });

  test('find nothing in bytes that are no record, or are cut off', () => {
    const routes = new CidRoutes();
    const ids = new EntryIds(routes);
    ids.bind({});
    ids.claim(pack(Uint8Array.of(1, 2, 3)));
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

  test('are looked for behind as many records of plaintext as are read, and no more', () => {
    const routes = new CidRoutes();
    const ids = new EntryIds(routes);
    ids.bind({});
    ids.claim(pack(Uint8Array.of(1, 2, 3)));
    const named = record(Uint8Array.of(1, 2, 3), new Uint8Array(0));
    const plain = Uint8Array.of(22, 0xfe, 0xfd, ...new Uint8Array(10));
    const behind = (count: number): Uint8Array =>
      Uint8Array.of(...Array.from({ length: count }, () => [...plain]).flat(), ...named);
    for (const count of [0, 1, 256])
      assert.equal(routes.entryBehindPlaintext(behind(count)), ids.entry, `${count}`);
    for (const count of [257, 5000]) assert.equal(routes.entryBehindPlaintext(behind(count)), undefined);
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
