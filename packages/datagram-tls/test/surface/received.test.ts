// What users receive is a Buffer, over the same memory.
import assert from 'node:assert/strict';
import { createPrivateKey, sign as signWith, X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { createSocket as createDtlsSocket } from '#lib/dgram.js';
import { toBuffer } from '#lib/driver/buffers.js';
import {
  type ConnectOptions,
  connect,
  DTLSError,
  type DTLSSession,
  type ListenOptions,
  listen,
  type PeerInfo,
  type SharedSocket,
} from '#lib/index.js';
import { client, echoServer, until } from '../driver/echo.js';
import { MemoryNetwork } from '../driver/memory-link.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../support/identities.js';
import { ocspResponse, statusIdentity, statusPem } from '../support/ocsp.js';
import { keyPinOf, spkiOf } from '../support/pins.js';
import { VERSIONS } from '../support/settings.js';

function areBuffers(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0 && list.every((bytes) => Buffer.isBuffer(bytes));
}

/** Keeps what a callback got, and answers. */
function keep<T, Answer>(list: T[], got: T, answer: Answer): Answer {
  list.push(got);
  return answer;
}

const derOf = (pem: string): Buffer => new X509Certificate(pem).raw;

test('a Buffer for users has the memory of the bytes', () => {
  const memory = Uint8Array.from([0, 1, 2, 3, 4]);
  const given = toBuffer(memory.subarray(1, 4));
  memory[2] = 9;
  assert.ok(Buffer.isBuffer(given));
  assert.deepEqual([...given], [1, 9, 3]);
});

suite('bytes that users receive', () => {
  test('messages are Buffers, for onmessage and for iteration', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    let heard: Buffer | undefined;
    session.onmessage = (data) => {
      heard = data;
    };
    session.send('hello');
    for await (const message of session) {
      assert.ok(Buffer.isBuffer(message));
      assert.equal(message.toString(), 'hello');
      break;
    }
    assert.ok(Buffer.isBuffer(heard));
    assert.equal(heard.toString(), 'hello');
  });

  test('early data, and what replayGuard gets, are Buffers', async (t) => {
    const heard: unknown[] = [];
    const digests: Buffer[] = [];
    const server = echoServer({
      maxEarlyData: 1000,
      onearlydata: (data) => void heard.push(data),
      ticketKeys: Buffer.alloc(80, 1),
      replayGuard: (digest) => digests.push(digest) > 0,
    });
    t.after(() => server.endpoint.destroy());
    const first = client(server.port, { minVersion: 'DTLSv1.3' });
    const saved = await new Promise<Buffer>((resolve) => {
      first.onsession = resolve;
    });
    await first.close();
    const second = client(server.port, { minVersion: 'DTLSv1.3', session: saved, earlyData: 'soon' });
    await second.opened;
    await second.close();
    assert.equal(heard.length, 1);
    assert.ok(Buffer.isBuffer(heard[0]));
    assert.equal(heard[0].toString(), 'soon');
    assert.equal(digests.length, 1);
    assert.ok(Buffer.isBuffer(digests[0]));
    assert.equal(digests[0].length, 32);
  });

  test('exported keying material and saved sessions are Buffers', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { maxVersion: 'DTLSv1.2' });
    await session.opened;
    assert.ok(Buffer.isBuffer(session.exportKeyingMaterial(20, 'EXPORTER-x')));
    assert.ok(Buffer.isBuffer(session.session));
    await session.close();
  });
});

