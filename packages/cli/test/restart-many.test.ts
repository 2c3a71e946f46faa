import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect, type DTLSSession } from 'datagram-tls';
import { stateFile, successor } from './restart.js';
import { startServerProcess } from './running.js';
import { LONG } from './support/long.js';

const CLIENTS = LONG ? 1000 : 50;
/** That talk at once: a server's receive buffer holds what they send. */
const AT_ONCE = 50;
const KEY = '00112233445566778899aabbccddeeff';

test(`${CLIENTS} clients go on with the next server without a handshake`, {
  timeout: 120_000,
}, async (t) => {
  const args = ['--state', stateFile(t), '--psk', `sensor:${KEY}`];
  const server = await startServerProcess(t, args);
  const clients = Array.from({ length: CLIENTS }, (_, n) => ({
    n,
    session: undefined as DTLSSession | undefined,
  }));
  await inParts(clients, async (client) => {
    client.session = await openClient(t, Number(server.port));
    assert.equal(await echo(client.session, `${client.n} before`), `Echo: ${client.n} before`);
  });
  const ended = await server.process.interrupt('SIGTERM');
  assert.match(ended.stderr, new RegExp(`kept ${CLIENTS} sessions in `));
  const next = await successor(t, server, [...args, '-v']);
  assert.match(next.stderr, new RegExp(`went on with ${CLIENTS} sessions of `));
  await inParts(clients, async ({ n, session }) => {
    assert.ok(session !== undefined && !session.destroyed);
    assert.equal(await echo(session, `${n} after`), `Echo: ${n} after`);
  });
  assert.doesNotMatch(next.stderr, /client_hello|failed/);
});

async function openClient(t: TestContext, port: number): Promise<DTLSSession> {
  const psk = { identity: 'sensor', key: Buffer.from(KEY, 'hex') };
  const session = connect('127.0.0.1', port, { psk });
  t.after(() => session.destroy());
  await session.opened;
  return session;
}

async function echo(session: DTLSSession, text: string): Promise<string> {
  const answer = new Promise<string>((resolve) => {
    session.onmessage = (message) => resolve(Buffer.from(message).toString());
  });
  session.send(text);
  return answer;
}

async function inParts<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_ONCE)
    await Promise.all(all.slice(at, at + AT_ONCE).map((one) => each(one)));
}
