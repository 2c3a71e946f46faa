import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { HandshakeType, Scheme } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeServerHello, isHelloRetryRequest } from '#lib/wire/messages/server-hello.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, rewrite } from '../../support/records.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;
const { client_hello, server_hello, server_key_exchange, certificate_verify } = HandshakeType;
/** Every message in one fragment. */
const WIDE = { clientBehaviour: { mtu: 8000 }, serverBehaviour: { mtu: 8000 } };

/** The randoms of both hellos as they were on the wire. */
function randomsOf(version: TestedVersion, seed: number): string[] {
  const randoms = new Set<string>();
  const pair = new Pair({ version, seed, ...WIDE });
  pair.intercept = (data) => {
    for (const { type, fragment } of plainFragments(data)) {
      const hello =
        type === client_hello
          ? decodeClientHello(fragment)
          : type === server_hello
            ? decodeServerHello(fragment)
            : undefined;
      if (hello === undefined || ('cipherSuite' in hello && isHelloRetryRequest(hello))) continue;
      randoms.add(toHex(hello.random));
    }
    return [data];
  };
  pair.handshake();
  return [...randoms];
}

/** The type of the message with `signer`'s signature, and where in it the scheme stands. */
function signatureOf(
  version: TestedVersion,
  signer: Role,
): { type: number; at: (body: Uint8Array) => number } {
  if (version === 'DTLSv1.3' || signer === 'client') return { type: certificate_verify, at: () => 0 };
  // After the curve's three bytes and the point with its length (RFC 8422 §5.4).
  return { type: server_key_exchange, at: (body) => 4 + (body[3] ?? 0) };
}

/** A handshake with Ed25519 on both sides in which `signer` says it signed under `scheme`. */
function signedUnder(version: TestedVersion, signer: Role, scheme: number): Pair {
  const pair = new Pair({ version, ...WIDE, client: CLIENTS.ed25519, server: { requestCert: true } });
  const { type, at } = signatureOf(version, signer);
  const change = (original: Uint8Array): Uint8Array => {
    const body = original.slice();
    body.set([scheme >> 8, scheme & 0xff], at(body));
    return body;
  };
  const insider = new Insider13(pair);
  pair.intercept = (data, from) => {
    if (from !== signer) return [data];
    if (version === 'DTLSv1.2')
      return [rewrite(data, type, (found) => ({ ...found, fragment: change(found.fragment) }))];
    return data.length > 300
      ? [insider.rewrite(from, data, (m) => [m.type === type ? { ...m, body: change(m.body) } : m])]
      : [data];
  };
  pair.connect();
  pair.runFor(900);
  return pair;
}

for (const version of VERSIONS) {
  suite(`known traps of other implementations, ${version}`, () => {
    test('each hello has its own random, which is not zero', () => {
      const all = Array.from({ length: 10 }, (_, seed) => randomsOf(version, seed + 1)).flat();
      assert.equal(new Set(all).size, 20);
      for (const random of all) assert.match(random, /^(?!0{64})[0-9a-f]{64}$/);
    });

    for (const signer of ROLES) {
      const judge = signer === 'client' ? 'server' : 'client';
      for (const [what, scheme] of [
        ['of another kind of key', Scheme.ecdsa_secp256r1_sha256],
        ['for RSA', Scheme.rsa_pss_rsae_sha256],
        ['that it did not offer', 0x0201],
      ] as const) {
        test(`${judge} refuses a signature under a scheme ${what} with illegal_parameter`, () => {
          const pair = signedUnder(version, signer, scheme);
          pair.explain(() => assert.deepEqual(pair[judge].alerts('sent'), ['fatal illegal_parameter']));
          assert.equal(pair[judge].sessions.length, 0);
        });
      }
    }
  });
}
