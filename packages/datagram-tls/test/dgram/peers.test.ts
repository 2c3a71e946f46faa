// One socket and its peers: which session a message takes, and what becomes of it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { connect, type DTLSSession } from '#lib/index.js';
import { until } from '../driver/echo.js';
import { openNat } from '../driver/nat.js';
import { CLIENTS } from '../support/identities.js';
import { freePort, NO_IPV6 } from '../support/loopback.js';
import { VERSIONS } from '../support/settings.js';
import {
  bound,
  CERTIFICATE_CLIENT,
  CERTIFICATE_SERVER,
  clientOf,
  closed,
  echoing,
  HOST,
  IDENTITY,
  KEY,
  PSK_CLIENT,
  PSK_SERVER,
  send,
  type Watched,
  watched,
} from './sockets.js';

async function echoOf(client: Watched, text: string, port: number): Promise<void> {
  const isThere = (): boolean =>
    client.received.some((one) => one.text === `echo ${text}` && one.port === port);
  client.socket.send(text, port, HOST);
  await until(isThere);
}

for (const version of VERSIONS) {
  const settings = { minVersion: version, maxVersion: version } as const;
  suite(`a socket over ${version}`, () => {
    test('is server and client of certificates', async () => {
      const server = await echoing({
        server: { ...CERTIFICATE_SERVER, ...CERTIFICATE_CLIENT, requestCert: true, ...settings },
      });
      const client = clientOf({ client: { ...CERTIFICATE_CLIENT, ...CLIENTS.p256, ...settings } });
      client.socket.send('hello', server.port(), 'localhost');
      await until(() => client.received.length === 1);
      const session = client.socket.sessionWith({ address: HOST, port: server.port() });
      assert.equal(session?.protocol, version);
      assert.equal(session.servername, 'localhost');
      assert.equal(session.authorized, true);
      assert.equal(server.socket.sessionWith({ address: HOST, port: client.port() })?.authorized, true);
      await closed(client, server);
    });

    test('is server and client of pre-shared keys', async () => {
      const server = await echoing({ server: { ...PSK_SERVER, ...settings } });
      const client = clientOf({ client: { ...PSK_CLIENT, ...settings } });
      await echoOf(client, 'hello', server.port());
      assert.equal(client.socket.sessionWith({ address: HOST, port: server.port() })?.protocol, version);
      await closed(client, server);
    });
  });
}

