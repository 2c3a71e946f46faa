// Siege cases A3 and C14.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Context } from '#lib/handshake/context.js';
import { writerState } from '#lib/record/limits.js';
import { RecordWriter12 } from '#lib/record/protect12.js';
import { RecordWriter13 } from '#lib/record/protect13.js';
import { client, echoServer, roundTrip } from './echo.js';

/** Records that a key may seal here. */
const SEALED = 20;

describe('a server that answers inside onmessage, in DTLS 1.2', () => {
  it('a used-up key ends its session with an error of that session only', async (t) => {
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

describe('a session of DTLS 1.3 that has no keys after these', () => {
  it('refuses updateKeys with a code, sends what the keys may protect, and ends with an error', async (t) => {
    const server = echoServer({ minVersion: 'DTLSv1.3' });
    const session = client(server.port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    for (const echoing of server.sessions) echoing.onmessage = undefined;
    const errors: unknown[] = [];
    session.onerror = (error) => void errors.push((error as { code?: string }).code);
    t.mock.getter(Context.prototype, 'numbersLeft', () => 0);
    t.mock.getter(RecordWriter13.prototype, 'state', function state(this: RecordWriter13) {
      return writerState(this.sequence, { sealed: SEALED, forged: SEALED });
    });
    assert.throws(() => session.updateKeys(), { code: 'ERR_DTLS_KEY_LIMIT' });
    const lengths = Array.from({ length: SEALED }, () => (session.destroyed ? 0 : session.send('x')));
    await session.closed;
    assert.equal(lengths[0], 1);
    assert.equal(lengths.at(-1), 0);
    assert.deepEqual(errors, ['ERR_DTLS_KEY_LIMIT']);
    assert.throws(() => session.send('x'), { code: 'ERR_INVALID_STATE' });
    await server.endpoint.close();
  });
});
