import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { Security } from '#lib/connection/version.js';
import { Pair } from '../../support/pair.js';

suite('the epoch of the handshake, of which records may be repeated for minutes', () => {
  test('has no ciphers once the session is used, and gets them again for a repeated Finished', () => {
    let made = 0;
    const adjust = (security: Security): Security => {
      const aead: typeof security.provider.aead = (...given) => {
        made++;
        return security.provider.aead(...given);
      };
      return { ...security, provider: { ...security.provider, aead } };
    };
    const pair = new Pair({ version: 'DTLSv1.3', adjust });
    const flights: Uint8Array[] = [];
    pair.onDelivery = ({ data, from }) => {
      // Records of epoch 2, the client's last flight.
      if (from === 'client' && ((data[0] ?? 0) & 0xe3) === 0x22) flights.push(data);
    };
    pair.handshake();
    const [finished] = flights;
    assert.ok(finished);
    pair.send(pair.client, utf8('hello'));
    pair.runFor(1000);
    assert.equal(pair.server.messages.length, 1);
    made = 0;
    const dropped = { ...pair.server.entry.connection.counters.dropped };
    for (let repeats = 1; repeats <= 2; repeats++) {
      pair.inject(pair.server, finished);
      assert.equal(made, 1, 'its keys are made once');
      const { replayed = 0, bad_record: bad } = pair.server.entry.connection.counters.dropped;
      assert.deepEqual([replayed, bad], [(dropped.replayed ?? 0) + repeats, dropped.bad_record]);
    }
  });
});