suite('one socket', () => {
  test('has a session with each peer that it sends to', async () => {
    const servers = await Promise.all(Array.from({ length: 5 }, async () => await echoing()));
    const client = clientOf();
    for (const server of servers) client.socket.send('hello', server.port(), HOST);
    await until(() => client.received.length === servers.length);
    const froms = new Set(servers.flatMap(({ received }) => received.map(({ port }) => port)));
    assert.deepEqual([...froms], [client.port()]);
    await closed(client, ...servers);
  });

  test('sees each client at an address that stays, and answers it there', async () => {
    const server = await echoing();
    const clients = Array.from({ length: 5 }, () => clientOf());
    for (const round of ['one', 'two'])
      await Promise.all(clients.map(async (client) => await echoOf(client, round, server.port())));
    for (const client of clients) {
      const mine = server.received.filter(({ port }) => port === client.port());
      assert.deepEqual(
        mine.map(({ text }) => text),
        ['one', 'two'],
      );
      assert.equal(client.sessionErrors.length, 0);
    }
    await closed(server, ...clients);
  });

  test('is server of some peers and client of others', async () => {
    const hub = await echoing({ server: PSK_SERVER, client: PSK_CLIENT });
    const server = await echoing();
    const client = clientOf();
    await echoOf(client, 'to the hub', hub.port());
    hub.socket.send('from the hub', server.port(), HOST);
    await until(() => hub.received.some(({ text }) => text === 'echo from the hub'));
    assert.equal(server.received[0]?.port, hub.port());
    await closed(hub, client, server);
  });

  test('sends messages that wait in their order', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    for (const text of texts) client.socket.send(text, server.port(), HOST);
    await until(() => server.received.length === texts.length);
    assert.deepEqual(
      server.received.map(({ text }) => text),
      texts,
    );
    await closed(client, server);
  });

  test('tells of each session before its handshake, from both sides', async () => {
    const server = await echoing();
    const client = clientOf();
    const told: { session: DTLSSession; port: number; protocol: string | undefined }[] = [];
    for (const { socket } of [server, client])
      socket.on('session', (session, { port }) => {
        told.push({ session, port, protocol: session.protocol });
      });
    await echoOf(client, 'hello', server.port());
    assert.deepEqual(
      told.map(({ port, protocol }) => ({ port, protocol })),
      [
        { port: server.port(), protocol: undefined },
        { port: client.port(), protocol: undefined },
      ],
    );
    const [, atServer] = told;
    assert.equal(server.socket.sessionWith({ address: HOST, port: client.port() }), atServer?.session);
    assert.equal(atServer?.session.pskIdentity, IDENTITY);
    await closed(client, server);
  });

  test('asks the function of the client for the settings of each peer', async () => {
    const keys = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)] as const;
    const servers = await Promise.all(
      keys.map(async (key) => await echoing({ server: { psk: { node: key } } })),
    );
    const asked: (string | undefined)[] = [];
    const client = clientOf({
      client: ({ port, host, address }) => {
        asked.push(host ?? address);
        const key = keys[servers.findIndex((server) => server.port() === port)] ?? KEY;
        return { psk: { identity: 'node', key } };
      },
    });
    for (const server of servers) await echoOf(client, 'hello', server.port());
    assert.deepEqual(asked, [HOST, HOST]);
    await closed(client, ...servers);
  });

  test('talks to endpoints that are no such sockets', async () => {
    const server = await echoing();
    const session = connect(HOST, server.port(), PSK_CLIENT);
    await session.opened;
    const answer = new Promise((resolve) => {
      session.onmessage = (data) => resolve(data.toString());
    });
    session.send('hello');
    assert.equal(await answer, 'echo hello');
    await session.close();
    await closed(server);
  });

  test('takes IPv6 addresses as the system writes them', { skip: NO_IPV6 }, async () => {
    const server = watched({ server: PSK_SERVER }, { type: 'udp6' });
    server.socket.on('message', (message, { address, port }) => server.socket.send(message, port, address));
    server.socket.bind(0, '::1');
    await once(server.socket, 'listening');
    const client = watched({ client: PSK_CLIENT }, { type: 'udp6' });
    client.socket.send('hello', server.port(), '0:0:0:0:0:0:0:1');
    await until(() => client.received.length === 1);
    assert.deepEqual(client.received, [{ text: 'hello', address: '::1', port: server.port() }]);
    client.socket.send('this host', server.port());
    await until(() => client.received.length === 2);
    await closed(client, server);
  });
});

/** The port of a client that had a session with `server`, and has closed. */
async function departed(server: Watched): Promise<number> {
  const client = clientOf();
  await echoOf(client, 'hello', server.port());
  const port = client.port();
  await closed(client);
  await until(() => server.socket.sessionWith({ address: HOST, port }) === undefined);
  return port;
}

