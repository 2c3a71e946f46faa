// Where the sessions of one endpoint are found when another goes on with them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { Pair } from '../../support/pair.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../../support/settings.js';

const IDS = { clientBehaviour: { connectionId: 0 }, serverBehaviour: { connectionId: 8 } };

/** The server's state of a session, and a message of its client that the server has not got. */
function state(version: TestedVersion, seed: number, options: object) {
  const pair = new Pair({ version, seed, ...options }).handshake();
  const seen: Uint8Array[] = [];
  pair.intercept = (data) => {
    seen.push(data);
    return [];
  };
  pair.send(pair.client, utf8(`of ${seed}`));
  pair.runFor(100);
  const [datagram] = seen;
  assert.ok(datagram);
  const { peer } = pair.server.entry;
  return { bytes: pair.server.endpoint.save(pair.server.entry, pair.now), datagram, peer };
}

function messagesOf(endpoint: Endpoint): string[] {
  const messages: string[] = [];
  for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent())
    if (event.type === 'connection' && event.event.type === 'message')
      messages.push(new TextDecoder().decode(event.event.data));
  return messages;
}

for (const version of VERSIONS)
  suite(`${version}: two sessions whose clients had the same address, one after the other`, () => {
    const service = { security: security('server', version), behaviour: behaviour({ connectionId: 8 }) };
    const times = { age: 0, now: 0 };

    for (const [title, first, second] of [
      ['both with connection IDs', IDS, IDS],
      ['the first with connection IDs', IDS, {}],
      ['the second with connection IDs', {}, IDS],
    ] as const)
      test(`go on together, ${title}`, () => {
        const endpoint = new Endpoint(UNLIMITED);
        endpoint.serve(service);
        const states = [state(version, 1, first), state(version, 2, second)];
        for (const { bytes } of states) endpoint.restore(bytes, service, times);
        assert.equal(endpoint.size, 2);
        for (const { datagram, peer } of states)
          endpoint.receive(datagram, peer.address, peer.port, peer.family, 0);
        assert.deepEqual(messagesOf(endpoint), ['of 1', 'of 2']);
      });

    test('are refused where neither has connection IDs', () => {
      const endpoint = new Endpoint(UNLIMITED);
      endpoint.restore(state(version, 1, {}).bytes, service, times);
      assert.throws(() => endpoint.restore(state(version, 2, {}).bytes, service, times), {
        code: 'ERR_DTLS_ADDRESS_IN_USE',
      });
      assert.equal(endpoint.size, 1);
    });

    test('are refused where they are the same session', () => {
      const endpoint = new Endpoint(UNLIMITED);
      const { bytes, datagram, peer } = state(version, 1, IDS);
      endpoint.restore(bytes, service, times);
      assert.throws(() => endpoint.restore(bytes, service, times), {
        code: 'ERR_DTLS_STATE',
        reason: 'USED',
      });
      const elsewhere = { ...peer, port: 9 };
      assert.throws(() => endpoint.restore(bytes, service, times, elsewhere), {
        code: 'ERR_DTLS_STATE',
        reason: 'USED',
      });
      endpoint.receive(datagram, peer.address, peer.port, peer.family, 0);
      assert.deepEqual(messagesOf(endpoint), ['of 1']);
    });

    test('leave no connection ID behind where they are damaged', () => {
      const endpoint = new Endpoint(UNLIMITED);
      const { bytes } = state(version, 1, IDS);
      assert.throws(() => endpoint.restore(Uint8Array.of(...bytes, 0), service, times), {
        code: 'ERR_DTLS_STATE',
      });
      endpoint.restore(bytes, service, times);
      assert.equal(endpoint.size, 1);
    });
  });
