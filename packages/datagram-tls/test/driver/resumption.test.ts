import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ConnectOptions, ListenOptions } from '#lib/index.js';
import { CA, CLIENTS } from '../support/identities.js';
import { client, echoServer, roundTrip } from './echo.js';

const VERSION = { minVersion: 'DTLSv1.3' } as const;
const OLDER = { maxVersion: 'DTLSv1.2' } as const;

/** Connects, waits for a ticket, and leaves. */
async function visit(
  port: number,
  options: ConnectOptions = {},
): Promise<{ ticket: Buffer; reused: boolean }> {
  const session = client(port, 'maxVersion' in options ? options : { ...VERSION, ...options });
  const ticket = new Promise<Buffer>((resolve) => {
    session.onsession = resolve;
  });
  await session.opened;
  assert.equal(await roundTrip(session, 'hello'), 'hello');
  const kept = await ticket;
  assert.equal(session.session, kept);
  const { reused } = session;
  await session.close();
  return { ticket: kept, reused };
}

suite('resumption over sockets', () => {
  for (const version of [VERSION, OLDER])
    test(`a returning client is resumed: both sides are authenticated without certificates, ${Object.values(version).join()}`, async () => {
      const server = echoServer({ ca: CA, requestCert: true });
      const { ticket, reused } = await visit(server.port, { ...version, ...CLIENTS.p256 });
      assert.equal(reused, false);
      const again = client(server.port, { ...version, ...CLIENTS.p256, session: ticket });
      await again.opened;
      assert.equal(await roundTrip(again, 'hello'), 'hello');
      assert.ok(again.reused && again.authorized);
      assert.equal(again.authorizationError, undefined);
      assert.equal(again.peerX509Certificate?.subject, 'CN=localhost');
      const [first, second] = server.sessions;
      assert.ok(second?.reused === true && second.authorized);
      assert.equal(second.session, undefined);
      assert.ok(first?.reused === false);
      assert.match(String(second.peerX509Certificate?.subject), /CN=/);
      await again.close();
      assert.deepEqual([again.reused, again.session], [false, undefined]);
      await server.endpoint.close();
    });

  test('a ticket is offered once', async () => {
    const server = echoServer();
    const { ticket } = await visit(server.port);
    const second = await visit(server.port, { session: ticket });
    assert.ok(second.reused);
    assert.ok(!(await visit(server.port, { session: ticket })).reused);
    assert.ok((await visit(server.port, { session: second.ticket })).reused);
    await server.endpoint.close();
  });

  test('a ticket of DTLS 1.2 is offered repeatedly during its lifetime', async () => {
    const server = echoServer();
    const { ticket } = await visit(server.port, OLDER);
    for (let visits = 0; visits < 3; visits++) {
      const again = await visit(server.port, { ...OLDER, session: ticket });
      assert.ok(again.reused);
      assert.equal(again.ticket.length, ticket.length);
    }
    await server.endpoint.close();
  });

  test("nodes that share keys resume each other's sessions", async () => {
    const keys = async (): Promise<Buffer[]> => Promise.resolve([Buffer.alloc(80, 3)]);
    const [one, other] = [echoServer({ ticketKeys: keys }), echoServer({ ticketKeys: Buffer.alloc(80, 3) })];
    const { ticket } = await visit(one.port);
    assert.ok((await visit(other.port, { session: ticket })).reused);
    await Promise.all([one.endpoint.close(), other.endpoint.close()]);
  });

  test('a session for another server is refused at once', async () => {
    const server = echoServer();
    const { ticket } = await visit(server.port);
    assert.throws(() => client(server.port, { session: ticket, servername: 'other.example' }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /'localhost' and cannot be reused for 'other\.example'/,
    });
    assert.throws(() => client(server.port, { session: Buffer.from('junk') }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await server.endpoint.close();
  });

  test('a ticketKeys function that throws or returns a wrong value costs the ticket, not the session', async () => {
    const answers: ListenOptions['ticketKeys'][] = [
      () => Promise.reject(new Error('the key service is away')),
      () => {
        throw new Error('the key service is away');
      },
      () => Buffer.alloc(79),
    ];
    for (const ticketKeys of answers) {
      const server = echoServer({ ticketKeys });
      const session = client(server.port, VERSION);
      await session.opened;
      assert.equal(await roundTrip(session, 'hello'), 'hello');
      assert.equal(session.session, undefined);
      assert.equal(server.sessions[0]?.stats.ticketKeyFailureCount, 1n);
      await session.close();
      await server.endpoint.close();
    }
  });
});
