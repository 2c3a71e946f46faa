import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { decodeClientHello, peekClientHello } from '#lib/wire/messages/client-hello.js';
import { type HandshakeFragment, readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { decodeServerHello } from '#lib/wire/messages/server-hello.js';
import { corpusStreams, needsCorpora, recordPayloads } from './corpora.js';
import { extensionCodecs } from './extension-codecs.js';
import { messageCodecs } from './message-codecs.js';

const allCodecs = [...messageCodecs, ...extensionCodecs];

test('every decoder reads the OpenSSL and BoringSSL corpora without throwing', needsCorpora, () => {
  const seen = { clientHellos: 0, serverHellos: 0 };
  for (const { name, stream } of corpusStreams()) {
    decodeAll(stream, name);
    readHandshakeFragments(stream);
    for (const { type, fragment } of corpusFragments(stream)) {
      decodeAll(fragment, name);
      const hello = decodeClientHello(fragment) ?? decodeServerHello(fragment);
      for (const body of hello?.extensions.values() ?? []) decodeAll(body, name);
      if (hello !== undefined && type === HandshakeType.client_hello) seen.clientHellos++;
      if (hello !== undefined && type === HandshakeType.server_hello) seen.serverHellos++;
    }
  }
  assert.ok(seen.clientHellos >= 50 && seen.serverHellos >= 50, JSON.stringify(seen));
});

test('mutations of the corpora do not throw either', needsCorpora, () => {
  const next = xorshift32(0x5eed);
  let mutated = 0;
  for (const { name, stream } of corpusStreams()) {
    for (const { fragment } of corpusFragments(stream)) {
      decodeAll(mutate(fragment, next), name);
      mutated++;
    }
    const changed = mutate(stream, next);
    for (const payload of recordPayloads(changed, ContentType.handshake)) readHandshakeFragments(payload);
  }
  assert.ok(mutated >= 1000, `${mutated} fragments`);
});

/** Every decoder over `body`; what one takes must survive encoding. */
function decodeAll(body: Uint8Array, source: string): void {
  try {
    peekClientHello(body);
    for (const codec of allCodecs) {
      const again = codec.reencode(body);
      if (again !== undefined) assert.notEqual(codec.decode(again), undefined, codec.name);
    }
  } catch (cause) {
    throw new Error(`${source}: ${toHex(body)}`, { cause });
  }
}

function corpusFragments(stream: Uint8Array): HandshakeFragment[] {
  return recordPayloads(stream, ContentType.handshake).flatMap((p) => readHandshakeFragments(p) ?? []);
}

/** A copy with one to four bytes changed, and sometimes cut. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = bytes.slice(0, next() % 8 === 0 ? next() % (bytes.length + 1) : bytes.length);
  if (copy.length === 0) return copy;
  for (let changes = 1 + (next() % 4); changes > 0; changes--) copy[next() % copy.length] = next();
  return copy;
}

/** Marsaglia's generator: the same mutations in every run. */
function xorshift32(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
