import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { encodeKeyShareRequest, encodeKeyShareResponse } from '#lib/extensions/key-share.js';
import { ExtensionType, Group, HandshakeType, WireVersion } from '#lib/wire/codes.js';
import type { Extensions } from '#lib/wire/extension-block.js';
import {
  decodeCertificateRequest13,
  encodeCertificateRequest13,
} from '#lib/wire/messages/certificate-request13.js';
import { decodeCertificate13, encodeCertificate13 } from '#lib/wire/messages/certificate13.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import {
  decodeEncryptedExtensions,
  encodeEncryptedExtensions,
} from '#lib/wire/messages/encrypted-extensions.js';
import {
  decodeServerHello,
  encodeServerHello,
  isHelloRetryRequest,
  type ServerHello,
} from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { rewrite } from '../../support/records.js';

const version = 'DTLSv1.3';
const UNKNOWN = 0xfafa;
const { client_hello, server_hello } = HandshakeType;
const X = ExtensionType;

type Change = (extensions: Map<number, Uint8Array>) => void;

function changed(extensions: Extensions, change: Change): Extensions {
  const copy = new Map(extensions);
  change(copy);
  return copy;
}

function without(type: number): Change {
  return (extensions) => extensions.delete(type);
}

function having(type: number, ...body: number[]): Change {
  return (extensions) => extensions.set(type, Uint8Array.from(body));
}

/** Lets `change` at every plaintext message of `sender` that has this type. */
function meddle(
  sender: Role,
  type: number,
  change: (body: Uint8Array) => Uint8Array,
  options: Partial<PairOptions> = {},
): Pair {
  const pair = new Pair({ version, ...options });
  pair.intercept = (data, from) => {
    if (from !== sender) return [data];
    return [
      rewrite(data, type, (fragment) => {
        const body = change(fragment.fragment);
        return { ...fragment, fragment: body, length: body.length };
      }),
    ];
  };
  pair.connect();
  pair.runFor(900);
  return pair;
}

suite('what a ServerHello of DTLS 1.3 may say', () => {
  const share = (group: number, keyExchange: Uint8Array): Change => {
    return (extensions) => extensions.set(X.key_share, encodeKeyShareResponse({ group, keyExchange }));
  };
  const cases: readonly [string, Partial<ServerHello> | Change, string][] = [
    ['a suite that was not offered', { cipherSuite: 0x1305 }, 'illegal_parameter'],
    ['a suite of DTLS 1.2', { cipherSuite: 0xc02b }, 'illegal_parameter'],
    ['another suite than the HelloRetryRequest', { cipherSuite: 0x1303 }, 'illegal_parameter'],
    ['a compression method', { compressionMethod: 1 }, 'illegal_parameter'],
    ['a session id', { sessionId: Uint8Array.of(1) }, 'illegal_parameter'],
    ['another old version', { legacyVersion: WireVersion.dtls13 }, 'illegal_parameter'],
    ['no version', without(X.supported_versions), 'missing_extension'],
    ['DTLS 1.2 as the version', having(X.supported_versions, 0xfe, 0xfd), 'illegal_parameter'],
    ['a version of three bytes', having(X.supported_versions, 0xfe, 0xfc, 0), 'decode_error'],
    ['no key share', without(X.key_share), 'missing_extension'],
    [
      'a share of a group without one of ours',
      share(Group.secp256r1, new Uint8Array(65)),
      'illegal_parameter',
    ],
    ['a share that is too short', share(Group.x25519, new Uint8Array(31).fill(9)), 'illegal_parameter'],
    ['a share that makes no secret', share(Group.x25519, new Uint8Array(32)), 'illegal_parameter'],
    ['half a key share', having(X.key_share, 0, 29, 0), 'decode_error'],
    ['an unknown extension', having(UNKNOWN), 'unsupported_extension'],
    ['a pre-shared key', having(X.pre_shared_key, 0, 0), 'unsupported_extension'],
    ['a name, which belongs elsewhere', having(X.server_name), 'illegal_parameter'],
    ['a cookie', having(X.cookie, 0, 1, 1), 'illegal_parameter'],
  ];
  for (const [what, change, alert] of cases) {
    test(`client refuses ${what} in a ServerHello with ${alert}`, () => {
      const pair = meddle('server', server_hello, (body) => {
        const hello = decodeServerHello(body) ?? assert.fail();
        if (isHelloRetryRequest(hello)) return body;
        return encodeServerHello(
          typeof change === 'function'
            ? { ...hello, extensions: changed(hello.extensions, change) }
            : { ...hello, ...change },
        );
      });
      pair.explain(() => assert.equal(pair.client.alerts('sent')[0], `fatal ${alert}`));
      assert.ok(pair.client.isClosed);
    });
  }
});

