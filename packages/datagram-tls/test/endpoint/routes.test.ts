import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Connection } from '#lib/connection/connection.js';
import { type ConnectionEntry, createEntry } from '#lib/endpoint/connection-entry.js';
import { Routes } from '#lib/endpoint/routes.js';
import { behaviour, security } from '../support/settings.js';

const nowhere = { serverName: undefined, verifyName: undefined };
const OWNER = {};
const ours = security('server', 'DTLSv1.2');

function entry(address: string, port: number): ConnectionEntry {
  const connection = Connection.create(ours, behaviour(), nowhere, { address, port, family: 'IPv4' });
  const peer = { address, port, family: 'IPv4' } as const;
  return createEntry(
    connection,
    { peer, host: address, began: 0, clientRandom: undefined, ids: undefined },
    OWNER,
  );
}

function found(routes: Routes): (ConnectionEntry | undefined)[] {
  const route = routes.find('a', 1);
  return [route?.entry, route?.pending];
}

suite('routes', () => {
  test('routes distinguish peers by address and port', () => {
    const routes = new Routes();
    const entries = [
      entry('10.0.0.1', 1),
      entry('10.0.0.1', 2),
      entry('10.0.0.11', 1),
      entry('10.0.0.1', 11),
    ];
    for (const each of entries) routes.add(each);
    for (const each of entries) assert.equal(routes.find(each.peer.address, each.peer.port)?.entry, each);
    assert.equal(routes.find('10.0.0.2', 1), undefined);
    assert.equal(routes.size, 4);
    assert.deepEqual(new Set(routes.entries()), new Set(entries));
  });

  test('routes distinguish peers with the same port, as they come and go', () => {
    const routes = new Routes();
    const entries = ['a', 'b', 'c', 'd'].map((address) => entry(address, 5684));
    for (const each of entries) routes.add(each);
    assert.equal(routes.find('e', 5684), undefined);
    for (const gone of entries) {
      assert.equal(routes.find(gone.peer.address, 5684)?.entry, gone);
      routes.remove(gone);
      assert.equal(routes.find(gone.peer.address, 5684), undefined);
    }
    assert.deepEqual([routes.size, [...routes.entries()]], [0, []]);
    for (const each of entries.slice(2)) routes.add(each);
    assert.deepEqual(new Set(routes.entries()), new Set(entries.slice(2)));
  });

  test('routes hold a second association with one address as pending until it is promoted', () => {
    const routes = new Routes();
    const [current, pending] = [entry('a', 1), entry('a', 1)];
    routes.add(current);
    routes.add(pending);
    assert.deepEqual(found(routes), [current, pending]);
    assert.equal(routes.size, 2);
    assert.equal(routes.promote(current), undefined);
    assert.equal(routes.promote(pending), current);
    assert.deepEqual(found(routes), [pending, undefined]);
    assert.equal(routes.size, 1);
    routes.remove(current);
    assert.equal(routes.size, 1);
  });

  test('routes promote the pending association when the current one ends first', () => {
    const routes = new Routes();
    const [current, pending] = [entry('a', 1), entry('a', 1)];
    routes.add(current);
    routes.add(pending);
    routes.remove(current);
    assert.deepEqual(found(routes), [pending, undefined]);
    assert.equal(routes.promote(pending), undefined);
    routes.remove(pending);
    assert.equal(routes.find('a', 1), undefined);
    assert.equal(routes.size, 0);
  });

  test('routes remove a pending association and keep the current one', () => {
    const routes = new Routes();
    const [current, pending] = [entry('a', 1), entry('a', 1)];
    routes.add(current);
    routes.add(pending);
    routes.remove(pending);
    routes.remove(pending);
    assert.deepEqual(found(routes), [current, undefined]);
    assert.equal(routes.size, 1);
  });

  test('routes ignore the removal of an absent entry', () => {
    const routes = new Routes();
    routes.remove(entry('a', 1));
    assert.equal(routes.size, 0);
  });
});
