// Siege case A13: `ticketKeys` throws, rejects or answers nonsense.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { client, echoServer, roundTrip } from '../../driver/echo.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { VERSIONS } from '../../support/settings.js';

const fail = (): never => {
  throw new Error('the key service is away');
};
const hostile = new Proxy([], { get: fail });

/** What `ticketKeys` may do instead of answering; types are the application's word only. */
const FAILURES: readonly [string, () => unknown][] = [
  ['throws', fail],
  ['throws no error but a text', () => raise('away')],
  ['answers a number', () => 5],
  ['answers a text', () => 'key'],
  ['answers an object', () => ({})],
  ['answers a key that is too short', () => new Uint8Array(79)],
  ['answers a list with a hole', () => [new Uint8Array(80), undefined]],
  ['answers more keys than are taken', () => Array.from({ length: 17 }, () => new Uint8Array(80))],
  ['answers a list that throws', () => hostile],
];

function raise(text: unknown): never {
  throw text;
}

for (const version of VERSIONS) {
  suite(`ticketKeys that fail, ${version}`, () => {
    for (const [what, ticketKeys] of FAILURES) {
      const server = { ticketKeys: ticketKeys as () => undefined };

      test(`server issues no ticket and keeps its session when ticketKeys ${what}`, () => {
        const pair = new Pair({ version, server }).handshake();
        pair.runFor(5000);
        assertAlive(pair);
        assert.deepEqual(pair.client.tickets, []);
        assertTold(pair, 1);
      });

      test(`server makes a full handshake with a client that shows a ticket when ticketKeys ${what}`, () => {
        const options: PairOptions = { version };
        const pair = returning(savedSession(new Pair(options).handshake()), { version, server }).handshake();
        pair.runFor(5000);
        assert.ok(!isResumed(pair));
        assertAlive(pair);
        assertTold(pair, 2);
      });
    }
  });
}

/** Counted for the session, and reported with a code. */
function assertTold({ server }: Pair, times: number): void {
  assert.equal(server.entry.connection.counters.ticketKeyFailures, times);
  assert.equal(server.warnings.length, times);
  for (const { code, message } of server.warnings) {
    assert.equal(code, 'ERR_DTLS_TICKET_KEYS');
    assert.match(message, /options\.ticketKeys failed: ./);
  }
}

suite('ticketKeys that reject, over sockets', () => {
  test('sessions of both versions live, each failure is counted, and the process is warned once', async () => {
    const cause = new Error('the key service is away');
    const server = echoServer({ ticketKeys: () => Promise.reject(cause) });
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const warned = once(process, 'warning');
    for (const options of [{ maxVersion: 'DTLSv1.2' }, { minVersion: 'DTLSv1.3' }] as const) {
      const session = client(server.port, options);
      assert.equal((await session.opened).protocol, Object.values(options)[0]);
      assert.equal(await roundTrip(session, 'hello'), 'hello');
      assert.equal(session.session, undefined);
      assert.equal(server.sessions.at(-1)?.stats.ticketKeyFailureCount, 1n);
      await session.close();
    }
    await warned;
    process.off('warning', note);
    const ours = warnings.filter(({ name }) => name === 'DTLSWarning');
    assert.equal(ours.length, 1);
    assert.match(String(ours[0]?.message), /the key service is away/);
    assert.equal((ours[0] as { code?: string }).code, 'ERR_DTLS_TICKET_KEYS');
    await server.endpoint.close();
  });
});
