import assert from 'node:assert/strict';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import { recordsOf } from './records.js';

/** Each datagram has at most `mtu` bytes, and consists of whole records. */
export function assertWholeRecords(datagrams: Iterable<{ readonly data: Uint8Array }>, mtu: number): void {
  for (const { data } of datagrams) {
    assert.ok(data.length <= mtu, `${data.length} bytes`);
    assert.ok(recordsOf(data).length > 0);
  }
}

/** The fragments of each message follow one another without gap or overlap, and cover it. */
export function assertWholeMessages(fragments: readonly HandshakeFragment[]): void {
  for (const seq of new Set(fragments.map(({ messageSeq }) => messageSeq)))
    assertContiguous(fragments.filter(({ messageSeq }) => messageSeq === seq));
}

function assertContiguous(fragments: readonly HandshakeFragment[]): void {
  let end = 0;
  for (const { fragmentOffset, fragmentLength } of fragments) {
    assert.equal(fragmentOffset, end);
    end += fragmentLength;
  }
  assert.equal(end, fragments[0]?.length);
}