suite('a peer that has gone', () => {
  test('loses what a server sends to it, without an error', async () => {
    const server = await echoing();
    const port = await departed(server);
    assert.deepEqual(await send(server.socket, 'are you there?', port), [null, 14]);
    assert.equal(server.socket.drops.no_session, 1);
    assert.deepEqual([server.errors, server.sessionErrors], [[], []]);
    await closed(server);
  });

  test('gets no handshake of a server that is a client, too', async () => {
    const server = await echoing({ server: PSK_SERVER, client: PSK_CLIENT });
    const port = await departed(server);
    assert.deepEqual(await send(server.socket, 'are you there?', port), [null, 14]);
    assert.equal(server.socket.drops.no_session, 1);
    assert.equal(server.socket.sessionWith({ address: HOST, port }), undefined);
    await closed(server);
  });

  test('is reached again where the socket has begun the session', async () => {
    const server = await echoing();
    const client = clientOf();
    await echoOf(client, 'one', server.port());
    await server.socket.sessionWith({ address: HOST, port: client.port() })?.close();
    await until(() => client.socket.sessionWith({ address: HOST, port: server.port() }) === undefined);
    await echoOf(client, 'two', server.port());
    assert.equal(server.received.at(-1)?.port, client.port());
    await closed(client, server);
  });

  test('that comes back to the same port is the same peer', async () => {
    const server = await echoing();
    const port = await freePort();
    const first = clientOf();
    first.socket.bind(port, HOST);
    await once(first.socket, 'listening');
    await echoOf(first, 'one', server.port());
    await closed(first);
    const second = clientOf();
    second.socket.bind(port, HOST);
    await once(second.socket, 'listening');
    await echoOf(second, 'two', server.port());
    assert.deepEqual(
      server.received.map((one) => one.port),
      [port, port],
    );
    await closed(second, server);
  });
});

suite('names', () => {
  test('a host name is looked up and is the name that the certificate must have', async () => {
    const server = await echoing({ server: CERTIFICATE_SERVER });
    const asked: string[] = [];
    const lookup = (name: string, _options: unknown, done: (...found: unknown[]) => void): void => {
      asked.push(name);
      done(null, HOST, 4);
    };
    const one = await bound({ client: CERTIFICATE_CLIENT }, { lookup });
    one.socket.send('hello', server.port(), 'localhost');
    await until(() => one.received.length === 1);
    const [error] = await send(one.socket, 'hello', server.port(), 'example.com');
    assert.equal(error?.code, 'ERR_DTLS_CERTIFICATE');
    assert.match(error.message, /is not one with 'example\.com'/);
    assert.deepEqual(asked, ['localhost', 'example.com']);
    await closed(one, server);
  });

  test('the session of a name is found again without a look-up', async () => {
    let asked = 0;
    const lookup = (_name: string, _options: unknown, done: (...found: unknown[]) => void): void => {
      asked++;
      done(null, HOST, 4);
    };
    const server = await echoing({ server: CERTIFICATE_SERVER });
    const client = await bound({ client: CERTIFICATE_CLIENT }, { lookup });
    await send(client.socket, 'one', server.port(), 'localhost');
    await send(client.socket, 'two', server.port(), 'localhost');
    assert.equal(asked, 1);
    await closed(client, server);
  });

  test('a certificate without the name refuses the session', async () => {
    const server = await echoing({ server: CERTIFICATE_SERVER });
    const lookup = (_name: string, _options: unknown, done: (...found: unknown[]) => void): void =>
      done(null, HOST, 4);
    const client = await bound({ client: CERTIFICATE_CLIENT }, { lookup });
    const [error] = await send(client.socket, 'hello', server.port(), 'example.com');
    assert.equal(error?.code, 'ERR_DTLS_CERTIFICATE');
    assert.equal((error as unknown as { reason: string }).reason, 'HOSTNAME_MISMATCH');
    assert.equal(client.sessionErrors.length, 1);
    await closed(client, server);
  });

  test('the address of a session with a name is that session, as answers need it', async () => {
    const server = await echoing({ server: CERTIFICATE_SERVER });
    const client = clientOf({ client: CERTIFICATE_CLIENT });
    await send(client.socket, 'hello', server.port(), 'localhost');
    assert.deepEqual(await send(client.socket, 'again', server.port(), HOST), [null, 5]);
    await until(() => client.received.length === 2);
    await closed(client, server);
  });

  test('a client that has proved nothing has no name', async () => {
    const both = { server: CERTIFICATE_SERVER, client: CERTIFICATE_CLIENT };
    const server = await echoing(both);
    const client = clientOf({ client: { ...CERTIFICATE_CLIENT, servername: 'localhost' } });
    await echoOf(client, 'hello', server.port());
    const [error] = await send(server.socket, 'a secret', client.port(), 'localhost');
    assert.equal(error?.code, 'ERR_DTLS_CERTIFICATE');
    assert.deepEqual(await send(server.socket, 'an answer', client.port(), HOST), [null, 9]);
    await until(() => client.received.length === 2);
    await closed(client, server);
  });

  test('with a pre-shared key a peer has any name', async () => {
    const server = await echoing();
    const client = clientOf();
    await send(client.socket, 'hello', server.port(), HOST);
    assert.deepEqual(await send(client.socket, 'again', server.port(), 'localhost'), [null, 5]);
    await closed(client, server);
  });

  test('a name that is not found is the error of the callback, and else an error event', async () => {
    const failure = Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
    const lookup = (_name: string, _options: unknown, done: (error: Error) => void): void => done(failure);
    const client = await bound({ client: PSK_CLIENT }, { lookup });
    const [error] = await send(client.socket, 'hello', 9, 'nowhere.example');
    assert.equal(error, failure);
    assert.deepEqual(client.errors, []);
    client.socket.send('hello', 9, 'nowhere.example');
    await until(() => client.errors.length === 1);
    assert.equal(client.errors[0], failure);
    await closed(client);
  });
});

