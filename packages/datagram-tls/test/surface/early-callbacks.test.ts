// Callbacks about early data that fail end nothing but the early data, and its error is never swallowed.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ConnectOptions, ListenOptions } from '#lib/index.js';
import { roundTrip } from '../driver/echo.js';
import { CA } from '../support/identities.js';
import { FAULTS, MINE, throwMine } from './callback-faults.js';
import { nextUncaught, nextWarning, Rig } from './callback-rig.js';

const CLIENT: ConnectOptions = { ca: CA, servername: 'localhost', minVersion: 'DTLSv1.3' };

interface Early {
  readonly rig: Rig;
  /** A session that is open already. */
  readonly witness: ReturnType<Rig['connect']>;
  /** A client that comes back with early data. */
  readonly comeBack: (options?: ConnectOptions) => ReturnType<Rig['connect']>;
}

async function early(server: Partial<ListenOptions>): Promise<Early> {
  const options = { ...CLIENT };
  const rig = new Rig({
    server: {
      maxEarlyData: 1000,
      ticketKeys: Buffer.alloc(80, 5),
      replayGuard: () => true,
      onearlydata: () => undefined,
      ...server,
    },
    client: options,
  });
  const witness = rig.connect();
  const saved = await new Promise<Buffer>((resolve) => {
    witness.onsession = resolve;
  });
  await roundTrip(witness, 'hello');
  return {
    rig,
    witness,
    comeBack: (more) => {
      Object.assign(options, { session: saved, earlyData: 'soon', ...more });
      return rig.connect();
    },
  };
}

suite('options.replayGuard', () => {
  test('the process is warned of the first failure', async (t) => {
    const warning = nextWarning();
    const { rig, witness, comeBack } = await early({ replayGuard: throwMine });
    t.after(() => rig.endpoint.destroy());
    const session = comeBack();
    const { code, message } = await warning;
    assert.equal(code, 'ERR_DTLS_CALLBACK');
    assert.match(message, /early data is refused: options\.replayGuard failed: mine$/);
    await session.opened;
    session.destroy();
    witness.destroy();
  });

  for (const fault of FAULTS.filter(({ timeout }) => timeout === undefined))
    test(`where it ${fault.name} early data is refused and counted, and comes after the handshake; the session goes on`, async (t) => {
      const told: string[] = [];
      const { rig, witness, comeBack } = await early({
        replayGuard: () => fault.answer() as boolean,
        onearlydata: (data) => void told.push(data.toString()),
      });
      t.after(() => rig.endpoint.destroy());
      const session = comeBack();
      await session.opened;
      assert.equal(session.earlyData, 'refused');
      assert.deepEqual(rig.endpoint.earlyDataRefusals, { failed: 1 });
      await roundTrip(session, 'on');
      await roundTrip(witness, 'still here');
      assert.deepEqual(told, []);
      assert.deepEqual(rig.errorsOf(rig.sessions[1]), []);
      session.destroy();
      witness.destroy();
    });

  test('where it never answers, that client alone waits, and others are served', async (t) => {
    const asked: unknown[] = [];
    const { rig, witness, comeBack } = await early({
      replayGuard: (digest) => {
        asked.push(digest);
        return new Promise<boolean>(() => undefined);
      },
    });
    t.after(() => rig.endpoint.destroy());
    // A machine that pauses may need longer than that until the guard is asked.
    for (let handshakeTimeout = 300; asked.length === 0; handshakeTimeout *= 4) {
      assert.ok(handshakeTimeout < 60_000, 'the guard is never asked');
      const session = comeBack({ handshakeTimeout });
      await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
    }
    await roundTrip(witness, 'still here');
    assert.equal(rig.sessions.length, 1);
    witness.destroy();
  });
});

suite('onearlydata', () => {
  for (const [fault, kind, answer] of [
    ['throws', 'uncaughtException', throwMine],
    ['rejects', 'unhandledRejection', (): unknown => Promise.reject(MINE)],
  ] as const)
    test(`where it ${fault} the process hears it, and the session goes on`, async (t) => {
      const { rig, witness, comeBack } = await early({ onearlydata: () => answer() });
      t.after(() => rig.endpoint.destroy());
      const uncaught = nextUncaught();
      const session = comeBack();
      assert.deepEqual(await uncaught, { kind, error: MINE });
      await session.opened;
      assert.equal(session.earlyData, 'accepted');
      await roundTrip(session, 'on');
      await roundTrip(witness, 'still here');
      session.destroy();
      witness.destroy();
    });
});