suite('what a HelloRetryRequest may say', () => {
  const nothing: Change = (extensions) => extensions.delete(X.cookie);
  const cases: readonly [string, Partial<ServerHello> | Change, string][] = [
    ['that changes nothing', nothing, 'illegal_parameter'],
    ['for a share that it has', having(X.key_share, 0, 29), 'illegal_parameter'],
    ['for a group that was not offered', having(X.key_share, 0, 25), 'illegal_parameter'],
    ['for no known group', having(X.key_share, 0xfa, 0xfa), 'illegal_parameter'],
    ['with a whole key share', having(X.key_share, 0, 29, 0, 1, 1), 'decode_error'],
    ['with an empty cookie', having(X.cookie, 0, 0), 'decode_error'],
    ['with an unknown extension', having(UNKNOWN), 'unsupported_extension'],
    ['with a session id', { sessionId: Uint8Array.of(1) }, 'illegal_parameter'],
    ['with a suite that was not offered', { cipherSuite: 0x1305 }, 'illegal_parameter'],
    ['without a version', without(X.supported_versions), 'missing_extension'],
  ];
  for (const [what, change, alert] of cases) {
    test(`client refuses a HelloRetryRequest ${what} with ${alert}`, () => {
      const pair = meddle('server', server_hello, (body) => {
        const hello = decodeServerHello(body) ?? assert.fail();
        return encodeServerHello(
          typeof change === 'function'
            ? { ...hello, extensions: changed(hello.extensions, change) }
            : { ...hello, ...change },
        );
      });
      pair.explain(() => assert.equal(pair.client.alerts('sent')[0], `fatal ${alert}`));
    });
  }
});

suite('what a ClientHello of DTLS 1.3 may say', () => {
  const shares = (...groups: number[]): Change => {
    const list = groups.map((group) => ({ group, keyExchange: new Uint8Array(32).fill(9) }));
    return (extensions) => extensions.set(X.key_share, encodeKeyShareRequest(list));
  };
  const cases: readonly [string, Change, string][] = [
    ['no key shares', without(X.key_share), 'missing_extension'],
    ['no groups', without(X.supported_groups), 'missing_extension'],
    ['no signature schemes', without(X.signature_algorithms), 'missing_extension'],
    ['a group twice among the shares', shares(Group.x25519, Group.x25519), 'illegal_parameter'],
    ['a share of a group that it does not support', shares(Group.secp384r1), 'illegal_parameter'],
    ['half a share', having(X.key_share, 0, 5, 0, 29, 0, 32, 1), 'decode_error'],
    ['no supported group', having(X.supported_groups, 0, 2, 0xfa, 0xfa), 'illegal_parameter'],
    ['an extension for another message', having(X.oid_filters, 0, 0), 'illegal_parameter'],
    ['a cookie that we did not make', having(X.cookie, 0, 2, 1, 2), 'illegal_parameter'],
    ['a malformed list of versions', having(X.supported_versions, 3, 0xfe, 0xfc), 'decode_error'],
    ['only unsupported versions', having(X.supported_versions, 2, 3, 4), 'protocol_version'],
    [
      'no signature scheme of the server key',
      having(X.signature_algorithms, 0, 2, 4, 3),
      'handshake_failure',
    ],
  ];
  for (const [what, change, alert] of cases) {
    test(`server refuses ${what} with ${alert}`, () => {
      const pair = meddle('client', client_hello, (body) => {
        const hello = decodeClientHello(body) ?? assert.fail();
        return encodeClientHello({ ...hello, extensions: changed(hello.extensions, change) });
      });
      pair.explain(() => assert.equal(pair.client.alerts('received')[0], `fatal ${alert}`));
      assert.equal(pair.server.sessions.length, 0);
    });
  }

  for (const [what, compressionMethods] of [
    ['no null compression', [1]],
    ['another compression beside null', [0, 1]],
  ] as const) {
    test(`server refuses ${what} with illegal_parameter`, () => {
      const pair = meddle('client', client_hello, (body) => {
        const hello = decodeClientHello(body) ?? assert.fail();
        return encodeClientHello({ ...hello, compressionMethods: Uint8Array.from(compressionMethods) });
      });
      assert.equal(pair.client.alerts('received')[0], 'fatal illegal_parameter');
    });
  }

  test('unknown extensions, groups, suites and versions are ignored', () => {
    const pair = meddle('client', client_hello, (body) => {
      const hello = decodeClientHello(body) ?? assert.fail();
      const extensions = new Map([...hello.extensions, [UNKNOWN, new Uint8Array(3)] as const]);
      return encodeClientHello({ ...hello, extensions, cipherSuites: [UNKNOWN, ...hello.cipherSuites] });
    });
    // The server went on to its Finished, under keys that the client, which sent something else, does not have.
    assert.ok(pair.server.flights('sent').flat().includes('finished'));
    assert.ok((pair.client.dropped['bad_record'] ?? 0) > 0);
    assert.equal(pair.client.sessions.length, 0);
  });
});