for (const version of VERSIONS) {
  const settings = { minVersion: version, maxVersion: version } as const;
  const PSK_BOTH = { server: { ...PSK_SERVER, ...settings }, client: { ...PSK_CLIENT, ...settings } };

  suite(`two sockets that begin with each other at once, ${version}`, () => {
    test('send what waits in one session, which both of them have', async () => {
      const [one, two] = await Promise.all([bound(PSK_BOTH), bound(PSK_BOTH)]);
      const sent = await Promise.all([
        send(one.socket, 'from one', two.port()),
        send(two.socket, 'from two', one.port()),
        send(one.socket, 'more from one', two.port()),
        send(two.socket, 'more from two', one.port()),
      ]);
      assert.deepEqual(
        sent.map(([error]) => error),
        [null, null, null, null],
      );
      await until(() => one.received.length === 2 && two.received.length === 2);
      assert.deepEqual(
        [one, two].map(({ received }) => received.map(({ text }) => text)),
        [
          ['from two', 'more from two'],
          ['from one', 'more from one'],
        ],
      );
      for (const { socket, sessionErrors } of [one, two]) {
        assert.equal(socket.endpoint?.sessions.size, 1);
        assert.deepEqual([sessionErrors, socket.getSendQueueCount()], [[], 0]);
      }
      await closed(one, two);
    });

    test('are both connected to their one peer', async () => {
      const [one, two] = await Promise.all([bound(PSK_BOTH), bound(PSK_BOTH)]);
      const connected = [once(one.socket, 'connect'), once(two.socket, 'connect')];
      one.socket.connect(two.port(), HOST);
      two.socket.connect(one.port(), HOST);
      await Promise.all(connected);
      one.socket.send('from one');
      two.socket.send('from two');
      await until(() => one.received.length === 1 && two.received.length === 1);
      assert.deepEqual([one.errors, two.errors], [[], []]);
      await closed(one, two);
    });

    test('are not connected to a client that has proved nothing', async () => {
      const both = {
        server: { ...CERTIFICATE_SERVER, ...settings },
        client: { ...CERTIFICATE_CLIENT, servername: 'localhost', ...settings },
      };
      const [one, two] = await Promise.all([bound(both), bound(both)]);
      const connect = async (from: Watched, to: Watched): Promise<string> =>
        await new Promise((resolve) => {
          const done = (error?: NodeJS.ErrnoException): void => resolve(error?.code ?? 'connected');
          from.socket.connect(to.port(), HOST, done);
        });
      const outcomes = await Promise.all([connect(one, two), connect(two, one)]);
      assert.deepEqual(outcomes.toSorted(), ['ERR_DTLS_CERTIFICATE', 'connected']);
      await closed(one, two);
    });
  });

  suite(`a session that the application closes, ${version}`, () => {
    const CLIENT = { client: { ...PSK_CLIENT, ...settings } };
    const SERVER = { server: { ...PSK_SERVER, ...settings } };

    test('is followed by another one for the messages that come at once', async () => {
      const server = await echoing(SERVER);
      const client = clientOf(CLIENT);
      await echoOf(client, 'one', server.port());
      const session = client.socket.sessionWith({ address: HOST, port: server.port() });
      void session?.close();
      const sent = await Promise.all(
        ['two', 'three'].map(async (text) => await send(client.socket, text, server.port())),
      );
      assert.deepEqual(
        sent.map(([error]) => error),
        [null, null],
      );
      await until(() => client.received.length === 3);
      assert.notEqual(client.socket.sessionWith({ address: HOST, port: server.port() }), session);
      assert.deepEqual([client.sessionErrors, client.socket.drops.no_handshake], [[], 0]);
      await closed(client, server);
    });

    test('is followed by another one although the server has not acknowledged its handshake yet', async () => {
      const server = await echoing(SERVER);
      const client = clientOf(CLIENT);
      let wasOpen = false;
      client.socket.once('session', (session) => {
        void session.opened.then(() => {
          void session.close();
          // In DTLS 1.3 it is closing for a round trip from here on.
          wasOpen = !session.destroyed;
          client.socket.send('after the close', server.port(), HOST);
        });
      });
      client.socket.send('before the close', server.port(), HOST);
      await until(() => client.received.length > 0);
      await until(() => server.received.some(({ text }) => text === 'after the close'));
      assert.equal(wasOpen, version === 'DTLSv1.3');
      assert.equal(client.socket.endpoint?.stats.clientSessions, 2n);
      assert.deepEqual(client.sessionErrors, []);
      await closed(client, server);
    });

    test('of a client loses what the server sends to it afterwards, also where it could begin one', async () => {
      const server = await echoing({ ...SERVER, client: PSK_CLIENT });
      const client = clientOf(CLIENT);
      await echoOf(client, 'one', server.port());
      void server.socket.sessionWith({ address: HOST, port: client.port() })?.close();
      assert.deepEqual(await send(server.socket, 'are you there?', client.port()), [null, 14]);
      assert.equal(server.socket.drops.no_session, 1);
      assert.equal(server.socket.endpoint?.stats.clientSessions, 0n);
      await closed(client, server);
    });
  });
}

