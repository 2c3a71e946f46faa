// Issue "Connections that survive": a client of DTLS 1.3 whose address changes, or that goes on elsewhere, while it waits for the ACK
// of its last flight. Its server has everything, and heard the newest epoch: what comes in that of the handshake does not move it.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';

const version = 'DTLSv1.3';
/** Two runs of the client's timer, ms. */
const PATIENCE = 4000;

const phaseOf = (pair: Pair): string => pair.client.entry.connection.phase;

/** The server has the client's Finished and a message; what it sends is lost. */
function finishing(options: PairOptions = {}): Pair {
  const pair = new Pair({
    version,
    ...options,
    clientBehaviour: { connectionId: 0, ...options.clientBehaviour },
    serverBehaviour: { connectionId: 8, ...options.serverBehaviour },
  });
  pair.intercept = (data, from) => (from === 'server' && phaseOf(pair) !== 'handshaking' ? [] : [data]);
  pair.connect();
  assert.ok(pair.runUntil(() => phaseOf(pair) === 'finishing', 10_000));
  pair.send(pair.client, utf8('early bird'));
  pair.runFor(200);
  assert.equal(pair.server.messages.length, 1);
  assert.equal(phaseOf(pair), 'finishing');
  return pair;
}

function assertOpens(pair: Pair): void {
  pair.intercept = undefined;
  pair.explain(() => {
    assert.ok(
      pair.runUntil(() => phaseOf(pair) === 'open', PATIENCE),
      'not acknowledged',
    );
    assert.equal(pair.server.entry.peer.port, pair.client.address.port);
    pair.runFor(PATIENCE);
    assertAlive(pair);
  });
}

for (const [name, serverBehaviour] of [
  ['a check of the new path', {}],
  ['no check', { returnRoutability: 'never' }],
] as const)
  suite(`a client of DTLS 1.3 that waits for the ACK of its Finished, with ${name}`, () => {
    test('is followed to another address', () => {
      const pair = finishing({ serverBehaviour });
      pair.rebind(pair.client);
      assertOpens(pair);
    });

    test('is followed to another process at another address', () => {
      const pair = finishing({ serverBehaviour });
      pair.rebind(pair.client);
      pair.move(pair.client);
      assertOpens(pair);
    });

    test('is followed from a checkpoint to another process at another address', () => {
      const pair = finishing({ serverBehaviour });
      const { connection } = pair.client.entry;
      const state = connection.checkpoint(50, pair.now);
      connection.confirmCheckpoint(pair.now);
      pair.drain();
      pair.rebind(pair.client);
      pair.goOn('client', state);
      assertOpens(pair);
    });
  });
