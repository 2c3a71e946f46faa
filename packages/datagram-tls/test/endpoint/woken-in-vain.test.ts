// Junk in the names of very many peers whose sessions hibernate.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeState, encodeState } from '#lib/connection/saved-state.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { MAX_WOKEN_IN_VAIN, type WokenInVain } from '#lib/endpoint/woken-in-vain.js';
import { fieldsOf } from '../support/inside.js';
import { Pair } from '../support/pair.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

const PORT = 1000;
const MORE = 100;
const ownHost = (i: number): string => `10.1.${i >> 8}.${i & 255}`;

/** A record with the epoch of a session, in which nothing else is right. */
const JUNK: Readonly<Record<TestedVersion, Uint8Array>> = {
  'DTLSv1.2': Uint8Array.of(23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 99, 0, 40, ...new Uint8Array(40)),
  'DTLSv1.3': Uint8Array.of(0x2f, 0, 99, 0, 40, ...new Uint8Array(40)),
};

/** A server with sessions that hibernate, and a record of the client of all of them. */
function asleep(
  version: TestedVersion,
  count: number,
): { readonly server: Endpoint; readonly entries: readonly ConnectionEntry[]; readonly record: Uint8Array } {
  const pair = new Pair({ version }).handshake().runFor(300_000);
  const saved = decodeState(pair.server.endpoint.save(pair.server.entry, pair.now));
  pair.client.endpoint.send(pair.client.entry, Uint8Array.of(1));
  const record = pair.client.endpoint.pollTransmit()?.data ?? assert.fail();
  const server = new Endpoint(UNLIMITED);
  const service = { security: security('server', version), behaviour: behaviour() };
  const entries = Array.from({ length: count }, (_, i) => {
    const peer = { address: ownHost(i), family: 'IPv4', port: PORT } as const;
    const entry = server.restore(encodeState({ ...saved, peer }), service, { age: 0, now: 0 });
    drain(server);
    assert.ok(server.hibernate(entry, 0));
    return entry;
  });
  return { server, entries, record };
}

function drain(server: Endpoint): void {
  while (server.pollTransmit() !== undefined);
  while (server.pollEvent() !== undefined);
}

function receive(server: Endpoint, data: Uint8Array, i: number): void {
  server.receive(data, ownHost(i), PORT, 'IPv4', 1);
  drain(server);
}

for (const version of VERSIONS)
  suite(`${version}: junk to sessions that hibernate`, () => {
    test('keeps no more of them awake than an endpoint has memory for, those that it woke last', () => {
      const count = MAX_WOKEN_IN_VAIN + MORE;
      const { server, entries, record } = asleep(version, count);
      for (let i = 0; i < count; i++) receive(server, JUNK[version], i);
      assert.equal(server.hibernating, MORE);
      assert.deepEqual(
        [0, MORE - 1, MORE, count - 1].map((i) => entries[i]?.connection.hibernates),
        [true, true, false, false],
      );
      for (const i of [0, count - 1]) {
        receive(server, record, i);
        assert.equal(entries[i]?.connection.counters.messagesReceived, 1);
      }
    });

    test('lets those stay awake whose peers were heard since', () => {
      const count = MAX_WOKEN_IN_VAIN + MORE;
      const { server, entries, record } = asleep(version, count);
      for (let i = 0; i < MORE; i++) {
        receive(server, JUNK[version], i);
        receive(server, record, i);
      }
      for (let i = MORE; i < count; i++) receive(server, JUNK[version], i);
      assert.equal(server.hibernating, 0);
      assert.equal(entries[0]?.connection.counters.messagesReceived, 1);
    });

    test('keeps none of them in mind that hibernates again', () => {
      const { server, record } = asleep(version, MORE);
      const kept = fieldsOf(server).get('#wokenInVain') as WokenInVain;
      for (let i = 0; i < MORE; i++) receive(server, JUNK[version], i);
      assert.equal(kept.length, MORE);
      receive(server, record, 0);
      for (let now = 0; now <= 200_000; now += 100) {
        server.handleTimeout(now);
        drain(server);
      }
      assert.equal(server.hibernating, MORE);
      assert.equal(kept.length, 0);
    });
  });
