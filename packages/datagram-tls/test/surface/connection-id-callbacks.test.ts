// A function that makes connection IDs and fails ends at most its own session, and its error is never swallowed.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ConnectOptions, DTLSSession, ListenOptions } from '#lib/index.js';
import { roundTrip, until } from '../driver/echo.js';
import { CA } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { MINE, throwMine } from './callback-faults.js';
import { Rig } from './callback-rig.js';

type Answer = () => unknown;

function gone(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const isMine = (error: unknown): void => assert.equal(error, MINE);
const hasCode =
  (code: string) =>
  (error: unknown): void => {
    assert.equal((error as { code?: string }).code, code);
    assert.match((error as Error).message, /options\.connectionId\.generate/);
  };

const FAULTS: readonly [string, Answer, (error: unknown) => void][] = [
  ['throws', throwMine, isMine],
  ['is async and rejects', () => Promise.reject(MINE), hasCode('ERR_INVALID_RETURN_VALUE')],
  ['is async', () => Promise.resolve(new Uint8Array(8)), hasCode('ERR_INVALID_RETURN_VALUE')],
  ['answers a number', () => 42, hasCode('ERR_INVALID_RETURN_VALUE')],
  [
    'answers what only looks like bytes',
    (): unknown => Object.create(Uint8Array.prototype),
    hasCode('ERR_INVALID_RETURN_VALUE'),
  ],
  ['answers bytes whose memory is gone', gone, hasCode('ERR_INVALID_RETURN_VALUE')],
  [
    'answers an object whose then throws',
    () =>
      Object.defineProperty({}, 'then', {
        get: () => {
          throw MINE;
        },
      }),
    hasCode('ERR_INVALID_RETURN_VALUE'),
  ],
  ['answers too many bytes', () => new Uint8Array(300), hasCode('ERR_OUT_OF_RANGE')],
];

for (const version of VERSIONS)
  for (const role of ['client', 'server'] as const)
    suite(`options.connectionId.generate of a ${role}, ${version}`, () => {
      for (const [name, answer, heard] of FAULTS)
        test(`where it ${name}, its own session fails and hears why, and nothing else ends`, async (t) => {
          let isFaulty = false;
          let made = 0;
          const good: Answer = () => Uint8Array.of(0xca, 0xfe, 0, 0, 0, 0, 0, made++);
          const generate = (): Uint8Array => (isFaulty ? answer() : good()) as Uint8Array;
          // Where both sides check paths, the peer of the open session asks for a spare ID at any moment.
          const both = { minVersion: version, maxVersion: version, returnRoutability: 'never' as const };
          const optionOf = (side: typeof role): Pick<ListenOptions & ConnectOptions, 'connectionId'> => ({
            connectionId: side === role ? { generate } : true,
          });
          const rig = new Rig({
            server: { ...both, ...optionOf('server') },
            client: { ...both, ca: CA, servername: 'localhost', ...optionOf('client') },
          });
          t.after(() => rig.endpoint.destroy());
          const witness = await rig.open();
          isFaulty = true;
          const failing = rig.connect();
          const own = (): DTLSSession | undefined => (role === 'client' ? failing : rig.sessions[1]);
          await until(() => rig.errorsOf(own()).length > 0);
          isFaulty = false;
          heard(rig.errorsOf(own())[0]);
          assert.equal(own()?.destroyed, true);
          failing.destroy();
          await roundTrip(witness, 'still here');
          (await rig.open()).destroy();
          witness.destroy();
        });
    });

for (const version of VERSIONS)
  suite(`options.connectionId.generate that repeats itself, ${version}`, () => {
    test('is asked eight times, and then its session has no ID', async (t) => {
      let asked = 0;
      const rig = new Rig({
        server: {
          connectionId: {
            generate: () => {
              asked++;
              return Uint8Array.of(0xca, 0xfe);
            },
          },
          // No peer asks for a spare one.
          returnRoutability: 'never',
        },
        client: { ca: CA, servername: 'localhost', minVersion: version, maxVersion: version },
      });
      t.after(() => rig.endpoint.destroy());
      const first = await rig.open();
      const second = await rig.open();
      assert.equal(asked, 1 + 8);
      assert.deepEqual(
        [first, second].map(({ connectionId }) => connectionId?.send.length),
        [2, 0],
      );
      await roundTrip(first, 'one');
      await roundTrip(second, 'other');
      await first.close();
      const third = await rig.open();
      assert.deepEqual([third.connectionId?.send.length, asked], [2, 1 + 8 + 1]);
      for (const session of [second, third]) session.destroy();
    });

    test('may end its endpoint', async (t) => {
      const rig = new Rig({
        server: {
          connectionId: {
            generate: () => {
              rig.endpoint.destroy();
              return Uint8Array.of(0xca, 0xfe);
            },
          },
        },
        client: { ca: CA, servername: 'localhost', minVersion: version, maxVersion: version },
      });
      const session = rig.connect();
      t.after(() => session.destroy());
      await rig.endpoint.closed;
      assert.equal(rig.endpoint.destroyed, true);
    });
  });
