// Siege case A3.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writerState } from '#lib/record/limits.js';
import { RecordWriter12 } from '#lib/record/protect12.js';
import { client, echoServer, roundTrip } from './echo.js';

/** Records that a key may seal here. */
const SEALED = 20;

describe('a server that answers inside onmessage, in DTLS 1.2', () => {
  it('ends a session whose key is spent with an error of that session, and nobody else notices', async (t) => {
    t.mock.getter(RecordWriter12.prototype, 'state', function state(this: RecordWriter12) {
      return writerState(this.sequence, { sealed: SEALED, forged: SEALED });
    });
    const server = echoServer({ maxVersion: 'DTLSv1.2' });
    const heavy = client(server.port);
    const light = client(server.port);
    await Promise.all([heavy.opened, light.opened]);
    const byPort = (port: number | undefined) =>
      server.sessions.find(({ remoteAddress }) => remoteAddress?.port === port) ?? assert.fail();
    const spent = byPort(heavy.endpoint.address?.port);
    const lengths: number[] = [];
    const errors: unknown[] = [];
    spent.onerror = (error) => void errors.push((error as { code?: string }).code);
    // Three answers each, so that the server's key is spent first.
    spent.onmessage = (data) => {
      for (let i = 0; i < 3; i++) if (!spent.destroyed) lengths.push(spent.send(data));
    };
    const ticker = setInterval(() => {
      if (!heavy.destroyed) heavy.send('x');
    }, 5);
    await spent.closed;
    clearInterval(ticker);
    assert.deepEqual(errors, ['ERR_DTLS_KEY_LIMIT']);
    assert.equal(lengths.at(-1), 0);
    assert.ok(lengths.length > 10);
    assert.equal(await roundTrip(light, 'still here'), 'still here');
    assert.throws(() => spent.send('x'), { code: 'ERR_INVALID_STATE' });
    await Promise.all([heavy.close(), light.close()]);
    await server.endpoint.close();
  });
});
