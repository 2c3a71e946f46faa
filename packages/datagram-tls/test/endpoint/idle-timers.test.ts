// What the timers of sessions cost that nobody has to be woken for.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Crowd } from '../support/crowd.js';
import { VERSIONS } from '../support/settings.js';

const SESSIONS = 20;
const HOUR = 3_600_000;
/** So long a server of DTLS 1.2 keeps its last flight. */
const LAST_FLIGHT = 250_000;
const host = (i: number): string => `10.1.0.${i}`;

/** Calls of the server's timers that `act` makes due. */
function wakes(crowd: Crowd, act: () => void): number {
  const { server } = crowd;
  const handle = server.handleTimeout.bind(server);
  let count = 0;
  server.handleTimeout = (now) => {
    const due = server.pollTimeout();
    if (due !== undefined && due <= now) count++;
    handle(now);
  };
  act();
  server.handleTimeout = handle;
  return count;
}

for (const version of VERSIONS)
  suite(`${version}: timers of sessions`, () => {
    test('wake the endpoint as often in an hour of silence as in ten', () => {
      const [one, ten] = [1, 10].map((hours) => {
        const crowd = new Crowd(version, {}, { idleTimeout: 20 * HOUR });
        for (let i = 0; i < SESSIONS; i++) {
          crowd.client(host(i), 1000);
          crowd.wait(100);
        }
        const count = wakes(crowd, () => crowd.wait(hours * HOUR));
        assert.equal(crowd.server.hibernating, SESSIONS);
        return count;
      });
      assert.equal(ten, one);
      // Looks at whether it rests, and whether it hibernates.
      assert.ok(one !== undefined && one <= 4 * SESSIONS, `${one} for ${SESSIONS} sessions`);
    });

    test('are not moved by records', () => {
      const crowd = new Crowd(version, {}, { idleTimeout: HOUR, hibernateAfter: 0 });
      const members = crowd.clients(SESSIONS, host);
      crowd.wait(LAST_FLIGHT);
      const before = crowd.server.pollTimeout();
      const count = wakes(crowd, () => {
        for (let second = 0; second < 600; second++) {
          for (const member of members) crowd.say(member);
          crowd.wait(1000);
        }
      });
      assert.equal(crowd.server.pollTimeout(), before);
      assert.equal(count, 0);
    });
  });
