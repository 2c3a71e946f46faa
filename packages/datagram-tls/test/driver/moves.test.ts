// session.export and endpoint.import.
import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DTLSEndpoint, type DTLSSession, describeState } from '#lib/index.js';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';
import { freePort } from '../support/loopback.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, echoServer, roundTrip, until } from './echo.js';

const key = randomBytes(32);

/** The suite of sessions here, and another one. */
const SUITES = {
  'DTLSv1.2': ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
} as const;

/** An open session, with both of its ends. */
async function open(version: (typeof VERSIONS)[number]) {
  const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1', bindPort: await freePort() });
  const server = echoServer({ port: await freePort(), minVersion: version, maxVersion: version });
  const session = endpoint.connect('127.0.0.1', server.port, { ca: CA, servername: 'localhost' });
  await session.opened;
  const other = server.sessions[0] ?? assert.fail();
  await other.opened;
  assert.equal(await roundTrip(session, 'before'), 'before');
  return { server, endpoint, session, other };
}

/** A server on the port of one that has ended. */
async function successor(
  { endpoint, port }: EchoServer,
  version: (typeof VERSIONS)[number],
): Promise<EchoServer> {
  await endpoint.close();
  return echoServer({ port, minVersion: version, maxVersion: version });
}

function echoes(session: DTLSSession): void {
  session.onmessage = (data) => void session.send(data);
}

