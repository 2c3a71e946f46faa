import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveSecurity } from '#lib/config/resolve.js';
import { withTicketsOf } from '#lib/config/tickets.js';
import { platform } from '#lib/driver/platform.js';
import {
  type ConnectOptions,
  connect,
  createSecureContext,
  DTLSEndpoint,
  type DTLSSession,
  listen,
  type SecureContextOptions,
} from '#lib/index.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { client, roundTrip, saved, server } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

/** The scheme of the server's signature shows which of its certificates it uses. */
async function schemeOf(port: number, options: ConnectOptions = {}): Promise<string | undefined> {
  const session = client(port, options);
  await session.opened;
  const { signatureScheme } = session;
  await session.close();
  return signatureScheme;
}

async function resumes(port: number, session: Buffer, options: ConnectOptions = {}): Promise<boolean> {
  const again = client(port, { session, ...options });
  await again.opened;
  const { reused } = again;
  await again.close();
  return reused;
}

const NEW = SERVERS.rsa;
const OLD_SCHEME = 'ecdsa_secp256r1_sha256';
const NEW_SCHEME = 'rsa_pss_rsae_sha256';

suite('endpoint.setSecureContext', () => {
  for (const version of VERSIONS) {
    const pinned = { minVersion: version, maxVersion: version };

    test(`new handshakes of ${version} show the new certificate, and open sessions go on`, async (t) => {
      const { endpoint, port } = server(t);
      const open = client(port, pinned);
      await open.opened;
      assert.equal(open.signatureScheme, OLD_SCHEME);
      endpoint.setSecureContext(NEW);
      assert.equal(await roundTrip(open, 'goes on'), 'goes on');
      assert.equal(await schemeOf(port, pinned), NEW_SCHEME);
      endpoint.setSecureContext(createSecureContext({ ...SERVERS.p256, isServer: true }));
      assert.equal(await schemeOf(port, pinned), OLD_SCHEME);
      await open.close();
    });

    test(`clients of ${version} resume their sessions after it`, async (t) => {
      const { endpoint, port } = server(t);
      const session = await saved(port, pinned);
      endpoint.setSecureContext(NEW);
      assert.equal(await resumes(port, session, pinned), true);
    });

    test(`clients of ${version} resume the session of a name after it`, async (t) => {
      const { endpoint, port } = server(t, { sni: { localhost: SERVERS.p256 } });
      const session = await saved(port, pinned);
      endpoint.setSecureContext({ ...NEW, sni: { localhost: NEW } });
      assert.equal(await resumes(port, session, pinned), true);
    });

    test(`new ticketKeys end the resumption of sessions of ${version}`, async (t) => {
      const { endpoint, port } = server(t, { sessionCacheSize: 0 });
      const session = await saved(port, pinned);
      endpoint.setSecureContext({ ...NEW, ticketKeys: Buffer.alloc(80, 7), sessionCacheSize: 0 });
      assert.equal(await resumes(port, session, pinned), false);
    });
  }

  test('a resumption is judged by the new context', async (t) => {
    const { endpoint, port, sessions } = server(t, { requestCert: true, ca: CA });
    const session = await saved(port, CLIENTS.p256);
    endpoint.setSecureContext({ ...NEW, requestCert: true, rejectUnauthorized: false, ca: OTHER_CA });
    const again = client(port, { session, ...CLIENTS.p256 });
    await again.opened;
    const last = sessions.at(-1);
    await last?.opened;
    assert.equal(last?.authorized, false);
    await again.close();
  });

  test('a handshake under way keeps the old context', async (t) => {
    let answer: (() => void) | undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const sni = (): Promise<SecureContextOptions> => {
      asked();
      return new Promise((resolve) => {
        answer = () => resolve(SERVERS.p256);
      });
    };
    const { endpoint, port } = server(t, { sni });
    const session = client(port);
    await isAsked;
    endpoint.setSecureContext(NEW);
    answer?.();
    await session.opened;
    assert.equal(session.signatureScheme, OLD_SCHEME);
    await session.close();
    assert.equal(await schemeOf(port), NEW_SCHEME);
  });

  test('a cookie of before is good after it', async (t) => {
    const network = new MemoryNetwork();
    const far = network.transport('server');
    const endpoint = listen(() => undefined, { ...SERVERS.p256, transport: far });
    t.after(() => endpoint.destroy());
    const near = network.transport('client');
    const session = connect('server', 1, { ca: CA, servername: 'localhost', transport: near });
    t.after(() => session.destroy());
    const receive = near.onmessage;
    let count = 0;
    near.onmessage = (...datagram) => {
      // The first datagram of the server has the cookie.
      if (count++ === 0) endpoint.setSecureContext(NEW);
      receive?.(...datagram);
    };
    await session.opened;
    assert.equal(session.signatureScheme, NEW_SCHEME);
    assert.equal(endpoint.stats.cookiesSent, 1n);
  });

  test('before the endpoint is bound it holds from the first handshake', async (t) => {
    const endpoint = listen(() => undefined, { host: 'localhost', family: 4, port: 0, ...SERVERS.p256 });
    t.after(() => endpoint.destroy());
    endpoint.setSecureContext(NEW);
    const { port } = await endpoint.opened;
    assert.equal(await schemeOf(port), NEW_SCHEME);
  });

  test('wrong contexts are refused, and change nothing', async (t) => {
    const { endpoint, port } = server(t);
    const refuses = (context: unknown, code: string, message: RegExp): void => {
      assert.throws(() => endpoint.setSecureContext(context as never), { code, message });
    };
    refuses(createSecureContext(), 'ERR_INVALID_ARG_VALUE', /created for a client/);
    refuses(undefined, 'ERR_INVALID_ARG_TYPE', /options/);
    refuses({}, 'ERR_MISSING_ARGS', /options.cert/);
    refuses({ ...NEW, mtu: 1000 }, 'ERR_INVALID_ARG_VALUE', /options.mtu' is no option of secure contexts/);
    refuses({ ...NEW, sertt: 1 }, 'ERR_INVALID_ARG_VALUE', /options.sertt/);
    refuses({ ...NEW, maxEarlyData: 100 }, 'ERR_MISSING_ARGS', /onearlydata/);
    refuses({ cert: 'x', key: 'y' }, 'ERR_OSSL_PEM_NO_START_LINE', /./);
    assert.equal(await schemeOf(port), OLD_SCHEME);
  });

  test('only an open endpoint that serves clients takes one', async (t) => {
    const { endpoint } = server(t);
    const alone = new DTLSEndpoint();
    t.after(() => alone.destroy());
    assert.throws(() => alone.setSecureContext(NEW), {
      code: 'ERR_INVALID_STATE',
      message: /serves no clients/,
    });
    await endpoint.close();
    assert.throws(() => endpoint.setSecureContext(NEW), { code: 'ERR_INVALID_STATE', message: /destroyed/ });
  });

  test('early data that was taken before it is known after it', () => {
    const options = { ...SERVERS.p256, maxEarlyData: 100 };
    const [former, next] = [0, 1].map(() => resolveSecurity(options, 'server', platform));
    assert.ok(former !== undefined && next !== undefined);
    const kept = withTicketsOf(next, former);
    assert.equal(kept.tickets?.early?.guard, former.tickets?.early?.guard);
    assert.equal(kept.tickets?.keys, former.tickets?.keys);
    assert.equal(kept.tickets?.sessions, former.tickets?.sessions);
    assert.notEqual(kept.tickets?.keys, next.tickets?.keys);
  });

  test('sessions that listen reports later are those of the same callback', async (t) => {
    const { endpoint, port, sessions } = server(t);
    endpoint.setSecureContext(NEW);
    const open: DTLSSession = client(port);
    await open.opened;
    assert.equal(sessions.length, 1);
    await open.close();
  });
});
