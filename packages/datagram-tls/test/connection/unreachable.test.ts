import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pair } from '../support/pair.js';
import { VERSIONS } from '../support/settings.js';

// Siege case D3: what the network says about a peer can be forged, so that it ends nothing by itself.

const REFUSED = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

for (const version of VERSIONS) {
  test(`${version}: a forged message about a closed port does not end a handshake that goes on`, () => {
    const pair = new Pair({ version }).connect();
    const { endpoint, entry } = pair.client;
    endpoint.handleUnreachable(entry, REFUSED, false, pair.now);
    assert.ok(pair.runUntil(() => pair.client.isConnected, 10_000));
    assert.equal(pair.client.error, undefined);
  });

  test(`${version}: a message about a closed port does not affect an open session`, () => {
    const pair = new Pair({ version }).handshake();
    const { endpoint, entry } = pair.client;
    for (const certain of [false, true]) endpoint.handleUnreachable(entry, REFUSED, certain, pair.now);
    pair.runFor(10_000);
    assert.ok(pair.client.isConnected);
    assert.equal(pair.client.error, undefined);
  });
}

test('a client whose only answer is a closed port ends with its first retransmission timer', () => {
  const pair = new Pair({ weather: { loss: 1 } }).connect();
  const { endpoint, entry } = pair.client;
  endpoint.handleUnreachable(entry, REFUSED, false, pair.now);
  pair.runFor(1000);
  assert.equal(pair.client.error?.code, 'ERR_DTLS_UNREACHABLE');
  assert.equal(entry.connection.counters.retransmissions, 1);
});