for (const version of VERSIONS) {
  describe(`${version}: a session that moves`, () => {
    it('goes on at another server, whose client notices nothing', async () => {
      const { server, endpoint, session, other } = await open(version);
      const { cipher, remoteAddress } = other;
      const state = other.export({ key });
      await other.closed;
      assert.equal(other.destroyed, true);
      const next = await successor(server, version);
      const moved = next.endpoint.import(state, { key });
      echoes(moved);
      assert.deepEqual(await moved.opened, { protocol: version });
      assert.deepEqual([moved.cipher, moved.remoteAddress], [cipher, remoteAddress]);
      assert.equal(moved.servername, 'localhost');
      assert.deepEqual(
        moved.exportKeyingMaterial(20, 'EXPORTER-x'),
        session.exportKeyingMaterial(20, 'EXPORTER-x'),
      );
      assert.equal(await roundTrip(session, 'after'), 'after');
      assert.deepEqual(next.sessions, []);
      await session.close();
      await moved.closed;
      await Promise.all([endpoint.close(), next.endpoint.close()]);
    });

    it('goes on at another client, whose server notices nothing', async () => {
      const { server, endpoint, session } = await open(version);
      const bindPort = endpoint.address?.port ?? 0;
      const state = session.export({ key: createSecretKey(key) });
      await endpoint.close();
      const next = new DTLSEndpoint({ bindHost: '127.0.0.1', bindPort });
      const moved = next.import(state, { key });
      assert.equal(await roundTrip(moved, 'after'), 'after');
      assert.equal(moved.servername, 'localhost');
      assert.equal(moved.authorized, true);
      await next.close();
      await server.endpoint.close();
    });

    it('takes messages along that nobody has read', async () => {
      const server = echoServer({ minVersion: version, maxVersion: version });
      const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1', bindPort: await freePort() });
      const session = endpoint.connect('127.0.0.1', server.port, { ca: CA, servername: 'localhost' });
      await session.opened;
      session.send('one');
      await until(() => session.stats.messagesReceived === 1n);
      const bindPort = endpoint.address?.port ?? 0;
      const state = session.export({ key });
      await endpoint.close();
      const next = new DTLSEndpoint({ bindHost: '127.0.0.1', bindPort });
      const moved = next.import(state, { key });
      for await (const message of moved) {
        assert.equal(message.toString(), 'one');
        break;
      }
      await Promise.all([next.close(), server.endpoint.close()]);
    });

    it('is refused with a code where its state does not fit', async () => {
      const { server, endpoint, session, other } = await open(version);
      const state = other.export({ key });
      const next = await successor(server, version);
      const refusal = (reason: string) => ({ code: 'ERR_DTLS_STATE', reason });
      const take = (bytes: Uint8Array, options: { key?: Buffer; maxAge?: number } = {}) =>
        next.endpoint.import(bytes, { key, ...options });
      assert.throws(() => take(state, { key: randomBytes(32) }), refusal('UNREADABLE'));
      assert.throws(() => take(state.subarray(0, -1)), refusal('UNREADABLE'));
      assert.throws(() => take(state.subarray(0, 30)), refusal('UNREADABLE'));
      assert.throws(() => take(new Uint8Array(0)), refusal('UNREADABLE'));
      for (const at of [25, 40, 60, state.length - 1]) {
        const changed = Uint8Array.from(state);
        changed[at] = (changed[at] ?? 0) ^ 1;
        assert.throws(() => take(changed), refusal('UNREADABLE'));
      }
      const newer = Buffer.from(state.toString('latin1').replace('state:1', 'state:9'), 'latin1');
      assert.throws(() => take(newer), refusal('UNSUPPORTED'));
      await delay(5);
      assert.throws(() => take(state, { maxAge: 1 }), refusal('EXPIRED'));
      assert.throws(() => endpoint.import(state, { key }), refusal('ROLE'));
      const narrow = echoServer(
        version === 'DTLSv1.2' ? { minVersion: 'DTLSv1.3' } : { maxVersion: 'DTLSv1.2' },
      );
      assert.throws(() => narrow.endpoint.import(state, { key }), refusal('UNSUPPORTED'));
      const moved = take(state);
      echoes(moved);
      assert.throws(() => take(state), refusal('USED'));
      assert.equal(await roundTrip(session, 'after'), 'after');
      await Promise.all([endpoint.close(), next.endpoint.close(), narrow.endpoint.close()]);
      assert.throws(() => take(state), refusal('USED'));
    });

    it('is refused where its cipher suite is not one of those that are named', async () => {
      const { server, endpoint, other } = await open(version);
      const [used, another] = SUITES[version];
      const state = other.export({ key });
      const strict = echoServer({ ciphers: another });
      const refusal = { code: 'ERR_DTLS_STATE', reason: 'UNSUPPORTED' };
      assert.throws(() => strict.endpoint.import(state, { key }), refusal);
      const willing = echoServer({ ciphers: used });
      assert.equal(willing.endpoint.import(state, { key }).cipher?.name, used);
      await Promise.all([server, strict, willing].map((one) => one.endpoint.close()));
      await endpoint.close();
    });

    it('moves again, and an older state of it is refused', async () => {
      const { server, endpoint, session, other } = await open(version);
      const first = other.export({ key });
      const moved = server.endpoint.import(first, { key });
      const second = moved.export({ key });
      const [a, b] = [describeState(first, { key }), describeState(second, { key })];
      assert.equal(a.id, b.id);
      assert.ok(b.generation > a.generation);
      assert.deepEqual([b.role, b.remoteAddress.port], ['server', endpoint.address?.port]);
      assert.throws(() => server.endpoint.import(first, { key }), { code: 'ERR_DTLS_STATE', reason: 'USED' });
      echoes(server.endpoint.import(second, { key }));
      assert.equal(await roundTrip(session, 'after'), 'after');
      await Promise.all([endpoint.close(), server.endpoint.close()]);
    });

    it('has no state before it is open and after its end, and its address may be taken', async () => {
      const { server, endpoint, session, other } = await open(version);
      const fresh = client(server.port);
      assert.throws(() => fresh.export({ key }), { code: 'ERR_INVALID_STATE' });
      fresh.destroy();
      const state = other.export({ key });
      server.endpoint.import(state, { key });
      const copy = describeState(state, { key });
      assert.equal(copy.generation, 1);
      assert.throws(() => other.export({ key }), { code: 'ERR_INVALID_STATE' });
      assert.throws(() => session.export({ key: randomBytes(31) }), { code: 'ERR_INVALID_ARG_VALUE' });
      assert.throws(() => session.export({} as { key: Buffer }), { code: 'ERR_INVALID_ARG_TYPE' });
      await endpoint.close();
      await server.endpoint.close();
      assert.throws(() => session.export({ key }), { code: 'ERR_INVALID_STATE' });
      assert.throws(() => endpoint.import(state, { key }), { code: 'ERR_DTLS_STATE' });
    });
  });
}

describe('the state of a session with certificates on both sides', () => {
  it('has the peer and our verdict', async () => {
    const server = echoServer({ requestCert: true, ca: CA, ...SERVERS.ed25519 });
    const session = client(server.port, CLIENTS.ed25519);
    await session.opened;
    const other = server.sessions[0] ?? assert.fail();
    await other.opened;
    const { peerCertificate, authorized } = other;
    const moved = server.endpoint.import(other.export({ key }), { key });
    assert.deepEqual([moved.peerCertificate, moved.authorized], [peerCertificate, authorized]);
    assert.ok(authorized);
    await session.close();
    await server.endpoint.close();
  });
});