for (const version of VERSIONS) {
  const both = { minVersion: version, maxVersion: version };

  /** A session of these two sides. */
  const opened = async (
    t: { after: (end: () => void) => void },
    serving: Partial<ListenOptions>,
    connecting: ConnectOptions,
  ): Promise<DTLSSession> => {
    const server = echoServer({ ...both, ...serving });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { ...both, ...connecting });
    await session.opened;
    return session;
  };

  suite(`arguments of callbacks, ${version}`, () => {
    test('psk of a server gets the identity as a Buffer, also one that is not UTF-8', async (t) => {
      const key = Buffer.alloc(16, 7);
      const identity = Buffer.from([0xff, 0x00, 0x80]);
      const asked: Buffer[] = [];
      await opened(
        t,
        { psk: (_text, bytes) => keep(asked, bytes, key), cert: undefined, key: undefined },
        { psk: { identity, key }, ca: undefined },
      );
      assert.ok(areBuffers(asked));
      assert.deepEqual(asked[0], identity);
    });

    test('psk of a name of sni, too', async (t) => {
      const key = Buffer.alloc(16, 7);
      const asked: Buffer[] = [];
      await opened(
        t,
        { sni: () => ({ psk: (_text, bytes) => keep(asked, bytes, key) }) },
        { psk: { identity: 'x', key }, ca: undefined },
      );
      assert.ok(areBuffers(asked));
    });

    test('verifyPeer of a client gets the chain as Buffers', async (t) => {
      const chains: (readonly Buffer[])[] = [];
      await opened(t, {}, { verifyPeer: (chain) => chains.push(chain) > 0 });
      assert.ok(areBuffers(chains[0]));
      assert.deepEqual(chains[0]?.[0], derOf(SERVERS.p256.cert));
    });

    test('verifyPeer of a server gets the chain as Buffers', async (t) => {
      const chains: (readonly Buffer[])[] = [];
      await opened(t, { requestCert: true, verifyPeer: (chain) => chains.push(chain) > 0 }, CLIENTS.p256);
      await until(() => chains.length > 0);
      assert.ok(areBuffers(chains[0]));
      assert.deepEqual(chains[0]?.[0], derOf(CLIENTS.p256.cert));
    });

    test('verifyPeer gets a raw public key as a Buffer, and our verdict is still worked out when it is read', async (t) => {
      const infos: PeerInfo[] = [];
      await opened(
        t,
        { certificateTypes: ['RawPublicKey'], cert: undefined },
        {
          ca: undefined,
          peerCertificateTypes: ['RawPublicKey'],
          pins: [keyPinOf(SERVERS.p256.cert)],
          verifyPeer: (_chain, info) => infos.push(info) > 0,
        },
      );
      const [info] = infos;
      assert.ok(Buffer.isBuffer(info?.rawPublicKey));
      assert.deepEqual(info.rawPublicKey, spkiOf(SERVERS.p256.cert));
      assert.equal(info.authorized, true);
    });

    for (const role of ['server', 'client'] as const)
      test(`sign of a ${role} gets the data as a Buffer`, async (t) => {
        const { cert, key } = role === 'server' ? SERVERS.p256 : CLIENTS.p256;
        const signed: Buffer[] = [];
        const external = {
          cert,
          key: {
            sign: (_scheme: string, data: Buffer) => {
              signed.push(data);
              return signWith('sha256', data, createPrivateKey(key));
            },
          },
        };
        await opened(
          t,
          role === 'server' ? external : { requestCert: true, ca: CA },
          role === 'client' ? external : {},
        );
        await until(() => signed.length > 0);
        assert.equal(signed.length, 1);
        assert.ok(Buffer.isBuffer(signed[0]));
      });

    test('ocspResponse gets the certificate as a Buffer, and session.ocspResponse is one', async (t) => {
      const identity = statusIdentity('leaf');
      const asked: Buffer[] = [];
      const session = await opened(
        t,
        { ...identity, ocspResponse: (certificate) => keep(asked, certificate, ocspResponse('good')) },
        { ca: statusPem('ca'), requestOCSP: true, groups: 'x25519:secp256r1' },
      );
      assert.equal(asked.length, 1);
      assert.ok(Buffer.isBuffer(asked[0]));
      assert.deepEqual(asked[0], derOf(identity.cert));
      assert.ok(Buffer.isBuffer(session.ocspResponse));
    });

    test('checkServerIdentity gets the certificate of node:tls, whose bytes are Buffers', async (t) => {
      const raws: unknown[] = [];
      await opened(t, {}, { checkServerIdentity: (_name, { raw }) => void raws.push(raw) });
      assert.ok(raws[0] instanceof Buffer);
    });
  });

  suite(`errors, ${version}`, () => {
    test('peerCertificates and peerPublicKey are Buffers, which an error that is printed does not show', async (t) => {
      const server = echoServer(both);
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { ...both, ca: OTHER_CA });
      const error: unknown = await session.opened.catch((reason: unknown) => reason);
      assert.ok(error instanceof DTLSError);
      const certificates: readonly Buffer[] = error.peerCertificates;
      assert.ok(areBuffers(certificates));
      assert.deepEqual(certificates[0], derOf(SERVERS.p256.cert));
      assert.ok(Buffer.isBuffer(error.peerPublicKey));
      assert.deepEqual(error.peerPublicKey, spkiOf(SERVERS.p256.cert));
      assert.ok(!Object.keys(error).includes('peerCertificates'));
    });

    test('peerCertificates of a server are Buffers, too', async (t) => {
      const server = echoServer({ ...both, requestCert: true, ca: OTHER_CA });
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { ...both, ...CLIENTS.p256 });
      await until(() => server.sessions.length > 0);
      const error = await new Promise<Error>((resolve) => {
        (server.sessions[0] as DTLSSession).onerror = resolve;
      });
      assert.ok(error instanceof DTLSError);
      assert.deepEqual(error.peerCertificates[0], derOf(CLIENTS.p256.cert));
      assert.ok(areBuffers(error.peerCertificates));
      session.destroy();
    });

    test('the same of sockets of datagram-tls/dgram', async (t) => {
      const server = echoServer(both);
      t.after(() => server.endpoint.destroy());
      const socket = createDtlsSocket({ type: 'udp4', dtls: { client: { ...both, ca: OTHER_CA } } });
      t.after(() => socket.close());
      const failed = once(socket, 'sessionError');
      socket.send('hello', server.port, '127.0.0.1');
      const [error] = (await failed) as [unknown];
      assert.ok(error instanceof DTLSError);
      assert.ok(Buffer.isBuffer(error.peerCertificates[0]));
    });
  });
}

suite('carriers of the application', () => {
  test('send of a transport gets datagrams as Buffers', async (t) => {
    const network = new MemoryNetwork();
    const carrier = network.transport('client');
    const endpoint = listen(() => undefined, {
      transport: network.transport('server'),
      ...SERVERS.p256,
    });
    t.after(() => endpoint.destroy());
    const session = connect('server', 1, { transport: carrier, ca: CA, servername: 'localhost' });
    await session.opened;
    assert.ok(areBuffers(carrier.sent));
    session.destroy();
  });

  test('send of a socket of the application gets datagrams as Buffers', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const udp = createSocket('udp4');
    t.after(() => udp.close());
    const sent: unknown[] = [];
    const socket: SharedSocket = {
      send: (data, port, address, done) => {
        sent.push(data);
        udp.send(data, port, address, done);
      },
      on: (event, listener) => udp.on(event, listener),
      removeListener: (event, listener) => udp.removeListener(event, listener),
    };
    await new Promise<void>((resolve) => {
      udp.bind(0, '127.0.0.1', resolve);
    });
    const session = client(server.port, { socket });
    await session.opened;
    assert.ok(areBuffers(sent));
    session.destroy();
  });
});
