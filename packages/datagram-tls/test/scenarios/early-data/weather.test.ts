import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, sharing, taking } from '../../support/early.js';
import type { Weather } from '../../support/network.js';
import type { Pair } from '../../support/pair.js';

const MESSAGES = Array.from({ length: 6 }, (_, i) => utf8(`message ${i}`));
const SEEDS = 60;

const BAD: Readonly<Record<string, Partial<Weather>>> = {
  loss: { loss: 0.2 },
  'loss, duplicates and any order': { loss: 0.1, duplication: 0.3, jitter: 60 },
};

/** Each with its own memory of the clock, which begins again with each pair. */
const SERVERS: Readonly<Record<'taken' | 'refused', () => SecurityOptions>> = {
  taken: () => taking(),
  refused: () => sharing(1000, { replayGuard: () => false }),
};

/** Returns whether the handshake completed: it may take too long. */
function settle(pair: Pair): boolean {
  const { client, server } = pair.connect();
  const over = (): boolean => [client, server].every(({ phase }) => phase === 'open' || phase === 'closed');
  pair.runUntil(() => client.isClosed || (client.isConnected && over()), 120_000);
  pair.runFor(62_000);
  const ends = [client.phase, server.phase].join();
  assert.ok(ends === 'open,open' || !ends.includes('open'), ends);
  return client.isConnected;
}

/**
 * No message arrives twice as early data, or twice as application data. It arrives once as each only where the server has
 * discarded a silent client, and that client, which received no answer, has sent the message again.
 */
function assertOnce({ server }: Pair): void {
  const early = server.early.map(String);
  const later = server.messages.map(String);
  assert.equal(new Set(early).size, early.length, 'twice early');
  assert.equal(new Set(later).size, later.length, 'twice later');
  const forgotten = server.entries.length > 1;
  if (!forgotten) assert.equal(new Set([...early, ...later]).size, early.length + later.length, 'twice');
}

suite('early data on lossy paths', () => {
  for (const [nr, [what, weather]] of Object.entries(BAD).entries()) {
    for (const [how, make] of Object.entries(SERVERS)) {
      test(`${what}, ${how}: no early message is delivered twice or in the wrong place, over ${SEEDS} seeds`, () => {
        let came = 0;
        let accepted = 0;
        let connections = 0;
        const start = 1 + nr * SEEDS;
        for (let seed = start; seed < start + SEEDS; seed++) {
          const server = make();
          const pair = comingBack(sessionFor({ server }), MESSAGES, { server, seed, weather });
          pair.explain(() => {
            const connected = settle(pair);
            assertOnce(pair);
            if (!connected) return;
            connections++;
            const { earlyData } = pair.client.entry.connection;
            assert.ok(earlyData === 'accepted' || earlyData === 'refused', earlyData);
            if (how === 'refused') assert.equal(earlyData, 'refused');
            if (earlyData === 'accepted') assert.deepEqual(pair.server.messages, []);
            else if (pair.server.entries.length === 1) assert.deepEqual(pair.server.early, []);
            accepted += earlyData === 'accepted' ? 1 : 0;
            came += pair.server.early.length + pair.server.messages.length;
          });
        }
        assert.ok(connections > 0.9 * SEEDS, `${connections} handshakes`);
        // Early data that overtakes its ClientHello is lost, too.
        assert.ok(came > (SEEDS * MESSAGES.length) / 3, `${came} messages came`);
        if (how === 'taken') assert.ok(accepted > SEEDS / 2, `${accepted} were accepted`);
      });
    }
  }

  test('a handshake with early data whose flights are lost repeatedly still ends, accepted or not', () => {
    for (let lost = 1; lost < 5; lost++) {
      for (const from of ['client', 'server'] as const) {
        const server = taking();
        const pair = comingBack(sessionFor({ server }), MESSAGES, { server, seed: 1000 + lost });
        let left = lost;
        pair.intercept = (data, sender) => (sender === from && left-- > 0 ? [] : [data]);
        pair.explain(() => {
          assert.ok(settle(pair));
          assertOnce(pair);
          pair.intercept = undefined;
          assertAlive(pair);
        });
      }
    }
  });
});