suite('extensions in the protected messages of DTLS 1.3', () => {
  const request: Partial<PairOptions> = { client: CLIENTS.ed25519, server: { requestCert: true } };
  const cases: readonly [string, Role, number, (body: Uint8Array) => Uint8Array, string][] = [
    [
      'EncryptedExtensions with an unsolicited extension',
      'server',
      8,
      inEncrypted(having(UNKNOWN)),
      'unsupported_extension',
    ],
    [
      'EncryptedExtensions with a key share',
      'server',
      8,
      inEncrypted(having(X.key_share, 0, 29)),
      'illegal_parameter',
    ],
    [
      'EncryptedExtensions with a name in it',
      'server',
      8,
      inEncrypted(having(X.server_name, 1)),
      'decode_error',
    ],
    [
      'EncryptedExtensions with half a list of groups',
      'server',
      8,
      inEncrypted(having(X.supported_groups, 0, 2, 0)),
      'decode_error',
    ],
    [
      'CertificateRequest without schemes',
      'server',
      13,
      inRequest(having(UNKNOWN), without(X.signature_algorithms)),
      'missing_extension',
    ],
    [
      'CertificateRequest with a cookie',
      'server',
      13,
      inRequest(having(X.cookie, 0, 1, 1)),
      'illegal_parameter',
    ],
    ['CertificateRequest under a context', 'server', 13, requestContext, 'illegal_parameter'],
    [
      'Certificate with an unsolicited extension',
      'server',
      11,
      inCertificate(having(UNKNOWN)),
      'unsupported_extension',
    ],
    ['Certificate with a name', 'server', 11, inCertificate(having(X.server_name)), 'illegal_parameter'],
    ['Certificate under a context', 'server', 11, certificateContext, 'illegal_parameter'],
    ['Certificate without certificates', 'server', 11, noCertificates, 'decode_error'],
    ['Certificate with a malformed certificate', 'server', 11, badCertificate, 'bad_certificate'],
    [
      'Certificate with an unsolicited extension',
      'client',
      11,
      inCertificate(having(UNKNOWN)),
      'unsupported_extension',
    ],
    ['Certificate with a malformed certificate', 'client', 11, badCertificate, 'bad_certificate'],
  ];
  for (const [what, sender, type, change, alert] of cases) {
    const judge = sender === 'server' ? 'client' : 'server';
    test(`${judge} refuses a ${what} with ${alert}`, () => {
      const pair = new Pair({ version, ...request });
      const insider = new Insider13(pair);
      pair.intercept = (data, from) =>
        from === sender && data.length > 300
          ? [insider.rewrite(from, data, (m) => [m.type === type ? { ...m, body: change(m.body) } : m])]
          : [data];
      pair.connect();
      pair.runFor(900);
      pair.explain(() => assert.deepEqual(pair[judge].alerts('sent'), [`fatal ${alert}`]));
    });
  }
});

