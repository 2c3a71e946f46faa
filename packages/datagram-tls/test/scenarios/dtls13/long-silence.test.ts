import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';

/** Longer than a part of a message that nobody has acknowledged is kept, ms. */
const SILENCE = 130_000;

suite('a handshake of DTLS 1.3 without a time limit', () => {
  for (const receiver of ['client', 'server'] as const) {
    const sender: Role = receiver === 'client' ? 'server' : 'client';
    for (let passing = 1; passing <= 4; passing++) {
      test(`goes on after a long silence, with ${passing} datagrams of the ${sender}'s flight`, () => {
        const endless = { handshakeTimeout: 0, mtu: 300 };
        const pair = new Pair({
          version: 'DTLSv1.3',
          clientBehaviour: endless,
          serverBehaviour: endless,
        });
        let protectedOnes = 0;
        let until = Number.POSITIVE_INFINITY;
        pair.intercept = (data, from) => {
          if (pair.now > until) return [data];
          const isProtected = ((data[0] ?? 0) & 0xe0) === 0x20;
          if (until !== Number.POSITIVE_INFINITY) return from === sender ? [] : [data];
          if (from !== sender || !isProtected) return [data];
          if (++protectedOnes <= passing) return [data];
          until = pair.now + SILENCE;
          return [];
        };
        pair.explain(() => {
          pair.connect();
          pair.runFor(SILENCE + 200_000);
          assert.deepEqual([pair.client.phase, pair.server.phase], ['open', 'open']);
          pair.intercept = undefined;
          assertAlive(pair);
        });
      });
    }
  }
});
