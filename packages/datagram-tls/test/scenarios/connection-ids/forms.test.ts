import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { VERSIONS } from '../../support/settings.js';

for (const version of VERSIONS) {
  for (const role of ['client', 'server'] as const) {
    const peer: Role = role === 'client' ? 'server' : 'client';

    suite(`the form of records to the ${role}, ${version}`, () => {
      /** A session whose records to `role` have IDs of `length` bytes, and one of them with another form. */
      function oneOf(length: number): { pair: Pair; record: Uint8Array } {
        const pair = new Pair({
          version,
          clientBehaviour: { connectionId: role === 'client' ? length : 0 },
          serverBehaviour: { connectionId: role === 'server' ? length : 0 },
        }).handshake();
        let record: Uint8Array | undefined;
        pair.intercept = (data, from) => {
          if (from !== peer || record !== undefined) return [data];
          record = data.slice();
          return [];
        };
        pair.send(pair[peer], Uint8Array.of(1, 2, 3));
        pair.runFor(100);
        pair.intercept = undefined;
        assert.ok(record);
        return { pair, record };
      }

      test('records without an ID are dropped and counted where one was agreed on', () => {
        const { pair, record } = oneOf(8);
        const at = version === 'DTLSv1.3' ? 1 : 11;
        const without = Uint8Array.of(...record.slice(0, at), ...record.slice(at + 8));
        without[0] = version === 'DTLSv1.3' ? (record[0] as number) & ~0x10 : ContentType.application_data;
        pair.inject(pair[role], without);
        assert.deepEqual(pair[role].dropped, { missing_cid: 1 });
        assertAlive(pair);
      });

      test('records with an ID are dropped and counted where none was agreed on', () => {
        const { pair, record } = oneOf(0);
        const at = version === 'DTLSv1.3' ? 1 : 11;
        const withOne = Uint8Array.of(...record.slice(0, at), 1, 2, 3, 4, ...record.slice(at));
        withOne[0] = version === 'DTLSv1.3' ? (record[0] as number) | 0x10 : ContentType.tls12_cid;
        pair.inject(pair[role], withOne);
        assert.deepEqual(pair[role].dropped, { unknown_cid: 1 });
        assertAlive(pair);
      });

      test('after a record with the ID of another association the rest of the datagram is discarded', () => {
        const { pair, record } = oneOf(8);
        const other = record.slice();
        const at = version === 'DTLSv1.3' ? 1 : 11;
        other[at] = (other[at] as number) ^ 1;
        pair.inject(pair[role], Uint8Array.of(...record, ...other, ...record));
        assert.deepEqual(pair[role].dropped, { unknown_cid: 1 });
        assert.equal(pair[role].messages.length, 1);
        assertAlive(pair);
      });
    });
  }
}

test('an authentic record without the agreed ID is dropped, too', () => {
  const pair = new Pair({
    version: 'DTLSv1.3',
    client: { ciphers: 'TLS_AES_128_GCM_SHA256' },
    clientBehaviour: { connectionId: 8 },
    serverBehaviour: { connectionId: 8 },
  }).handshake();
  pair.inject(
    pair.server,
    new Insider13(pair).seal('client', 3, ContentType.application_data, Uint8Array.of(1)),
  );
  assert.deepEqual(pair.server.dropped, { missing_cid: 1 });
  assert.equal(pair.server.messages.length, 0);
});
