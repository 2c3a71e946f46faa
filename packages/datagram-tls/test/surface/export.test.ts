// Exported keying material.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DTLSSession } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';

async function open(
  version: 'DTLSv1.2' | 'DTLSv1.3',
  after: (end: () => void) => void,
): Promise<readonly [DTLSSession, DTLSSession]> {
  const server = echoServer();
  after(() => server.endpoint.destroy());
  const session = client(server.port, { minVersion: version, maxVersion: version });
  await session.opened;
  const other = server.sessions[0] as DTLSSession;
  await other.opened;
  return [session, other];
}

suite('exported keying material', () => {
  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    test(`${version}: both sides export the same, by label, context and length`, async (t) => {
      const sides = await open(version, t.after.bind(t));
      const [ours, theirs] = sides.map((side) => side.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp'));
      assert.deepEqual(ours, theirs);
      assert.equal(ours?.length, 60);
      const [session] = sides;
      const of = (label: string, context?: ArrayBufferView): string =>
        session.exportKeyingMaterial(32, label, context).toString('hex');
      assert.notEqual(of('EXPORTER-a'), of('EXPORTER-b'));
      assert.notEqual(of('EXPORTER-a'), of('EXPORTER-a', Buffer.from('x')));
    });

    test(`${version}: a context may be any view, which covers its own bytes only`, async (t) => {
      const [session] = await open(version, t.after.bind(t));
      const whole = Buffer.from('..context..');
      const views = [
        Buffer.from('context'),
        new Uint8Array(whole.buffer, whole.byteOffset + 2, 7),
        new DataView(whole.buffer, whole.byteOffset + 2, 7),
      ];
      const exported = views.map((view) =>
        session.exportKeyingMaterial(16, 'EXPORTER-x', view).toString('hex'),
      );
      assert.equal(new Set(exported).size, 1);
    });

    test(`${version}: wrong arguments are refused in the order of the arguments`, async (t) => {
      const [session] = await open(version, t.after.bind(t));
      const attempt = session.exportKeyingMaterial.bind(session) as (...args: unknown[]) => Buffer;
      for (const [args, code, message] of [
        [['32', 5], 'ERR_INVALID_ARG_TYPE', /length/],
        [[1.5, 'x'], 'ERR_OUT_OF_RANGE', /length/],
        [[0, 'x'], 'ERR_OUT_OF_RANGE', /length/],
        [[-1, 'x'], 'ERR_OUT_OF_RANGE', /length/],
        [[65_537, 5], 'ERR_OUT_OF_RANGE', /length.*65536/],
        [[2 ** 32, 'x'], 'ERR_OUT_OF_RANGE', /length/],
        [[32, 5, 'x'], 'ERR_INVALID_ARG_TYPE', /label/],
        [[32], 'ERR_INVALID_ARG_TYPE', /label/],
        [[32, 'x', 'text'], 'ERR_INVALID_ARG_TYPE', /context/],
        [[32, 'x', null], 'ERR_INVALID_ARG_TYPE', /context/],
      ] as const)
        assert.throws(() => attempt(...args), { code, message }, JSON.stringify(args));
    });
  }

  test('DTLSv1.2: 65536 bytes can be exported, and labels of any length', async (t) => {
    const [session] = await open('DTLSv1.2', t.after.bind(t));
    assert.equal(session.exportKeyingMaterial(65_536, 'EXPORTER-x').length, 65_536);
    assert.equal(session.exportKeyingMaterial(1, 'x'.repeat(300)).length, 1);
  });

  test('DTLSv1.2: labels of the handshake are refused', async (t) => {
    const [session] = await open('DTLSv1.2', t.after.bind(t));
    for (const label of ['master secret', 'key expansion', 'client finished', 'extended master secret x'])
      assert.throws(() => session.exportKeyingMaterial(32, label), { code: 'ERR_CRYPTO_OPERATION_FAILED' });
  });

  test('DTLSv1.3: what HKDF cannot give is refused with a code', async (t) => {
    const [session] = await open('DTLSv1.3', t.after.bind(t));
    assert.equal(session.cipher?.name, 'TLS_AES_128_GCM_SHA256');
    assert.equal(session.exportKeyingMaterial(8160, 'EXPORTER-x').length, 8160);
    const code = 'ERR_CRYPTO_OPERATION_FAILED';
    assert.throws(() => session.exportKeyingMaterial(8161, 'EXPORTER-x'), { code, message: /8160/ });
    assert.equal(session.exportKeyingMaterial(1, 'x'.repeat(249)).length, 1);
    assert.throws(() => session.exportKeyingMaterial(1, 'x'.repeat(250)), { code, message: /249/ });
    assert.throws(() => session.exportKeyingMaterial(1, 'é'.repeat(150)), { code, message: /249/ });
  });

  test('nothing is exported before the handshake is done and after the end', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    assert.throws(() => session.exportKeyingMaterial(32, 'x'), { code: 'ERR_INVALID_STATE' });
    await session.opened;
    await session.close();
    assert.throws(() => session.exportKeyingMaterial(32, 'x'), { code: 'ERR_INVALID_STATE' });
  });
});
