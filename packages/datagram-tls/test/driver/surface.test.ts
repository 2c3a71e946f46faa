import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSecureContext, DTLSEndpoint, DTLSSecureContext, DTLSSession } from '#lib/index.js';
import { client, echoServer } from './echo.js';

suite('the classes of the public interface', () => {
  for (const type of [DTLSSession, DTLSSecureContext]) {
    test(`${type.name} cannot be constructed by an application`, () => {
      const make = type as unknown as new () => unknown;
      assert.throws(() => new make(), { name: 'TypeError', message: 'Illegal constructor' });
    });
  }

  for (const type of [DTLSEndpoint, DTLSSession, DTLSSecureContext]) {
    test(`${type.name} has no static members`, () => {
      const own = Object.getOwnPropertyNames(type).filter(
        (name) => !['length', 'name', 'prototype'].includes(name),
      );
      assert.deepEqual([...own, ...Object.getOwnPropertySymbols(type)], []);
    });
  }

  test('the public classes keep all their state private', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    for (const object of [session, session.endpoint, server.endpoint, createSecureContext()])
      assert.deepEqual(Reflect.ownKeys(object), []);
    assert.equal(Object.getPrototypeOf(DTLSSession.prototype), Object.prototype);
    await session.close();
  });
});
