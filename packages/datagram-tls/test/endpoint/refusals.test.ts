// Siege case C4: what an endpoint remembers of clients that it refused.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keyOf } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { RefusedHandshakes } from '#lib/endpoint/refusals.js';
import { ContentType } from '#lib/wire/codes.js';
import { plainRecord } from '../support/records.js';

const MAX_REFUSED = 1024;
const RANDOM = new Uint8Array(32);
const ALERT = { body: Uint8Array.of(2, 40), sealed: undefined };
/** A message of the same handshake as before. */
const REPEATED = plainRecord(ContentType.handshake, new Uint8Array(12));

function client(port: number): PeerAddress {
  return { address: '192.0.2.1', family: 'IPv4', port };
}

suite('refused handshakes', () => {
  test('1,024 refused clients are remembered, and the oldest is forgotten first', () => {
    const refused = new RefusedHandshakes();
    for (let port = 1; port <= MAX_REFUSED + 1; port++) refused.add(client(port), keyOf(RANDOM), ALERT, 0);
    assert.equal(refused.size, MAX_REFUSED);
    assert.equal(refused.answer(REPEATED, client(1), 0), undefined);
    assert.ok((refused.answer(REPEATED, client(2), 0)?.length ?? 0) > 0);
    assert.ok((refused.answer(REPEATED, client(MAX_REFUSED + 1), 0)?.length ?? 0) > 0);
  });

  test('a refused client is answered 16 more times, for a minute', () => {
    const refused = new RefusedHandshakes();
    refused.add(client(1), keyOf(RANDOM), ALERT, 0);
    const answers = Array.from({ length: 20 }, () => refused.answer(REPEATED, client(1), 59_999)?.length);
    assert.deepEqual(
      answers.map((length = 0) => length > 0),
      [...Array<boolean>(16).fill(true), ...Array<boolean>(4).fill(false)],
    );
    assert.equal(refused.answer(REPEATED, client(1), 60_000), undefined);
    assert.equal(refused.size, 0);
  });
});
