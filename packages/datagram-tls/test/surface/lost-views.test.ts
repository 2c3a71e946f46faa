// Views of buffers that were transferred to another thread, or made smaller.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Endpoint, resolveLimits } from '#lib/core.js';
import { connect, createSecureContext } from '#lib/index.js';
import { serverIdReader } from '#lib/load-balancing.js';
import { client, roundTrip, server } from '../driver/echo.js';
import { CA, SERVERS } from '../support/identities.js';

const CODE = 'ERR_INVALID_ARG_VALUE';
const ADDRESS = '127.0.0.1';
const { cert, key } = SERVERS.p256;

type MakeView = () => Uint8Array;
const LOST: Readonly<Record<string, MakeView>> = {
  'a detached Uint8Array': () => detached(new Uint8Array(32)),
  'a detached Buffer': () => detached(Buffer.from(new ArrayBuffer(32))),
  'a Uint8Array beyond the end of its buffer': () => shrunk((buffer) => new Uint8Array(buffer, 16, 32)),
  'a Uint8Array that follows the end of its buffer': () => shrunk((buffer) => new Uint8Array(buffer, 16)),
};
const LOST_VIEWS: Readonly<Record<string, () => ArrayBufferView>> = {
  ...LOST,
  'a detached DataView': () => detached(new DataView(new ArrayBuffer(32))),
  'a DataView beyond the end of its buffer': () => shrunk((buffer) => new DataView(buffer, 16, 32)),
  'a detached Uint16Array': () => detached(new Uint16Array(16)),
};

function detached<View extends ArrayBufferView>(view: View): View {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}

/** TypeScript's library of the oldest Node does not know buffers that change their size. */
interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}

function shrunk<View>(make: (buffer: ArrayBuffer) => View): View {
  const Made = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => Resizable;
  const buffer = new Made(64, { maxByteLength: 64 });
  const view = make(buffer);
  buffer.resize(8);
  return view;
}

const OPTIONS: readonly [string, (bytes: Uint8Array) => unknown][] = [
  ['options.earlyData', (bytes) => connect(ADDRESS, 9, { earlyData: bytes })],
  ['options.earlyData', (bytes) => connect(ADDRESS, 9, { earlyData: ['first', bytes] })],
  ['options.session', (bytes) => connect(ADDRESS, 9, { session: bytes })],
  [
    'options.keepAlive.message',
    (bytes) => connect(ADDRESS, 9, { keepAlive: { interval: 1000, message: bytes } }),
  ],
  ['options.psk.key', (bytes) => createSecureContext({ psk: { identity: 'a', key: bytes } })],
  [
    'options.psk.identity',
    (bytes) => createSecureContext({ psk: { identity: bytes, key: Buffer.alloc(16) } }),
  ],
  ['options.cert', (bytes) => createSecureContext({ cert: bytes, key })],
  ['options.key', (bytes) => createSecureContext({ cert, key: bytes })],
  ['options.ca', (bytes) => createSecureContext({ ca: [CA, bytes] })],
  ['options.alpn', (bytes) => createSecureContext({ alpn: bytes })],
  [
    'options.ocspResponse',
    (bytes) => createSecureContext({ isServer: true, cert, key, ocspResponse: bytes }),
  ],
  ['options.ticketKeys', (bytes) => createSecureContext({ isServer: true, cert, key, ticketKeys: bytes })],
];

suite('a view that has lost its bytes is refused with a code, and nothing happens', () => {
  for (const [what, make] of Object.entries(LOST)) {
    for (const [name, use] of OPTIONS)
      test(`${what} in ${name}`, () => {
        assert.throws(() => use(make()), { code: CODE, message: new RegExp(name.replaceAll('.', '\\.')) });
      });

    test(`${what} as a datagram`, () => {
      const endpoint = new Endpoint(resolveLimits({}));
      const receive = (): void => endpoint.receive(make(), ADDRESS, 9, 'IPv4', 0);
      assert.throws(receive, { code: CODE, message: /datagram/ });
      assert.equal(endpoint.counters.datagramsReceived, 0);
      const read = serverIdReader({ configId: 0, serverIdLength: 4, nonceLength: 4 });
      assert.throws(() => read(make()), { code: CODE, message: /datagram/ });
    });
  }

  for (const [what, make] of Object.entries(LOST_VIEWS))
    test(`${what} in calls of an open session`, async (t) => {
      const echo = server(t);
      const session = client(echo.port);
      t.after(() => session.destroy());
      await session.opened;
      assert.throws(() => session.send(make()), { code: CODE, message: /data/ });
      const state = session.exportKeyingMaterial.bind(session, 32, 'EXPORTER-test');
      assert.throws(() => state(make()), { code: CODE, message: /context/ });
      const options = { key: Buffer.alloc(32) };
      assert.throws(() => echo.endpoint.import(make(), options), { code: CODE, message: /state/ });
      assert.equal(session.stats.messagesSent, 0n);
      assert.equal(await roundTrip(session, 'it goes on'), 'it goes on');
    });

  test('an empty view is none of these', async (t) => {
    const echo = server(t);
    const session = client(echo.port);
    t.after(() => session.destroy());
    await session.opened;
    for (const empty of [new Uint8Array(0), Buffer.alloc(0), new DataView(new ArrayBuffer(0))])
      session.send(empty);
    assert.equal(session.stats.messagesSent, 3n);
  });
});
