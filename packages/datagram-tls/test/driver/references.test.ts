// Case D16: what keeps the process running.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { connect, DTLSEndpoint, type DTLSSession, type Transport } from '#lib/index.js';
import { client, echoServer, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

/** What a program in a process of its own writes, and its exit code. It is killed, which is `null`, after `patience` ms. */
async function run(body: string, patience = 60_000): Promise<{ output: string; code: number | null }> {
  const library = new URL('../../src/index.js', import.meta.url).href;
  const identities = new URL('../support/identities.js', import.meta.url).href;
  const program = `
    import { createSocket } from 'node:dgram';
    import { connect, listen, DTLSEndpoint } from '${library}';
    import { CA, SERVERS } from '${identities}';
    // A port of loopback that hears and never answers.
    const silent = () => new Promise((resolve) => {
      const socket = createSocket('udp4').unref();
      socket.bind(0, '127.0.0.1', () => resolve(socket.address().port));
    });
    const [silence, otherSilence] = [await silent(), await silent()];
    const local = { host: '127.0.0.1', port: 0, ...SERVERS.p256 };
    const ca = { ca: CA, servername: 'localhost' };
    const serve = () => listen((session) => { session.onmessage = (data) => session.send(data); }, local);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killed = setTimeout(() => child.kill('SIGKILL'), patience);
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(killed);
  return { output: output.trim(), code };
}

const ENDS = {
  'a server': `serve().unref();`,
  'a server with an open session': `
    const server = serve();
    const session = connect('127.0.0.1', server.address.port, ca);
    await session.opened;
    session.unref();
    server.unref();`,
  'a client in its handshake, whose timers run': `
    connect('127.0.0.1', silence, ca).unref();`,
  'a server that waits for room, or loops': `
    const server = serve().unref();
    const session = connect('127.0.0.1', server.address.port, ca);
    await session.opened;
    for (let i = 0; i < 2000; i++) session.send(Buffer.alloc(1000));
    session.ondrain = () => console.log('drained');
    session.unref();
    server[Symbol.asyncIterator]().next();`,
  'clients that share an endpoint, all of them': `
    const server = serve().unref();
    const endpoint = new DTLSEndpoint();
    const sessions = [0, 1].map(() => endpoint.connect('127.0.0.1', serve().unref().address.port, ca));
    await Promise.all(sessions.map(({ opened }) => opened));
    for (const session of sessions) session.unref();`,
} as const;

suite('an unreferenced endpoint or session lets the process end', () => {
  for (const [what, body] of Object.entries(ENDS))
    test(what, async () => {
      assert.equal((await run(`${body}\nconsole.log('end of program');`)).code, 0);
    });
});

const STAYS = {
  'a server, by default': `serve();`,
  'a server that was unreferenced and referenced again': `serve().unref().ref();`,
  'a client whose session was referenced again': `connect('127.0.0.1', silence, ca).unref().ref();`,
  'clients that share an endpoint, one of them': `
    const endpoint = new DTLSEndpoint();
    endpoint.connect('127.0.0.1', silence, ca).unref();
    endpoint.connect('127.0.0.1', otherSilence, ca);`,
} as const;

suite('a referenced endpoint or session keeps the process running', () => {
  for (const [what, body] of Object.entries(STAYS))
    test(what, async () => {
      // Three turns after nothing else keeps it: it would have ended without writing.
      const later = `setTimeout(() => { console.log('still running'); process.exit(3); }, 300).unref();`;
      assert.deepEqual(await run(`${body}\n${later}`), { output: 'still running', code: 3 });
    });
});

suite('ref and unref', () => {
  test('they return their object, and do nothing after the end', async () => {
    const server = echoServer();
    const session = client(server.port);
    assert.equal(session.unref().ref(), session);
    assert.equal(server.endpoint.unref().ref(), server.endpoint);
    await session.opened;
    await session.close();
    await server.endpoint.close();
    assert.equal(session.unref(), session);
    assert.equal(server.endpoint.unref(), server.endpoint);
  });

  test('a transport is told what is wanted, once it is open, and only when it changes', async () => {
    const calls: string[] = [];
    const transport: Transport = Object.assign(new MemoryNetwork().transport('a'), {
      ref: () => void calls.push('ref'),
      unref: () => void calls.push('unref'),
    });
    const session: DTLSSession = connect('b', 1, { transport });
    assert.deepEqual(calls, []);
    session.unref().unref();
    assert.deepEqual(calls, ['unref']);
    session.ref().ref();
    assert.deepEqual(calls, ['unref', 'ref']);
    session.endpoint.unref();
    session.ref();
    assert.deepEqual(calls, ['unref', 'ref', 'unref']);
    await session.close();
  });

  test('a transport without these methods is left alone, and other values for them are refused', async () => {
    const session = connect('b', 1, { transport: new MemoryNetwork().transport('a') });
    session.unref();
    await session.close();
    const transport = Object.assign(new MemoryNetwork().transport('c'), { ref: 1 });
    assert.throws(() => connect('b', 1, { transport: transport as never }), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: /options\.transport\.ref/,
    });
  });

  test('a session that ends leaves the references of the others as they are', async (t) => {
    const calls: string[] = [];
    const transport: Transport = Object.assign(new MemoryNetwork().transport('a'), {
      ref: () => void calls.push('ref'),
      unref: () => void calls.push('unref'),
    });
    const endpoint = new DTLSEndpoint({ transport });
    t.after(() => endpoint.destroy());
    const [first, second] = [endpoint.connect('b', 1), endpoint.connect('b', 2)];
    first.unref();
    assert.deepEqual(calls, []);
    second.unref();
    assert.deepEqual(calls, ['unref']);
    const third = endpoint.connect('b', 3);
    assert.deepEqual(calls, ['unref', 'ref']);
    await Promise.all([first, second, third].map((session) => session.close()));
    await until(() => first.destroyed);
  });
});
