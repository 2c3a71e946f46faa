// Issue "Connections that survive", d: sessions that move at any moment, on lossy paths, whatever is under way.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { Connection } from '#lib/connection/connection.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { behaviour, security, VERSIONS } from '../../support/settings.js';

const SEEDS = 400;
const GIVEN = process.env['DTLS_SEED'];
const LOSSY = { loss: 0.15, duplication: 0.1, jitter: 30 } as const;
/** The handshake is not the matter here. */
const PATIENT = { handshakeTimeout: 0 } as const;
const CALM = { loss: 0, duplication: 0, corruption: 0 } as const;

function seeds(): number[] {
  return GIVEN === undefined ? Array.from({ length: casesOf(SEEDS) }, (_, i) => i + 1) : [Number(GIVEN)];
}

/** Messages, key updates and moves of either side, in any order, while others are under way. */
function play(pair: Pair, sent: Record<'client' | 'server', Set<string>>): void {
  const random = new Random(pair.seed);
  for (let step = 0; step < 30; step++) {
    const side = random.chance(0.5) ? pair.client : pair.server;
    const choice = random.below(10);
    if (choice < 5) {
      const text = `${side.role} ${step}`;
      sent[side.role].add(text);
      pair.send(side, utf8(text));
    } else if (choice < 7 && pair.version === 'DTLSv1.3') {
      side.endpoint.updateKeys(side.entry, { requestPeer: random.chance(0.5) }, pair.now);
      pair.drain();
    } else if (choice < 9) {
      const received = side.messages;
      pair.move(side, random.pick([0, 0, 5, 2000]));
      (side.role === 'client' ? pair.client : pair.server).messages.push(...received);
    }
    pair.runFor(random.pick([0, 3, 30, 1500]));
  }
}

for (const version of VERSIONS) {
  suite(`${version}: sessions that move`, () => {
    test('lose nothing but datagrams, and deliver none twice', () => {
      for (const seed of seeds()) {
        const pair = new Pair({
          version,
          seed,
          weather: LOSSY,
          clientBehaviour: PATIENT,
          serverBehaviour: PATIENT,
        });
        pair.explain(() => {
          pair.handshake();
          pair.network.weather = { ...pair.network.weather, corruption: 0.02 };
          const sent = { client: new Set<string>(), server: new Set<string>() };
          play(pair, sent);
          pair.network.weather = { ...pair.network.weather, ...CALM };
          pair.runFor(120_000);
          for (const [side, from] of [
            [pair.server, 'client'],
            [pair.client, 'server'],
          ] as const) {
            const texts = side.messages.map((bytes) => new TextDecoder().decode(bytes));
            assert.equal(new Set(texts).size, texts.length, 'a message came twice');
            assert.ok(
              texts.every((text) => sent[from].has(text)),
              'a message that was not sent',
            );
          }
          const marks = [pair.client.messages.length, pair.server.messages.length] as const;
          pair.send(pair.client, utf8('last up'));
          pair.send(pair.server, utf8('last down'));
          pair.runFor(1000);
          assert.equal(pair.client.messages.length, marks[0] + 1, 'the client hears no more');
          assert.equal(pair.server.messages.length, marks[1] + 1, 'the server hears no more');
          assert.deepEqual([pair.client.phase, pair.server.phase], ['open', 'open']);
          if (version === 'DTLSv1.3') {
            const { epochs } = { epochs: pair.client.entry.connection };
            pair.client.endpoint.updateKeys(pair.client.entry, { requestPeer: true }, pair.now);
            pair.runFor(5000);
            assert.equal(epochs.phase, 'open');
            pair.send(pair.server, utf8('under new keys'));
            pair.runFor(1000);
            assert.equal(pair.client.messages.length, marks[0] + 2, 'the keys are not renewed any more');
          }
        });
      }
    });

    test('whose state is damaged are refused with a code', () => {
      const pair = new Pair({ version, weather: LOSSY }).handshake();
      const random = new Random(7);
      const state = pair.server.endpoint.save(pair.server.entry, pair.now);
      const times = { age: 0, now: 0 };
      for (let i = 0; i < casesOf(8000); i++) {
        const bytes = state.slice(0, random.chance(0.3) ? random.below(state.length) : state.length);
        for (let flips = random.below(4); flips >= 0 && bytes.length > 0; flips--)
          bytes[random.below(bytes.length)] = random.below(256);
        try {
          Connection.restore(bytes, security('server', version), behaviour(), times);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_DTLS_STATE', String(error));
        }
      }
    });
  });
}