function inEncrypted(change: Change) {
  return (body: Uint8Array) => {
    const { extensions } = decodeEncryptedExtensions(body) ?? assert.fail();
    return encodeEncryptedExtensions({ extensions: changed(extensions, change) });
  };
}

function inRequest(...changes: Change[]) {
  return (body: Uint8Array) => {
    const message = decodeCertificateRequest13(body) ?? assert.fail();
    const extensions = changes.reduce(changed, message.extensions);
    return encodeCertificateRequest13({ ...message, extensions });
  };
}

function requestContext(body: Uint8Array): Uint8Array {
  const message = decodeCertificateRequest13(body) ?? assert.fail();
  return encodeCertificateRequest13({ ...message, certificateRequestContext: Uint8Array.of(1) });
}

function inCertificate(change: Change) {
  return (body: Uint8Array) => {
    const message = decodeCertificate13(body) ?? assert.fail();
    const certificateList = message.certificateList.map((entry) => ({
      ...entry,
      extensions: changed(entry.extensions, change),
    }));
    return encodeCertificate13({ ...message, certificateList });
  };
}

function certificateContext(body: Uint8Array): Uint8Array {
  const message = decodeCertificate13(body) ?? assert.fail();
  return encodeCertificate13({ ...message, certificateRequestContext: Uint8Array.of(1) });
}

function noCertificates(body: Uint8Array): Uint8Array {
  const message = decodeCertificate13(body) ?? assert.fail();
  return encodeCertificate13({ ...message, certificateList: [] });
}

function badCertificate(body: Uint8Array): Uint8Array {
  const message = decodeCertificate13(body) ?? assert.fail();
  const certificateList = [{ certData: Uint8Array.of(0x30, 0), extensions: new Map() }];
  return encodeCertificate13({ ...message, certificateList });
}

suite('DTLS 1.2 and 1.3', () => {
  const both = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
  const old = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.2' } as const;
  const only = { minVersion: 'DTLSv1.3', maxVersion: 'DTLSv1.3' } as const;

  for (const [client, server, chosen] of [
    [both, both, 'DTLSv1.3'],
    [both, old, 'DTLSv1.2'],
    [old, both, 'DTLSv1.2'],
    [both, only, 'DTLSv1.3'],
    [only, both, 'DTLSv1.3'],
  ] as const) {
    test(`${range(client)} meets ${range(server)}: ${chosen}`, () => {
      const pair = new Pair({ version, client, server });
      pair.explain(() => pair.handshake());
      assert.equal(pair.client.sessions[0]?.version, chosen);
      assert.equal(pair.server.sessions[0]?.version, chosen);
      assertAlive(pair);
    });
  }

  test('a client that requires 1.3 is refused by a server with 1.2 only', () => {
    const pair = new Pair({ version, client: only, server: old }).connect();
    pair.runFor(900);
    assert.equal(pair.client.alerts('sent')[0], 'fatal protocol_version');
    assert.equal(pair.server.sessions.length, 0);
  });

  test('a server that requires 1.3 refuses a client with 1.2 only with protocol_version', () => {
    const pair = new Pair({ version, client: old, server: only }).connect();
    pair.runFor(900);
    assert.equal(pair.client.alerts('received')[0], 'fatal protocol_version');
  });

  test("a forged downgrade is detected by the mark in the server's random", () => {
    const pair = new Pair({ version, client: both, server: both });
    pair.intercept = (data, from) => {
      if (from !== 'client') return [data];
      return [
        rewrite(data, client_hello, (fragment) => {
          const hello = decodeClientHello(fragment.fragment) ?? assert.fail();
          const body = encodeClientHello({
            ...hello,
            extensions: changed(hello.extensions, without(X.supported_versions)),
          });
          return { ...fragment, fragment: body, length: body.length };
        }),
      ];
    };
    pair.connect();
    pair.runFor(900);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_DOWNGRADE');
    assert.deepEqual(pair.client.alerts('sent'), ['fatal illegal_parameter']);
  });
});

function range({ minVersion, maxVersion }: { minVersion: string; maxVersion: string }): string {
  return minVersion === maxVersion ? `${minVersion} alone` : `${minVersion} to ${maxVersion}`;
}