for (const version of VERSIONS) {
  suite(`a peer that has moved, ${version}`, () => {
    const settings = { minVersion: version, maxVersion: version } as const;

    test('ends when another one has its former address, and would get its answers', async (t) => {
      const server = await echoing({ server: { ...PSK_SERVER, ...settings }, connectionId: true });
      const nat = await openNat(server.port());
      const open = (port: number, own: object): { session: DTLSSession; texts: string[] } => {
        const session = connect(HOST, port, { ...PSK_CLIENT, ...settings, bindHost: HOST, ...own });
        const texts: string[] = [];
        session.onmessage = (data) => void texts.push(data.toString());
        t.after(() => session.destroy());
        return { session, texts };
      };
      t.after(async () => {
        nat.close();
        await closed(server);
      });
      const first = open(nat.port, {});
      await first.session.opened;
      first.session.send('mine');
      await until(() => first.texts.includes('echo mine'));
      const [former = assert.fail()] = server.received;
      await nat.rebind();
      first.session.send('from elsewhere');
      await until(() => server.received.length === 2);
      const second = open(server.port(), { bindPort: former.port });
      await second.session.opened;
      second.session.send('second');
      await until(() => second.texts.includes('echo second'));
      if (!first.session.destroyed) first.session.send('a secret of the first');
      await until(() => first.session.destroyed || second.texts.length > 1);
      assert.deepEqual(second.texts, ['echo second']);
      assert.equal(server.socket.endpoint?.stats.serverSessions, 2n);
    });
  });
}
