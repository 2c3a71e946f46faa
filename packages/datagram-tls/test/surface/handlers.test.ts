// Handlers of sessions and endpoints, and the order in which they are called.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  connect,
  createSecureContext,
  DTLSEndpoint,
  DTLSSecureContext,
  DTLSSession,
  listen,
} from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { CA, SERVERS } from '../support/identities.js';

const HANDLERS = [
  'onmessage',
  'onerror',
  'onhandshake',
  'onkeylog',
  'onend',
  'onsession',
  'ondrain',
] as const;

suite('the handlers of a session', () => {
  test('are undefined until they are set, bound to it, and cleared by null and undefined', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    for (const name of HANDLERS) {
      assert.equal(session[name], undefined, name);
      const given = function (this: unknown): unknown {
        return this;
      };
      session[name] = given;
      const bound = session[name] as unknown as () => unknown;
      assert.notEqual(bound, given, name);
      assert.equal(bound.call(null), session, name);
      session[name] = null;
      assert.equal(session[name], undefined, name);
      session[name] = given;
      session[name] = undefined;
      assert.equal(session[name], undefined, name);
      for (const wrong of [5, 'x', {}, false])
        assert.throws(
          () => {
            session[name] = wrong as never;
          },
          { code: 'ERR_INVALID_ARG_TYPE', message: new RegExp(name) },
        );
    }
    session.destroy();
  });

  test('an endpoint gives back the very function that it was given', () => {
    const endpoint = new DTLSEndpoint();
    const given = (): void => undefined;
    assert.equal(endpoint.onerror, undefined);
    endpoint.onerror = given;
    assert.equal(endpoint.onerror, given);
    endpoint.onerror = null;
    assert.equal(endpoint.onerror, undefined);
    assert.throws(
      () => {
        endpoint.onerror = 5 as never;
      },
      { code: 'ERR_INVALID_ARG_TYPE', message: /onerror/ },
    );
    endpoint.destroy();
  });
});

suite('the order of events', () => {
  test('a session is given to the server before its handshake, and opened is resolved before onhandshake', async (t) => {
    const order: string[] = [];
    const watch = (side: string, session: DTLSSession): void => {
      order.push(`${side} session`);
      session.opened.then(
        () => order.push(`${side} opened`),
        () => order.push(`${side} rejected`),
      );
      session.onhandshake = (protocol) => {
        order.push(`${side} onhandshake ${protocol}`);
        // What was resolved before runs after this turn, and before anything else.
        queueMicrotask(() => order.push(`${side} microtask`));
      };
    };
    const endpoint = listen((session) => watch('server', session), {
      host: '127.0.0.1',
      port: 0,
      ...SERVERS.p256,
    });
    t.after(() => endpoint.destroy());
    const session = client(endpoint.address?.port ?? 0);
    watch('client', session);
    await session.opened;
    await session.close();
    assert.deepEqual(
      order.filter((line) => line.startsWith('client')),
      ['client session', 'client onhandshake DTLSv1.3', 'client opened', 'client microtask'],
    );
    const ofServer = order.filter((line) => line.startsWith('server'));
    assert.equal(ofServer[0], 'server session');
  });

  test('of a failure onerror hears first, then opened rejects with the same error, and closed resolves', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = connect('127.0.0.1', server.port, { ca: CA, servername: 'other.example' });
    const order: unknown[] = [];
    session.onerror = (error) => {
      order.push('onerror', session.destroyed);
      session.opened.catch((reason: unknown) => order.push('opened', reason === error));
      void session.closed.then(() => order.push('closed'));
    };
    await session.closed;
    await session.endpoint.closed;
    assert.deepEqual(order, ['onerror', false, 'opened', true, 'closed']);
    assert.equal(session.destroyed, true);
  });

  test('destroy(error) rejects opened and closed with that error, without onerror', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    session.onerror = () => assert.fail('not called');
    const reason = new Error('mine');
    session.destroy(reason);
    await assert.rejects(session.opened, reason);
    await assert.rejects(session.closed, reason);
    session.destroy(new Error('too late'));
    await assert.rejects(session.closed, reason);
  });

  test('an endpoint that is destroyed with an error gives it to every session first', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const reason = new Error('maintenance');
    const order: string[] = [];
    server.sessions[0]?.closed.catch(() => order.push('session'));
    server.endpoint.closed.catch(() => order.push('endpoint'));
    server.endpoint.destroy(reason);
    await assert.rejects(server.endpoint.closed, reason);
    await assert.rejects((server.sessions[0] as DTLSSession).closed, reason);
    assert.deepEqual(order, ['session', 'endpoint']);
    session.destroy();
  });

  test('promises that no program reads cause no unhandled rejection', async (t) => {
    const heard: unknown[] = [];
    const onRejection = (reason: unknown): void => void heard.push(reason);
    process.on('unhandledRejection', onRejection);
    t.after(() => process.off('unhandledRejection', onRejection));
    const server = echoServer();
    const session = client(server.port);
    void session.opened;
    void session.closed;
    session.destroy(new Error('unheard'));
    void server.endpoint.closed;
    server.endpoint.destroy(new Error('unheard'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, []);
  });
});

suite('classes that only the library makes', () => {
  for (const type of [DTLSSession, DTLSSecureContext]) {
    test(`new ${type.name}() is ERR_ILLEGAL_CONSTRUCTOR`, () => {
      const make = type as unknown as new (...args: unknown[]) => unknown;
      for (const args of [[], [{}], [Symbol('make'), {}]])
        assert.throws(() => new make(...args), { code: 'ERR_ILLEGAL_CONSTRUCTOR', name: 'TypeError' });
    });
  }

  test('an endpoint can be made by the application, with options of endpoints', async () => {
    const endpoint = new DTLSEndpoint({ mtu: 500, maxSessions: 3 });
    assert.equal(endpoint.address, undefined);
    assert.equal(endpoint.busy, false);
    for (const wrong of [null, 5, 'x'])
      assert.throws(() => new DTLSEndpoint(wrong as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new DTLSEndpoint({ mtu: 100 }), {
      code: 'ERR_OUT_OF_RANGE',
      message: /options\.mtu/,
    });
    for (const name of ['bind', 'listen']) assert.equal(name in endpoint, false, name);
    await endpoint.close();
    assert.equal(endpoint.destroyed, true);
  });

  test('a context says which side it is for', () => {
    assert.equal(createSecureContext().isServer, false);
    assert.equal(createSecureContext({ isServer: true, ...SERVERS.p256 }).isServer, true);
  });
});

suite('endpoint.busy', () => {
  test('takes any value for true or false', () => {
    const endpoint = new DTLSEndpoint();
    for (const [value, busy] of [
      ['x', true],
      [0, false],
      [1, true],
      [undefined, false],
      [{}, true],
      [null, false],
    ] as const) {
      endpoint.busy = value as never;
      assert.equal(endpoint.busy, busy);
    }
    endpoint.destroy();
  });
});
