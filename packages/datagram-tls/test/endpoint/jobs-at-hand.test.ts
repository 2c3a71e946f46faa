import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { performIn } from '#lib/endpoint/endpoint.js';
import type { Job } from '#lib/handshake/jobs.js';
import { isAtHand } from '#lib/policy/perform-job.js';
import { performNow } from '../support/jobs.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { VERSIONS } from '../support/settings.js';

const KEY = new Uint8Array(16).fill(7);
const PSK: PairOptions['client'] = { psk: { identity: 'client', key: KEY } };
const WITHOUT_CERTIFICATE = { cert: undefined, key: undefined };

/** Until both sides are open; jobs of the client are done as it tells of them. */
function open(pair: Pair): void {
  pair.connect();
  pair.runUntil(() => {
    while (pair.client.jobs.length > 0) pair.answer(pair.client);
    return pair.client.sessions.length + pair.server.sessions.length === 2;
  }, 60_000);
}

suite('jobs that are answered within the step that asks for them', () => {
  for (const version of VERSIONS) {
    test(`a server's owner is told of none that its performer answers, ${version}`, () => {
      const pair = new Pair({ version, jobs: 'by-hand' });
      const asked: Job['kind'][] = [];
      performIn(pair.server.endpoint, (job, security) => {
        asked.push(job.kind);
        assert.ok(isAtHand(job, security));
        return performNow(job, security);
      });
      open(pair);
      assert.deepEqual(pair.server.jobs, []);
      assert.equal(asked[0], 'sign');
      assert.equal(pair.server.sessions[0]?.resumed, false);
    });

    test(`a performer that does not answer leaves the job to the owner, ${version}`, () => {
      const pair = new Pair({ version, jobs: 'by-hand' });
      performIn(pair.server.endpoint, () => undefined);
      pair.connect();
      pair.runUntil(() => pair.server.jobs.length > 0, 60_000);
      assert.equal(pair.server.jobs[0]?.job.kind, 'sign');
    });

    test(`what a performer could not do fails the handshake as a job does, ${version}`, () => {
      const pair = new Pair({ version });
      const cause = new Error('the key is gone');
      performIn(pair.server.endpoint, () => ({ kind: 'failed', cause }));
      pair.connect();
      pair.runUntil(() => pair.server.isClosed && pair.client.isClosed, 60_000);
      assert.deepEqual([pair.server.error?.code, pair.server.error?.cause], ['ERR_DTLS_CALLBACK', cause]);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
    });
  }

  test('a key that is at hand is found without a job in DTLS 1.2, and nothing has to be held for it', () => {
    const pair = new Pair({
      version: 'DTLSv1.2',
      jobs: 'by-hand',
      client: PSK,
      server: { ...WITHOUT_CERTIFICATE, psk: { client: KEY } },
    });
    let held = 0;
    pair.onArrival = () => {
      held = Math.max(held, pair.server.endpoint.heldBytes);
    };
    open(pair);
    assert.deepEqual([pair.server.jobs.length, held], [0, 0]);
  });

  test('a function of the application that finds keys is a job, and not at hand', () => {
    const pair = new Pair({
      version: 'DTLSv1.2',
      jobs: 'by-hand',
      client: PSK,
      server: { ...WITHOUT_CERTIFICATE, psk: () => KEY },
    });
    pair.connect();
    pair.runUntil(() => {
      while (pair.client.jobs.length > 0) pair.answer(pair.client);
      return pair.server.jobs.length > 0;
    }, 60_000);
    const { entry, job } = pair.server.jobs[0] ?? assert.fail();
    assert.equal(job.kind, 'find-psk');
    assert.equal(isAtHand(job, entry.connection.security), false);
    pair.answer(pair.server);
    pair.runUntil(() => pair.client.sessions.length + pair.server.sessions.length === 2, 60_000);
  });
});
