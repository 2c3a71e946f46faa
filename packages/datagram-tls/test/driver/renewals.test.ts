// Clients of DTLS 1.3 get connection IDs of a new configuration, those of DTLS 1.2 cannot.
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { ConnectOptions, DTLSSession } from '#lib/index.js';
import { loadBalancedConnectionIds, type RoutableConnectionIds } from '#lib/load-balancing.js';
import { client, type EchoServer, roundTrip, server as serverFor, until } from './echo.js';

const OLD = { serverId: Uint8Array.of(7), nonceLength: 7, configId: 1 };
const NEW = { ...OLD, configId: 2 };

type Version = 'DTLSv1.2' | 'DTLSv1.3';

const only = (version: Version) => ({ minVersion: version, maxVersion: version }) as const;

interface Balanced {
  readonly echo: EchoServer;
  readonly connectionId: RoutableConnectionIds;
  readonly clients: readonly DTLSSession[];
}

/** Sessions of a server whose IDs have a configuration; `versions`: of its clients. */
async function balanced(
  t: TestContext,
  versions: readonly Version[],
  more: Partial<ConnectOptions> = {},
): Promise<Balanced> {
  const made = loadBalancedConnectionIds(OLD);
  const echo = serverFor(t, { connectionId: made });
  const clients = versions.map((version) => client(echo.port, { ...only(version), ...more }));
  t.after(() => clients.map((each) => each.destroy()));
  await Promise.all(clients.map(({ opened }) => opened));
  await Promise.all(echo.sessions.map(({ opened }) => opened));
  return { echo, connectionId: made, clients };
}

/** The configuration of the ID on the records of `client`. */
function configOf({ connectionId: ids }: DTLSSession): number | undefined {
  const [first] = ids?.send ?? [];
  return first === undefined ? undefined : first >>> 5;
}

const many = (version: Version, count: number): Version[] => new Array<Version>(count).fill(version);

suite('endpoint.renewConnectionIds()', () => {
  test('gives clients of DTLS 1.3 IDs of the new configuration, and those of DTLS 1.2 keep theirs', async (t) => {
    const { echo, connectionId, clients } = await balanced(t, [
      ...many('DTLSv1.3', 6),
      ...many('DTLSv1.2', 3),
    ]);
    connectionId.rotate(NEW);
    assert.equal(await echo.endpoint.renewConnectionIds(), 6);
    const after = [...many('DTLSv1.3', 6).map(() => 2), 1, 1, 1];
    await until(() => clients.every((each, i) => configOf(each) === after[i]));
    for (const [i, each] of clients.entries()) assert.equal(await roundTrip(each, `m${i}`), `m${i}`);
    await until(() =>
      echo.sessions.every(({ protocol, connectionId: ids }) => {
        const [first = 0] = ids?.receive ?? [];
        return first >>> 5 === (protocol === 'DTLSv1.3' ? 2 : 1);
      }),
    );
  });

  test('wakes a session that hibernates', async (t) => {
    const { echo, connectionId, clients } = await balanced(t, ['DTLSv1.3']);
    const [session] = echo.sessions;
    await until(() => session?.hibernate() === true);
    connectionId.rotate(NEW);
    assert.equal(await echo.endpoint.renewConnectionIds(), 1);
    await until(() => clients.every((each) => configOf(each) === 2));
  });

  test('gives nothing to clients without connection IDs, and to none', async (t) => {
    const { echo, connectionId } = await balanced(t, ['DTLSv1.3'], { connectionId: false });
    connectionId.rotate(NEW);
    assert.equal(await echo.endpoint.renewConnectionIds(), 0);
    const alone = serverFor(t, { connectionId: true });
    assert.equal(await alone.endpoint.renewConnectionIds(), 0);
  });

  test('gives no more than a hundredth of perSecond in one turn of the event loop', async (t) => {
    const { echo, connectionId, clients } = await balanced(t, many('DTLSv1.3', 12));
    connectionId.rotate(NEW);
    const made: number[] = [];
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    const inherited = Object.getPrototypeOf(echo.sessions[0]) as DTLSSession;
    for (const session of echo.sessions)
      session.renewConnectionId = function (this: DTLSSession): void {
        made.push(turn);
        inherited.renewConnectionId.call(this);
      };
    count();
    assert.equal(await echo.endpoint.renewConnectionIds({ perSecond: 300 }), 12);
    isOver = true;
    for (const each of new Set(made)) assert.ok(made.filter((other) => other === each).length <= 3);
    assert.equal(made.length, 12);
    await until(() => clients.every((each) => configOf(each) === 2));
  });

  test('ends with another call, with the endpoint, and passes over sessions that are over', async (t) => {
    const { echo, connectionId, clients } = await balanced(t, many('DTLSv1.3', 4));
    connectionId.rotate(NEW);
    const first = echo.endpoint.renewConnectionIds({ perSecond: 1 });
    await clients[3]?.close();
    await until(() => echo.sessions[3]?.destroyed === true);
    const second = echo.endpoint.renewConnectionIds();
    assert.equal(await first, 1);
    assert.equal(await second, 3);
    const last = echo.endpoint.renewConnectionIds({ perSecond: 1 });
    await echo.endpoint.close();
    assert.equal(await last, 1);
    assert.equal(await echo.endpoint.renewConnectionIds(), 0);
  });

  test('refuses wrong options before it gives anything', async (t) => {
    const { echo } = await balanced(t, []);
    assert.throws(() => echo.endpoint.renewConnectionIds({ perSecond: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => echo.endpoint.renewConnectionIds({ perSecond: '9' as unknown as number }), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});
