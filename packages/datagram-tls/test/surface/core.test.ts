// What users of `datagram-tls/core` reach, and that nothing else is there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { toText, utf8 } from '#lib/base/bytes.js';
import { Connection } from '#lib/connection/connection.js';
import { Machine } from '#lib/connection/machine.js';
import * as core from '#lib/core.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import type { JobAnswer } from '#lib/handshake/jobs.js';
import { assertAlive } from '../support/alive.js';
import { Pair } from '../support/pair.js';
import { behaviour, security, VERSIONS } from '../support/settings.js';

const FUNCTIONS = [
  'encodeSession',
  'exportKeyingMaterial',
  'forgetSession',
  'keepSession',
  'keylogLine',
  'layerProvider',
  'performJob',
  'resolveBehaviour',
  'resolveLimits',
  'resolveSecurity',
  'resolveSession',
];
const CLASSES = ['Connection', 'DTLSError', 'Endpoint', 'TrustStore'];
const OBJECTS = ['dtls12', 'dtls13', 'nodeProvider'];
/** The types, as the snapshot of the API writes them. */
const REPORT = readFileSync(new URL('../../../api/core.api.md', import.meta.url), 'utf8').replaceAll(
  '\r',
  '',
);

/** The names in the type of an exported class, in order. */
function membersOf(name: string): string[] {
  const [, type = ''] = new RegExp(`\\nexport class ${name} \\{\\n(.*?)\\n\\}`, 's').exec(REPORT) ?? [];
  const names = [...type.matchAll(/^ {4}(?:readonly |get |set )?(\w+)[(:]/gm)].map(
    ([, member = '']) => member,
  );
  return [...new Set(names)].sort();
}

/** An endpoint's methods that take an entry. */
function callsOn(pair: Pair, entry: ConnectionEntry): Readonly<Record<string, () => unknown>> {
  const { endpoint } = pair.client;
  return {
    send: () => endpoint.send(entry, utf8('x')),
    answer: () => endpoint.answer(entry, 1, { kind: 'sign', signature: new Uint8Array(1) }, 0),
    updateKeys: () => endpoint.updateKeys(entry, { requestPeer: false }, 0),
    handleTooLarge: () => endpoint.handleTooLarge(entry, 1000, 0),
    handleUnreachable: () => endpoint.handleUnreachable(entry, new Error('lost'), true, 0),
    close: () => endpoint.close(entry, 0),
    closeSending: () => endpoint.closeSending(entry, 0),
    abandon: () => endpoint.abandon(entry, undefined),
    touch: () => endpoint.touch(entry),
  };
}

/** Everything that can be reached from `roots` by properties and getters, their prototypes included. */
function reachable(...roots: object[]): Set<object> {
  const found = new Set<object>(roots);
  for (const object of found) {
    for (
      let from: object | null = object;
      from !== null;
      from = Object.getPrototypeOf(from) as object | null
    ) {
      for (const key of Reflect.ownKeys(from)) {
        const value = read(object, key);
        if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) found.add(value);
      }
    }
  }
  return found;
}

function read(object: object, key: string | symbol): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    return undefined;
  }
}

/** A server's job of a kind that both versions have, and the pair that waits for its answer. */
function waiting(version: (typeof VERSIONS)[number]) {
  const pair = new Pair({ version, jobs: 'by-hand' }).connect().runFor(500);
  return { pair, job: pair.server.jobs[0] ?? assert.fail() };
}

