import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSocket, dtlsModule, type SocketOptions } from '#lib/dgram.js';
import { createSecureContext } from '#lib/index.js';
import { CERTIFICATE_SERVER, closed, KEY, PSK_CLIENT, PSK_SERVER, watched } from './sockets.js';

interface Mistake {
  readonly name: string;
  readonly options: object;
  readonly code: string;
  readonly message: RegExp;
}

const VALUE = 'ERR_INVALID_ARG_VALUE';

const MISTAKES: readonly Mistake[] = [
  {
    name: 'an option of dtls that is not known names the nearest one',
    options: { dtls: { maxClientSession: 1 } },
    code: VALUE,
    message:
      /'options\.dtls\.maxClientSession' is not a known option\. Did you mean 'options\.dtls\.maxClientSessions'/,
  },
  {
    name: 'a misspelt dtls is not ignored',
    options: { dlts: { client: PSK_CLIENT } },
    code: VALUE,
    message: /Did you mean 'options\.dtls'/,
  },
  {
    name: 'a server without an identity',
    options: { dtls: { server: {} } },
    code: 'ERR_MISSING_ARGS',
    message: /"options\.dtls\.server\.cert"/,
  },
  {
    name: "an option of clients among a server's",
    options: { dtls: { server: { ...PSK_SERVER, servername: 'a' } } },
    code: VALUE,
    message: /'options\.dtls\.server\.servername' is not a known option/,
  },
  {
    name: "an option of servers among a client's",
    options: { dtls: { client: { ticketKeys: false } } },
    code: VALUE,
    message: /'options\.dtls\.client\.ticketKeys' is an option of servers/,
  },
  {
    name: 'early data, for which a socket has no place',
    options: { dtls: { server: { ...PSK_SERVER, maxEarlyData: 100 } } },
    code: VALUE,
    message: /'options\.dtls\.server\.maxEarlyData' is not a known option/,
  },
  {
    name: 'a client that is text',
    options: { dtls: { client: 'psk' } },
    code: 'ERR_INVALID_ARG_TYPE',
    message: /"options\.dtls\.client"/,
  },
  {
    name: 'a limit of zero',
    options: { dtls: { maxClientSessions: 0 } },
    code: 'ERR_OUT_OF_RANGE',
    message: /"options\.dtls\.maxClientSessions"/,
  },
  {
    name: "a client's context as that of a server",
    options: { dtls: { server: { secureContext: createSecureContext() } } },
    code: VALUE,
    message: /secureContext' was created for a client/,
  },
  {
    name: 'a context and options that belong into it',
    options: { dtls: { client: { secureContext: createSecureContext(), ca: CERTIFICATE_SERVER.cert } } },
    code: VALUE,
    message: /cannot be combined with options\.secureContext/,
  },
  {
    name: 'a key that belongs to another certificate',
    options: { dtls: { server: { cert: CERTIFICATE_SERVER.cert, key: 'no key' } } },
    code: 'ERR_OSSL_UNSUPPORTED',
    message: /./,
  },
  {
    name: 'keepAlive without a message, where DTLS 1.2 may be spoken',
    options: { dtls: { client: PSK_CLIENT, keepAlive: { interval: 1000 } } },
    code: VALUE,
    message: /keepAlive\.message/,
  },
  {
    name: 'a signal that is none',
    options: { signal: 42 },
    code: 'ERR_INVALID_ARG_TYPE',
    message: /"options\.signal"/,
  },
];

suite('createSocket refuses at once', () => {
  for (const { name, options, code, message } of MISTAKES)
    test(name, () => {
      const given = { type: 'udp4', ...options } as SocketOptions;
      assert.throws(() => createSocket(given), { code, message });
    });

  test('and so does dtlsModule', () => {
    assert.throws(() => dtlsModule({ server: {} }), { code: 'ERR_MISSING_ARGS' });
  });
});

suite('createSocket takes', () => {
  test("other options of node:dgram's users without a word", async () => {
    const made = watched({ client: PSK_CLIENT }, { somethingElse: true });
    await closed(made);
  });

  test('no dtls: then it is a client with the default trust store', async () => {
    const made = watched(undefined);
    await closed(made);
  });

  test('secure contexts', async () => {
    const server = createSecureContext({ isServer: true, psk: { a: KEY } });
    const client = createSecureContext({ psk: { identity: 'a', key: KEY } });
    const made = watched({ server: { secureContext: server }, client: { secureContext: client } });
    await closed(made);
  });
});
