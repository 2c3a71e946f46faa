// What a session and an endpoint say before the handshake, while they are open, and after the end.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { connect, type DTLSSession, listen } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';

/** As in node:dtls they are undefined after the end. */
const GONE = [
  'protocol',
  'cipher',
  'peerCertificate',
  'alpnProtocol',
  'srtpProfile',
  'servername',
  'session',
  'authorizationError',
] as const;

suite('accessors of a session', () => {
  test('before the handshake nothing is negotiated and nobody is authorized', async (t) => {
    const seen: unknown[] = [];
    const look = (session: DTLSSession): void => {
      seen.push([session.authorized, session.authorizationError, session.reused, session.destroyed]);
      for (const name of ['protocol', 'cipher', 'peerCertificate', 'peerX509Certificate', 'session'] as const)
        assert.equal(session[name], undefined, name);
    };
    const endpoint = listen(look, { host: '127.0.0.1', port: 0, ...SERVERS.p256 });
    t.after(() => endpoint.destroy());
    const session = client(endpoint.address?.port ?? 0);
    look(session);
    assert.equal(session.servername, 'localhost');
    await session.opened;
    assert.deepEqual(seen, Array(2).fill([false, 'HANDSHAKE_INCOMPLETE', false, false]));
    await session.close();
  });

  test('open sessions say what was negotiated, and who the peer is', async (t) => {
    const options = { alpn: ['coap'], srtp: 'SRTP_AEAD_AES_128_GCM', maxVersion: 'DTLSv1.2' } as const;
    const server = echoServer({ ...options, ca: CA, requestCert: true });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { ...options, ...CLIENTS.p256 });
    const { protocol } = await session.opened;
    const other = server.sessions[0] as DTLSSession;
    await other.opened;
    for (const side of [session, other]) {
      assert.equal(side.protocol, protocol);
      assert.deepEqual(Object.keys(side.cipher ?? {}), ['name', 'standardName', 'version']);
      assert.equal(side.alpnProtocol, 'coap');
      assert.equal(side.srtpProfile, 'SRTP_AEAD_AES_128_GCM');
      assert.equal(side.servername, 'localhost');
      assert.equal(side.authorized, true);
      assert.equal(side.authorizationError, undefined);
      assert.match(side.peerCertificate ?? '', /^-----BEGIN CERTIFICATE-----\n/);
      assert.ok(side.peerX509Certificate instanceof X509Certificate);
      assert.equal(side.peerX509Certificate.toString(), side.peerCertificate);
    }
    assert.ok(Buffer.isBuffer(session.session));
    assert.equal(other.session, undefined, 'only clients have a session to keep');
    assert.deepEqual(session.remoteAddress, { address: '127.0.0.1', family: 'IPv4', port: server.port });
    assert.deepEqual(session.localAddress, other.remoteAddress);
    assert.deepEqual(other.localAddress, server.endpoint.address);
    assert.equal(other.endpoint, server.endpoint);
    await session.close();
  });

  test('after the end what node:dtls forgets is gone, and addresses remain', async (t) => {
    const server = echoServer({ alpn: ['coap'] });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { alpn: ['coap'] });
    await session.opened;
    const other = server.sessions[0] as DTLSSession;
    await other.opened;
    const before = [session, other].map(({ remoteAddress, localAddress }) => [remoteAddress, localAddress]);
    const certificate = session.peerX509Certificate;
    await session.close();
    await other.closed;
    for (const side of [session, other]) {
      for (const name of GONE) assert.equal(side[name], undefined, name);
      assert.deepEqual([side.authorized, side.reused, side.destroyed], [false, false, true]);
    }
    assert.deepEqual(
      [session, other].map(({ remoteAddress, localAddress }) => [remoteAddress, localAddress]),
      before,
    );
    assert.equal(session.peerX509Certificate, certificate, 'it was read');
    assert.deepEqual(await session.opened, { protocol: 'DTLSv1.3' });
    assert.equal(server.endpoint.destroyed, false);
  });

  test('the identity of a pre-shared key remains after the end', async (t) => {
    const key = Buffer.alloc(16, 1);
    const endpoint = listen(() => undefined, { host: '127.0.0.1', port: 0, psk: { lamp: key } });
    t.after(() => endpoint.destroy());
    const session = connect('127.0.0.1', endpoint.address?.port ?? 0, { psk: { identity: 'lamp', key } });
    assert.equal(session.pskIdentity, undefined);
    await session.opened;
    await session.close();
    assert.equal(session.pskIdentity, 'lamp');
  });

  test('an endpoint has no address after its end', async () => {
    const endpoint = listen(() => undefined, { host: '127.0.0.1', port: 0, ...SERVERS.p256 });
    assert.deepEqual(Object.keys(endpoint.address ?? {}).sort(), ['address', 'family', 'port']);
    await endpoint.close();
    assert.deepEqual([endpoint.address, endpoint.destroyed], [undefined, true]);
  });
});

suite('why a peer is not authorized', () => {
  for (const [what, options, verdict] of [
    [
      'a chain to a CA that is not trusted',
      { ca: SERVERS.rsa.cert, servername: 'localhost' },
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ],
    ['a name that is not in the certificate', { ca: CA, servername: 'other.example' }, 'HOSTNAME_MISMATCH'],
    ['an address that is not in the certificate', { ca: CA, servername: '192.0.2.7' }, 'IP_ADDRESS_MISMATCH'],
  ] as const) {
    test(`${what} is ${verdict}, as in node:dtls`, async (t) => {
      const server = echoServer();
      t.after(() => server.endpoint.destroy());
      const session = connect('127.0.0.1', server.port, { ...options, rejectUnauthorized: false });
      await session.opened;
      assert.deepEqual([session.authorized, session.authorizationError], [false, verdict]);
      await session.close();
    });
  }

  test('a client without a certificate is UNABLE_TO_GET_ISSUER_CERT', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    const other = server.sessions[0] as DTLSSession;
    await other.opened;
    assert.deepEqual([other.authorized, other.authorizationError], [false, 'UNABLE_TO_GET_ISSUER_CERT']);
    assert.deepEqual([other.peerCertificate, other.peerX509Certificate], [undefined, undefined]);
    await session.close();
  });
});

suite('the certificate of a peer', () => {
  test('is the same object each time', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    assert.equal(session.peerX509Certificate, session.peerX509Certificate);
    await session.close();
  });

  test('leads along the chain that the peer sent, to its last certificate', async (t) => {
    // The CA is sent along, as some servers do.
    const { cert, key } = SERVERS.p256;
    const server = echoServer({
      cert: Buffer.concat([Buffer.from(cert), Buffer.from('\n'), Buffer.from(CA)]),
      key,
    });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    const leaf = session.peerX509Certificate;
    const issuer = leaf?.issuerCertificate;
    assert.ok(issuer instanceof X509Certificate);
    assert.equal(issuer.subject, leaf?.issuer);
    assert.equal(issuer.fingerprint256, new X509Certificate(CA).fingerprint256);
    assert.equal(leaf?.issuerCertificate, issuer);
    assert.equal(issuer.issuerCertificate, undefined, 'the chain has an end');
    await session.close();
  });

  test('has no issuer where the peer sent none', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    assert.equal(session.peerX509Certificate?.issuerCertificate, undefined);
    await session.close();
  });
});
