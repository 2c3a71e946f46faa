// Pre-shared keys as node:dtls takes them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, type DTLSEndpoint, type DTLSSession, listen } from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';

const KEY = Buffer.from('0123456789abcdef');
const ignore = (): void => undefined;
const serve = (options: object, onsession: (session: DTLSSession) => void = ignore): DTLSEndpoint =>
  listen(onsession, { host: '127.0.0.1', port: 0, ...options } as never);
const reach = (to: DTLSEndpoint, options: object): DTLSSession =>
  connect('127.0.0.1', to.address?.port ?? 0, options);

suite('pre-shared keys', () => {
  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    const only = { minVersion: version, maxVersion: version };

    test(`${version}: a map or a function on the server, an object or a function on the client`, async (t) => {
      for (const psk of [{ lamp: KEY }, (identity: string) => (identity === 'lamp' ? KEY : undefined)])
        for (const own of [{ identity: 'lamp', key: KEY }, () => ({ identity: 'lamp', key: KEY })]) {
          const endpoint = serve({ ...only, psk });
          t.after(() => endpoint.destroy());
          const session = reach(endpoint, { ...only, psk: own });
          await session.opened;
          assert.deepEqual([session.authorized, session.authorizationError], [true, undefined]);
          assert.equal(session.peerCertificate, undefined);
          await session.close();
        }
    });

    test(`${version}: an unknown identity is refused`, async (t) => {
      for (const psk of [{ lamp: KEY }, () => undefined, () => null]) {
        const endpoint = serve({ ...only, psk });
        t.after(() => endpoint.destroy());
        const session = reach(endpoint, { ...only, psk: { identity: 'unknown', key: KEY } });
        await assert.rejects(session.opened, { name: 'Error' });
      }
    });

    test(`${version}: what a function throws is the error of its session, unchanged`, async (t) => {
      const mine = new Error('the key store is away');
      const heard = new Promise((resolve) => {
        const psk = (): never => {
          throw mine;
        };
        const endpoint = serve({ ...only, psk }, (session) => {
          session.onerror = resolve;
        });
        t.after(() => endpoint.destroy());
        const session = reach(endpoint, { ...only, psk: { identity: 'lamp', key: KEY } });
        session.opened.catch(ignore);
      });
      assert.equal(await heard, mine);
    });
  }

  test('the hint reaches the function of the client; without one it is undefined', async (t) => {
    for (const hint of ['which lamp?', undefined]) {
      const endpoint = serve({ psk: { lamp: KEY }, pskIdentityHint: hint });
      t.after(() => endpoint.destroy());
      const heard: unknown[] = [];
      const psk = (given: string | undefined): object => {
        heard.push(given);
        return { identity: 'lamp', key: KEY };
      };
      const session = reach(endpoint, { psk, maxVersion: 'DTLSv1.2' });
      await session.opened;
      assert.deepEqual(heard, [hint]);
      await session.close();
    }
  });

  test('a server with both serves clients with a key and clients with a CA', async (t) => {
    const endpoint = serve({ ...SERVERS.p256, psk: { lamp: KEY }, maxVersion: 'DTLSv1.2' });
    t.after(() => endpoint.destroy());
    const withKey = reach(endpoint, { psk: { identity: 'lamp', key: KEY } });
    await withKey.opened;
    assert.match(withKey.cipher?.standardName ?? '', /_ECDHE_PSK_/);
    await withKey.close();
    const withCa = reach(endpoint, { ca: CA, servername: 'localhost' });
    await withCa.opened;
    assert.match(withCa.cipher?.standardName ?? '', /_ECDHE_ECDSA_/);
    await withCa.close();
  });

  test('wrong values are refused at once', () => {
    for (const [psk, code] of [
      [{}, 'ERR_INVALID_ARG_VALUE'],
      [{ a: Buffer.alloc(0) }, 'ERR_INVALID_ARG_VALUE'],
      [{ a: 'text' }, 'ERR_INVALID_ARG_TYPE'],
      [{ a: 42 }, 'ERR_INVALID_ARG_TYPE'],
      [{ a: null }, 'ERR_INVALID_ARG_TYPE'],
      ['text', 'ERR_INVALID_ARG_TYPE'],
      [42, 'ERR_INVALID_ARG_TYPE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ] as const)
      assert.throws(() => serve({ psk }), { code, message: /options\.psk/ });
    for (const [psk, code] of [
      [{ key: KEY }, 'ERR_INVALID_ARG_TYPE'],
      [{ identity: 'a' }, 'ERR_INVALID_ARG_TYPE'],
      [{ identity: 'a', key: Buffer.alloc(0) }, 'ERR_INVALID_ARG_VALUE'],
      [{ identity: 'a', key: 'text' }, 'ERR_INVALID_ARG_TYPE'],
      [{ identity: '\ud800', key: KEY }, 'ERR_INVALID_ARG_VALUE'],
    ] as const)
      assert.throws(() => connect('127.0.0.1', 9, { psk } as never), { code, message: /options\.psk/ });
    assert.throws(
      () => connect('127.0.0.1', 9, { psk: { identity: 'a', key: KEY }, pskIdentityHint: 'x' } as never),
      {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /pskIdentityHint/,
      },
    );
  });
});