suite('datagram-tls/core', () => {
  test('exports its documented functions, classes and objects, and no others', () => {
    assert.deepEqual(Object.keys(core).sort(), [...FUNCTIONS, ...CLASSES, ...OBJECTS].sort());
  });

  test('says of each export and of each of its members what it is', () => {
    const blocks = REPORT.split(/\n(?=\/\/ @public)/).filter((block) => /^export /m.test(block));
    assert.ok(blocks.length > 60, `${blocks.length} exports`);
    const silent = blocks.filter((block) => block.includes('(undocumented)'));
    assert.deepEqual(silent, []);
  });

  test('an endpoint has the members of its type and no others', () => {
    const { endpoint } = new Pair().client;
    assert.deepEqual(Reflect.ownKeys(endpoint), ['counters']);
    const members = ['counters', ...Object.getOwnPropertyNames(core.Endpoint.prototype)];
    assert.deepEqual(members.sort(), membersOf('Endpoint'));
  });

  test('an entry is its connection, our role and the address of the peer, and nothing of it can be changed', () => {
    const { entry } = new Pair().handshake().server;
    assert.deepEqual(Reflect.ownKeys(entry), ['connection', 'role']);
    assert.ok(entry.connection instanceof Connection);
    assert.deepEqual([entry.role, entry.peer.address], ['server', '192.0.2.1']);
    assert.ok(Object.isFrozen(entry));
    assert.deepEqual(Object.getOwnPropertyNames(Object.getPrototypeOf(entry)), ['constructor', 'peer']);
  });

  test('shows those members of an entry in its type, and no others', () => {
    assert.deepEqual(membersOf('ConnectionEntry'), ['connection', 'peer', 'role']);
  });

  test('an entry is made by its endpoint only', () => {
    const { entry } = new Pair().handshake().client;
    const made = Object.getPrototypeOf(entry) as object;
    assert.throws(() => Reflect.construct(made.constructor, [{}, {}, {}]) as unknown, {
      code: 'ERR_ILLEGAL_CONSTRUCTOR',
    });
  });

  for (const version of VERSIONS) {
    test(`nothing that moves an association can be reached from its entry and its session, ${version}`, () => {
      const pair = new Pair({ version }).handshake();
      const { endpoint, entry, sessions } = pair.server;
      const all = reachable(endpoint, entry, ...sessions);
      assert.ok(all.has(entry.connection) && all.size > 30, `${all.size} objects`);
      for (const object of all) {
        assert.ok(!(object instanceof Machine));
        assert.ok(!('onConnected' in object));
      }
    });

    test(`an endpoint refuses an entry of another endpoint, and what is no entry, ${version}`, () => {
      const pair = new Pair({ version }).handshake();
      for (const [name, call] of Object.entries(callsOn(pair, pair.server.entry)))
        assert.throws(call, { code: 'ERR_INVALID_ARG_VALUE', message: /'entry'/ }, name);
      for (const nothing of [undefined, null, {}, pair.client.entry.connection]) {
        for (const [name, call] of Object.entries(callsOn(pair, nothing as never)))
          assert.throws(call, { code: 'ERR_INVALID_ARG_TYPE', message: /"entry"/ }, name);
      }
      assert.ok(pair.client.isConnected && pair.server.isConnected);
    });

    test(`arguments of the wrong form throw and change nothing, ${version}`, () => {
      const pair = new Pair({ version }).handshake();
      const { client, server } = pair;
      const { endpoint } = client;
      const [ours, theirs] = [security('client', version), security('server', version)];
      const manner = behaviour();
      const nowhere = { serverName: undefined, verifyName: undefined };
      const peer = { address: '192.0.2.9', port: 9, family: 'IPv4' } as const;
      const none = undefined as never;
      const type = { code: 'ERR_INVALID_ARG_TYPE' };
      const value = { code: 'ERR_INVALID_ARG_VALUE' };
      const mistakes: [call: () => unknown, expected: { code: string }][] = [
        [() => endpoint.receive('datagram' as never, '192.0.2.2', 4433, 'IPv4', 0), type],
        [() => client.entry.connection.receive([22] as never, server.address, 0), type],
        [() => endpoint.send(client.entry, 'text' as never), type],
        [() => client.entry.connection.send(new DataView(new ArrayBuffer(2)) as never), type],
        [() => client.entry.connection.send(new Int8Array(2) as never), type],
        [() => new core.Endpoint({} as never), type],
        [() => endpoint.serve({ security: ours, behaviour: manner }), value],
        [() => endpoint.serve({ security: theirs, behaviour: none }), type],
        [() => endpoint.connect(none, ours, manner, nowhere, 0), type],
        [
          () => endpoint.connect({ ...peer, port: 65_536 }, ours, manner, nowhere, 0),
          { code: 'ERR_OUT_OF_RANGE' },
        ],
        [() => endpoint.connect({ ...peer, family: 'IPv5' as never }, ours, manner, nowhere, 0), value],
        [() => endpoint.connect(peer, theirs, manner, nowhere, 0), value],
        [() => endpoint.connect(peer, {} as never, manner, nowhere, 0), type],
        [() => endpoint.connect(peer, ours, {} as never, nowhere, 0), type],
        [() => endpoint.connect(peer, ours, manner, none, 0), type],
        [() => Connection.create(none, manner, nowhere, peer), type],
        [() => Connection.create(ours, manner, nowhere, { ...peer, address: 7 as never }), type],
      ];
      for (const [call, expected] of mistakes) assert.throws(call, expected, call.toString());
      assert.equal(endpoint.size, 1);
      assertAlive(pair);
    });

    test(`bytes of another realm are bytes, ${version}`, () => {
      const pair = new Pair({ version }).handshake();
      const foreign: unknown = runInNewContext(
        "Uint8Array.of(...Array.from('hello', (one) => one.charCodeAt(0)))",
      );
      assert.ok(!(foreign instanceof Uint8Array));
      assert.ok(pair.client.endpoint.send(pair.client.entry, foreign as Uint8Array));
      pair.runFor(100);
      assert.deepEqual(pair.server.messages.map(toText), ['hello']);
    });

    test(`an answer of another kind throws, and the handshake goes on with the right one, ${version}`, () => {
      const { pair, job } = waiting(version);
      assert.equal(job.job.kind, 'sign');
      const wrong: JobAnswer = { kind: 'verify-peer', verdict: { ok: true } };
      assert.throws(() => pair.server.endpoint.answer(job.entry, job.id, wrong, pair.now), {
        code: 'ERR_DTLS_JOB',
        message: /sign.*verify-peer/,
      });
      pair.answer(pair.server);
      pair.runFor(500);
      assert.equal(pair.client.jobs[0]?.job.kind, 'verify-peer');
    });

    test(`an answer without the fields of its kind throws, and the handshake goes on, ${version}`, () => {
      const { pair, job } = waiting(version);
      const { endpoint } = pair.server;
      for (const nothing of [undefined, null, 'sign', 42])
        assert.throws(() => endpoint.answer(job.entry, job.id, nothing as never, pair.now), {
          code: 'ERR_INVALID_ARG_TYPE',
        });
      for (const nonsense of [{ kind: 'sign' }, { kind: 'sign', signature: 'text' }])
        assert.throws(() => endpoint.answer(job.entry, job.id, nonsense as never, pair.now), {
          code: 'ERR_INVALID_ARG_VALUE',
        });
      pair.answer(pair.server);
      pair.runFor(500);
      const { client } = pair;
      const verdict = client.jobs[0] ?? assert.fail();
      for (const nonsense of [{}, { verdict: 'yes' }, { verdict: { ok: false } }])
        assert.throws(
          () =>
            client.endpoint.answer(
              client.entry,
              verdict.id,
              { kind: 'verify-peer', ...nonsense } as never,
              0,
            ),
          { code: 'ERR_INVALID_ARG_VALUE', message: /verify-peer/ },
        );
      assert.equal(client.entry.connection.phase, 'handshaking');
    });
  }
});
