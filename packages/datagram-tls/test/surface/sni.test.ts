// Names of a server as node:dtls takes them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSecureContext, type ListenOptions } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { SERVERS } from '../support/identities.js';

const identity = { cert: SERVERS.rsa.cert, key: SERVERS.rsa.key };
const context = createSecureContext({ ...identity, isServer: true });

/** The key type of the certificate that a client of that name is shown. */
async function shown(
  sni: NonNullable<ListenOptions['sni']>,
  servername: string,
): Promise<string | undefined> {
  const server = echoServer({ sni });
  try {
    const session = client(server.port, { servername, rejectUnauthorized: false });
    await session.opened;
    const type = session.peerX509Certificate?.publicKey.asymmetricKeyType;
    await session.close();
    return type;
  } finally {
    server.endpoint.destroy();
  }
}

suite('the option sni', () => {
  for (const [what, entry] of [
    ['options', identity],
    ['a context', context],
  ] as const) {
    test(`a map or a function gives ${what} for a name`, async () => {
      assert.equal(await shown({ 'a.example': entry }, 'a.example'), 'rsa');
      assert.equal(await shown((name) => (name === 'a.example' ? entry : null), 'a.example'), 'rsa');
      assert.equal(await shown({ '*': entry }, 'any.example'), 'rsa');
    });
  }

  test('a client without a name gets the entry *, and a function is asked with undefined', async () => {
    assert.equal(await shown({ '*': identity }, ''), 'rsa');
    const asked: unknown[] = [];
    await shown((name) => {
      asked.push(name);
      return identity;
    }, '');
    assert.deepEqual(asked, [undefined]);
  });

  test('a name that is not there is refused with unrecognized_name, not served the default', async () => {
    for (const sni of [{ 'a.example': identity }, () => undefined, () => null] as const)
      for (const name of ['b.example', 'sub.a.example'])
        await assert.rejects(shown(sni, name), { code: 'ERR_DTLS_PEER_ALERT', alert: 'unrecognized_name' });
  });

  test('the session of a refused name was given to listen, and hears why', async (t) => {
    const server = echoServer({ sni: { 'a.example': identity } });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { servername: 'b.example' });
    await assert.rejects(session.opened);
    assert.equal(server.sessions.length, 1);
  });

  test('a context of a client is no identity', async () => {
    const wrong = createSecureContext();
    assert.throws(() => echoServer({ sni: { 'a.example': wrong } }), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(
      shown(() => wrong, 'a.example'),
      { code: 'ERR_DTLS_PEER_ALERT' },
    );
  });

  test('wrong values are refused at once', () => {
    for (const [sni, code] of [
      [{}, 'ERR_INVALID_ARG_VALUE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
      ['a', 'ERR_INVALID_ARG_TYPE'],
      [{ a: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ a: null }, 'ERR_INVALID_ARG_TYPE'],
    ] as const)
      assert.throws(() => echoServer({ sni: sni as never }), { code, message: /options\.sni/ });
  });
});
