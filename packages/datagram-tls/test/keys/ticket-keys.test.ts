import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { importTicketKey, OwnTicketKeys, openTicket, sealTicket } from '#lib/keys/ticket-keys.js';

const HOUR = 3_600_000;
const CONTENT = utf8('what a ticket holds');
const CONTEXT = utf8('service');

function key(seed: number) {
  return importTicketKey(
    nodeProvider,
    Uint8Array.from({ length: 80 }, (_, i) => (i + seed) & 0xff),
  );
}

function open(ticket: Uint8Array, keys = [key(1)], context = CONTEXT) {
  return openTicket(nodeProvider, keys, context, ticket)?.content;
}

suite('sealed tickets', () => {
  const ticket = sealTicket(nodeProvider, key(1), CONTEXT, CONTENT);

  test('sealed tickets open under their key, at any place among others, and begin with its name', () => {
    assert.deepEqual(open(ticket), CONTENT);
    assert.deepEqual(open(ticket, [key(2), key(1)]), CONTENT);
    assert.deepEqual(ticket.subarray(0, 16), key(1).name);
  });

  test('sealed tickets do not open under another key, nor one with only its name or one of its secrets', () => {
    assert.equal(open(ticket, []), undefined);
    assert.equal(open(ticket, [key(2)]), undefined);
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => i + 1);
    for (const [start, end] of [
      [16, 48],
      [48, 80],
    ] as const) {
      const other = bytes.slice();
      other.fill(0, start, end);
      assert.equal(open(ticket, [importTicketKey(nodeProvider, other)]), undefined);
    }
  });

  test('sealed tickets do not open in another context', () => {
    for (const context of [new Uint8Array(0), utf8('servic'), utf8('service2')])
      assert.equal(open(ticket, [key(1)], context), undefined);
  });

  test('sealed tickets do not open when any byte is changed, missing or added', () => {
    for (let at = 0; at < ticket.length; at++) {
      assert.equal(open(ticket.subarray(0, at)), undefined, `the first ${at} bytes`);
      const changed = ticket.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(open(changed), undefined, `byte ${at}`);
    }
    assert.equal(open(concat(ticket, Uint8Array.of(0))), undefined);
  });

  test('sealed tickets with the same content differ', () => {
    assert.notDeepEqual(sealTicket(nodeProvider, key(1), CONTEXT, CONTENT).subarray(16), ticket.subarray(16));
  });

  test('sealed tickets do not reveal their content', () => {
    assert.equal(Buffer.from(ticket).indexOf(CONTENT.subarray(0, 6)), -1);
  });
});

suite('ticket keys of an endpoint itself', () => {
  const names = (keys: OwnTicketKeys, time: number) => keys.at(time).map(({ name }) => name);

  test("a context's ticket key seals for the lifetime of a ticket, and opens for as long again", () => {
    const keys = new OwnTicketKeys(nodeProvider, 2 * HOUR);
    const [first] = names(keys, 0);
    assert.deepEqual(names(keys, 2 * HOUR - 1), [first]);
    const [second, ...older] = names(keys, 2 * HOUR);
    assert.notDeepEqual(second, first);
    assert.deepEqual(older, [first]);
    assert.deepEqual(names(keys, 4 * HOUR - 1), [second, first]);
    assert.ok(!names(keys, 4 * HOUR).some((name) => name === first));
  });

  test("a context's ticket key seals for at most a day, and no more keys are kept than tickets need", () => {
    const keys = new OwnTicketKeys(nodeProvider, 7 * 24 * HOUR);
    for (let day = 0; day < 30; day++) {
      const before = names(keys, day * 24 * HOUR)[0];
      assert.equal(names(keys, day * 24 * HOUR + 23 * HOUR)[0], before);
      assert.ok(names(keys, day * 24 * HOUR).length <= 8);
    }
    assert.equal(names(keys, 30 * 24 * HOUR).length, 8);
  });

  test('a long pause leaves one ticket key', () => {
    const keys = new OwnTicketKeys(nodeProvider, HOUR);
    for (const time of [0, HOUR, 2 * HOUR]) keys.at(time);
    assert.equal(names(keys, 100 * HOUR).length, 1);
  });
});
