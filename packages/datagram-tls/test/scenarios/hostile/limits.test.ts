// Limits of one association that a hostile peer can reach, counted by what is sent, asked and held.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { encodeFragment, fragmentRecord, plainRecord, recordsOf } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const MAX_DISPLACED = 8;
const MAX_KEY_ALERTS = 4;
const KEY = new Uint8Array(16).fill(1);

for (const version of VERSIONS) {
  suite(`limits of an association, ${version}`, () => {
    test('a handshake has one job at a time', () => {
      const pair = new Pair({
        version,
        jobs: 'by-hand',
        client: CLIENTS.ed25519,
        server: { requestCert: true },
      }).connect();
      let jobs = 0;
      for (let i = 0; i < 200 && !(pair.client.isConnected && pair.server.isConnected); i++) {
        pair.runFor(10);
        for (const side of [pair.client, pair.server]) {
          assert.ok(side.jobs.length <= 1, `${side.jobs.length} jobs of the ${side.role}`);
          if (side.jobs.length === 0) continue;
          jobs++;
          pair.answer(side);
        }
      }
      assert.ok(pair.client.isConnected && pair.server.isConnected && jobs >= 4, `${jobs} jobs`);
    });

    test('the fragments of one plaintext record displace few held messages', () => {
      const pair = new Pair({ version });
      pair.intercept = (data, from) => (from === 'server' ? [] : [data]);
      pair.connect().runFor(10);
      const part = (messageSeq: number, length: number, size: number) => ({
        type: HandshakeType.certificate,
        messageSeq,
        length,
        fragmentOffset: 0,
        fragment: new Uint8Array(size),
      });
      let sequence = 1000;
      for (let seq = 2; seq < 16; seq++)
        for (let i = 0; i < 8; i++)
          pair.inject(pair.client, fragmentRecord(part(seq, 5000 + i, 1000), { sequence: sequence++ }));
      const before = pair.client.dropped['over_budget'] ?? 0;
      const tiny = Array.from({ length: 500 }, (_, i) => encodeFragment(part(2 + (i % 14), 6000 + i, 1)));
      pair.inject(pair.client, plainRecord(ContentType.handshake, concat(...tiny), { sequence }));
      const dropped =
        (pair.client.dropped['over_budget'] ?? 0) + (pair.client.dropped['conflicting_fragment'] ?? 0);
      assert.ok(
        before > 0 && dropped > before && dropped <= before + MAX_DISPLACED + 2,
        `${dropped - before}`,
      );
    });
  });
}

suite('limits of an association, DTLSv1.2', () => {
  test('a plaintext record causes the flight again at most once per run of our own timer', () => {
    const pair = new Pair({ version: 'DTLSv1.2' });
    let hello: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'client') hello = data.slice();
      return pair.server.entries.length > 0 ? [] : [data];
    };
    pair.connect().runUntil(() => pair.server.entries.length > 0, 1000);
    const [record] = recordsOf(hello ?? assert.fail('no ClientHello'));
    const body = record?.body ?? assert.fail('no record');
    const { counters } = pair.server.entry.connection;
    for (let i = 0; i < 200; i++) {
      pair.inject(pair.server, plainRecord(ContentType.handshake, body, { sequence: 500 + i }));
      pair.runFor(49);
    }
    // Our timer runs out after 1, 3 and 7 s of these 10 s.
    assert.ok(counters.retransmissions >= 4 && counters.retransmissions <= 7, `${counters.retransmissions}`);
    assert.ok((pair.server.dropped['repeated_too_soon'] ?? 0) > 100);
  });

  test('a client with another pre-shared key gets at most four alerts', () => {
    const pair = new Pair({
      version: 'DTLSv1.2',
      client: { psk: { identity: 'client', key: KEY } },
      server: { cert: undefined, key: undefined, psk: { client: new Uint8Array(16).fill(2) } },
    });
    let last: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'client') last = data.slice();
      return from === 'server' && pair.server.alerts('sent').length > 0 ? [] : [data];
    };
    pair.connect().runUntil(() => pair.server.alerts('sent').length > 0, 10_000);
    const finished = recordsOf(last ?? assert.fail()).find(({ epoch }) => epoch === 1) ?? assert.fail();
    for (let i = 0; i < 50 && !pair.server.isClosed; i++) {
      pair.inject(pair.server, finished.whole);
      pair.runFor(10);
    }
    assert.deepEqual(
      pair.server.alerts('sent'),
      Array.from({ length: MAX_KEY_ALERTS }, () => 'fatal decrypt_error'),
    );
  });
});
