import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectOptions, connect, createSecureContext, type DTLSSession } from '#lib/index.js';
import { CA, CLIENTS, OTHER_CA, SERVERS, UNTRUSTED } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { echoServer, roundTrip, until } from './echo.js';

const { ed25519, p256, rsa } = SERVERS;
const NO_CERTIFICATE = { cert: undefined, key: undefined };

/** A client that sends `servername`; the certificates of tests have another name. */
function ask(port: number, servername: string, options: ConnectOptions = {}): DTLSSession {
  const checkServerIdentity = () => undefined;
  return connect('127.0.0.1', port, { ca: CA, servername, checkServerIdentity, ...options });
}

async function errorOf(session: DTLSSession | undefined): Promise<{ code?: string; alert?: string }> {
  return await (session?.opened.then(
    () => ({}),
    (error: unknown) => error as { code?: string; alert?: string },
  ) ?? {});
}

for (const version of VERSIONS) {
  const versions = { minVersion: version, maxVersion: version };

  suite(`names over sockets, ${version}`, () => {
    test('options, contexts and the fallback each show their certificate, without a certificate beside them', async () => {
      const context = createSecureContext({ isServer: true, ...rsa });
      const sni = { 'a.example': ed25519, 'b.example': context, '*': p256 };
      const server = echoServer({ ...versions, ...NO_CERTIFICATE, sni });
      const keys: [string, string | undefined][] = [
        ['A.example', 'ed25519'],
        ['b.example', 'rsa'],
        ['c.example', 'ec'],
        ['', 'ec'],
      ];
      for (const [name, key] of keys) {
        const session = ask(server.port, name);
        await session.opened;
        assert.equal(session.peerX509Certificate?.publicKey.asymmetricKeyType, key);
        assert.equal(await roundTrip(session, 'hello'), 'hello');
        const asked = name === '' ? undefined : name.toLowerCase();
        assert.deepEqual([session.servername, server.sessions.at(-1)?.servername], [asked, asked]);
        await session.close();
      }
      await server.endpoint.close();
    });

    test("names in a server's context are used like those beside it", async () => {
      const secureContext = createSecureContext({ isServer: true, ...versions, sni: { a: rsa } });
      const server = echoServer({ ...NO_CERTIFICATE, secureContext });
      const session = ask(server.port, 'a');
      await session.opened;
      assert.equal(session.peerX509Certificate?.publicKey.asymmetricKeyType, 'rsa');
      await session.close();
      await server.endpoint.close();
    });

    test('a promise of an sni function decides when it settles, and its policy holds for the rest of the handshake', async () => {
      const verdicts: string[] = [];
      const trusting = (ca: string, name: string) => ({
        ca,
        requestCert: true,
        verifyPeer: async (_: unknown, { authorized }: { authorized: boolean }) => {
          await delay(5);
          verdicts.push(name);
          return authorized;
        },
      });
      const server = echoServer({
        ...versions,
        sni: async (name) => {
          await delay(5);
          return name === 'ours' ? trusting(CA, 'ours') : trusting(OTHER_CA, 'theirs');
        },
      });
      const welcome = ask(server.port, 'ours', CLIENTS.p256);
      await welcome.opened;
      await server.sessions[0]?.opened;
      assert.equal(server.sessions[0]?.authorized, true);
      const second = ask(server.port, 'theirs', UNTRUSTED);
      await second.opened;
      await server.sessions[1]?.opened;
      assert.equal(server.sessions[1]?.authorized, true);
      const refused = ask(server.port, 'theirs', CLIENTS.p256);
      await errorOf(refused);
      while (server.sessions.length < 3) await delay(5);
      assert.equal((await errorOf(server.sessions[2])).code, 'ERR_DTLS_CERTIFICATE');
      assert.deepEqual(verdicts, ['ours', 'theirs', 'theirs']);
      await welcome.close();
      await second.close();
      await server.endpoint.close();
    });

    test('a name that is not served reaches the callback, then fails on both sides', async () => {
      const server = echoServer({ ...versions, sni: { 'a.example': {} } });
      const session = ask(server.port, 'b.example');
      assert.equal((await errorOf(session)).alert, 'unrecognized_name');
      assert.equal((await errorOf(server.sessions[0])).code, 'ERR_DTLS_UNRECOGNIZED_NAME');
      await server.endpoint.close();
    });

    test('an error of an sni function is the error of the session', async () => {
      const reason = Object.assign(new Error('the database is away'), { code: 'EDATABASE' });
      const failing = [
        () => {
          throw reason;
        },
        () => Promise.reject(reason),
      ];
      for (const sni of failing) {
        const server = echoServer({ ...versions, sni });
        assert.equal((await errorOf(ask(server.port, 'a.example'))).alert, 'internal_error');
        assert.equal(await errorOf(server.sessions[0]), reason);
        await server.endpoint.close();
      }
    });

    test('an answer of an sni function after the end of its session is dropped', async () => {
      let answer: ((identity: object) => void) | undefined;
      const server = echoServer({
        ...versions,
        sni: () =>
          new Promise<object>((resolve) => {
            answer = resolve;
          }),
      });
      const session = ask(server.port, 'a.example');
      await until(() => answer !== undefined);
      session.destroy();
      server.sessions[0]?.destroy();
      answer?.({});
      await delay(5);
      await server.endpoint.close();
      assert.equal(server.sessions[0]?.destroyed, true);
    });
  });
}
