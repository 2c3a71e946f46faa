// A process whose own option `connectionId` is false goes on with a session that has connection IDs.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { VERSIONS } from '../../support/settings.js';

const IDS = { connectionId: 8 };

for (const version of VERSIONS)
  suite(`${version}: a session with connection IDs in a process that asks for none`, () => {
    for (const role of ['client', 'server'] as const)
      test(`the ${role} keeps its IDs, and uses those that its peer gives`, () => {
        const behaviours = { clientBehaviour: IDS as object, serverBehaviour: IDS as object };
        const pair = new Pair({
          version,
          get clientBehaviour() {
            return behaviours.clientBehaviour;
          },
          get serverBehaviour() {
            return behaviours.serverBehaviour;
          },
        }).handshake();
        pair.runFor(10_000);
        const before = pair.idsOf(pair[role]);
        behaviours[`${role}Behaviour`] = { connectionId: false };
        pair.move(pair[role]);
        assert.deepEqual(pair.idsOf(pair[role]), before);
        if (version === 'DTLSv1.3') {
          for (const side of [pair.client, pair.server]) {
            side.endpoint.renewConnectionId(side.entry, pair.now);
            pair.drain();
            pair.runFor(10_000);
          }
          const after = pair.idsOf(pair[role]);
          assert.notDeepEqual(after.send, before.send);
          // It has no length for IDs of its own, so it gives none.
          assert.deepEqual(after.receive, before.receive);
        }
        pair.rebind(pair.client);
        assertAlive(pair);
      });
  });
