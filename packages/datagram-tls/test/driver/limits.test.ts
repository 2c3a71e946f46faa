import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Refusal } from '#lib/endpoint/refusals.js';
import { type DTLSEndpoint, type DTLSSession, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { client, echoServer, roundTrip } from './echo.js';

// Siege case A9: over real sockets, whose clients all come from one address.

it('a full server lets a new client in when others are silent, and tells both what happened', async () => {
  const server = echoServer({ maxSessions: 2, maxSessionsPerHost: 2, evictAfter: 1 });
  const refusals: Refusal[] = [];
  server.endpoint.onrefused = (refusal) => refusals.push(refusal);
  const silent = [client(server.port), client(server.port)];
  await Promise.all(silent.map((session) => session.opened));
  await Promise.all(server.sessions.map((session) => session.opened));
  const errors: unknown[] = [];
  for (const session of server.sessions) session.onerror = (error) => errors.push(error);
  const newClient = client(server.port);
  await newClient.opened;
  assert.equal(await roundTrip(newClient, 'in'), 'in');
  assert.deepEqual(
    errors.map((error) => (error as { code?: string }).code),
    ['ERR_DTLS_EVICTED'],
  );
  await Promise.race(silent.map((session) => session.closed));
  assert.equal(server.endpoint.stats.sessionsEvicted, 1n);
  await newClient.close();
  for (const session of silent) session.destroy();
  await server.endpoint.close();
});

it('a client that gets no session is reported with its address and the limit', async () => {
  const server = echoServer({ maxSessions: 1 });
  const first = client(server.port);
  await first.opened;
  const told = new Promise<Refusal>((resolve) => {
    server.endpoint.onrefused = resolve;
  });
  const second = client(server.port);
  const { peer, reason, count } = await told;
  assert.deepEqual([peer.address, reason, count], ['127.0.0.1', 'max_sessions', 1]);
  assert.deepEqual(server.endpoint.refusals, { max_sessions: 1 });
  assert.throws(
    () => {
      server.endpoint.onrefused = 'yes' as never;
    },
    { code: 'ERR_INVALID_ARG_TYPE' },
  );
  server.endpoint.onrefused = null;
  assert.equal(server.endpoint.onrefused, undefined);
  second.destroy();
  await first.close();
  await server.endpoint.close();
});

it('a session whose peer is silent for idleTimeout ends with an error code', async () => {
  let endpoint: DTLSEndpoint | undefined;
  let session: DTLSSession | undefined;
  const error = await new Promise<Error>((resolve) => {
    const onsession = (ours: DTLSSession): void => {
      ours.onerror = resolve;
    };
    const server = { host: '127.0.0.1', port: 0, ...SERVERS.p256, idleTimeout: 50 };
    endpoint = listen(onsession, server);
    session = client(endpoint.address?.port ?? 0);
  });
  assert.equal((error as { code?: string }).code, 'ERR_DTLS_IDLE_TIMEOUT');
  // The client hears the close_notify of a session that is over.
  await session?.closed;
  await endpoint?.close();
});
