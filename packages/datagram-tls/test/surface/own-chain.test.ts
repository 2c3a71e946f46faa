// A leaf that is given alone is sent with its intermediates out of `ca`, as OpenSSL, node:tls and node:dtls do.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import type { ConnectOptions, ListenOptions } from '#lib/index.js';
import { client, echoServer, until } from '../driver/echo.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { encodeCertificate, extension, type Shape, tlv } from '../x509/encode.js';

/** A key, and what it issues. */
class Issuer {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get spki(): Buffer {
    return this.#keys.publicKey.export({ type: 'spki', format: 'der' });
  }

  get key(): string {
    return this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  }

  get keyId(): Buffer {
    return createHash('sha256').update(this.spki).digest().subarray(0, 20);
  }

  /** PEM. */
  issue(subject: Issuer, shape: Partial<Shape> = {}): string {
    const ids = [
      extension(0x0e, tlv(0x04, subject.keyId)),
      extension(0x23, tlv(0x30, tlv(0x80, this.keyId))),
    ];
    const whole = {
      subject: subject.name,
      issuer: this.name,
      spki: subject.spki,
      serial: 5,
      extensions: ids,
    };
    const der = encodeCertificate({ ...whole, ...shape }, (tbs) =>
      sign('sha256', tbs, this.#keys.privateKey),
    );
    return new X509Certificate(der).toString();
  }
}

const root = new Issuer('root');
const middle = new Issuer('middle');
const impostor = new Issuer('middle');
const device = new Issuer('device');
const ROOT = root.issue(root, { ca: true });
const MIDDLE = root.issue(middle, { ca: true });
/** Of the same name, with another key. */
const IMPOSTOR = root.issue(impostor, { ca: true });
const DEVICE = middle.issue(device, { dns: ['device.example'] });

for (const version of VERSIONS) {
  const both = { minVersion: version, maxVersion: version };

  /** The subjects of the chain that the client gets. */
  const chainOf = async (server: Partial<ListenOptions>, options: ConnectOptions = {}): Promise<string[]> => {
    const { endpoint, port } = echoServer({ ...both, key: device.key, ...server });
    let chain: readonly Buffer[] = [];
    const verifyPeer: ConnectOptions['verifyPeer'] = (shown) => {
      chain = shown;
      return true;
    };
    const session = client(port, { ...both, ca: ROOT, servername: 'device.example', verifyPeer, ...options });
    await session.opened;
    session.destroy();
    endpoint.destroy();
    return chain.map((der) => new X509Certificate(der).subject);
  };

  suite(`a lone leaf, ${version}`, () => {
    test('is sent with its intermediate out of ca, without the root', async () => {
      assert.deepEqual(await chainOf({ cert: DEVICE, ca: [ROOT, MIDDLE] }), ['CN=device', 'CN=middle']);
    });

    test('is sent alone where ca has no issuer of it, or only one of the same name with another key', async () => {
      assert.deepEqual(await chainOf({ cert: DEVICE, ca: ROOT }), ['CN=device']);
      assert.deepEqual(await chainOf({ cert: DEVICE, ca: [IMPOSTOR, ROOT] }), ['CN=device']);
      assert.deepEqual(await chainOf({ cert: DEVICE }), ['CN=device']);
    });

    test('of a chain that was given whole, ca adds nothing', async () => {
      const cert = DEVICE + ROOT;
      assert.deepEqual(await chainOf({ cert, ca: [ROOT, MIDDLE] }), ['CN=device', 'CN=root']);
    });

    test('verifies at a peer that trusts the root alone', async (t) => {
      const server = echoServer({ ...both, cert: DEVICE, key: device.key, ca: [ROOT, MIDDLE] });
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { ...both, ca: ROOT, servername: 'device.example' });
      await session.opened;
      assert.equal(session.authorized, true);
      session.destroy();
    });

    test('of a client is completed, too', async (t) => {
      const server = echoServer({ ...both, requestCert: true, ca: ROOT });
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, {
        ...both,
        cert: DEVICE,
        key: device.key,
        ca: [CA, MIDDLE],
      });
      await session.opened;
      await until(() => server.sessions[0]?.authorized === true);
      session.destroy();
    });

    test('of a name of sni is completed out of the ca of that name', async () => {
      const sni = { 'device.example': { cert: DEVICE, key: device.key, ca: [ROOT, MIDDLE] } };
      assert.deepEqual(await chainOf({ ...SERVERS.p256, sni }), ['CN=device', 'CN=middle']);
    });
  });
}
