// Siege case A12.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, taking } from '../../support/early.js';
import { SERVERS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

const { ed25519 } = SERVERS;

/** An sni function that serves every name, and notes it in `asked`. */
function recorder(asked: (string | undefined)[]) {
  return (name: string | undefined) => {
    asked.push(name);
    return ed25519;
  };
}

for (const version of VERSIONS) {
  suite(`names that reach the application, ${version}`, () => {
    const asking = (serverName: string, asked: (string | undefined)[]) => ({
      version,
      destination: { serverName, verifyName: 'localhost' },
      server: { sni: recorder(asked) },
    });

    for (const name of [
      '__proto__',
      '../../etc/passwd',
      'a/b',
      'a..b',
      '-a',
      'a'.repeat(300),
      '127.1',
      '*',
    ]) {
      test(`an sni function is not called for ${name.slice(0, 20)}`, () => {
        const asked: (string | undefined)[] = [];
        const pair = refused(asking(name, asked));
        assert.equal(pair.server.alerts('sent')[0], 'fatal unrecognized_name');
        assert.deepEqual(asked, []);
      });
    }

    test('an sni map with a fallback does not serve what is not a host name', () => {
      const pair = refused({
        version,
        destination: { serverName: '__proto__', verifyName: 'localhost' },
        server: { sni: { '*': ed25519 } },
      });
      assert.equal(pair.server.error?.code, 'ERR_DTLS_UNRECOGNIZED_NAME');
    });

    test('an sni function gets a host name in lower case, and an IP address as no name', () => {
      for (const [name, heard] of [
        ['LocalHost.', 'localhost'],
        ['192.0.2.1', undefined],
        ['::1', undefined],
      ] as const) {
        const asked: (string | undefined)[] = [];
        const pair = new Pair(asking(name, asked)).handshake();
        assert.deepEqual(asked, [heard]);
        assert.equal(pair.server.sessions[0]?.serverName, heard);
        assertAlive(pair);
      }
    });
  });
}

suite('early data of a client whose address is not validated', () => {
  const HELLO = utf8('hello');

  test('early data is refused by a server with an sni function, which is called after address validation', () => {
    const asked: (string | undefined)[] = [];
    const server = taking(1000, { sni: recorder(asked) });
    const session = sessionFor({ server });
    asked.length = 0;
    const pair = comingBack(session, [HELLO], { server });
    let cookies = 0;
    pair.intercept = (data, from) => {
      // The answer to the first ClientHello asks for a cookie: until then nothing was asked.
      if (from === 'server' && cookies++ === 0) assert.deepEqual(asked, []);
      return [data];
    };
    pair.handshake();
    assert.deepEqual(asked, ['localhost']);
    assert.deepEqual(pair.server.early, []);
    assert.equal(pair.server.endpoint.counters.earlyRefused.name, 1);
    assertAlive(pair);
  });
});
