import { readdirSync, readFileSync } from 'node:fs';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { hex } from './bytes.js';

const FIXTURES = new URL('../../../test/wire/fixtures/', import.meta.url);

/** The plaintext records of one handshake between two foreign peers. */
export interface Recording {
  readonly name: string;
  readonly records: readonly RecordedPayload[];
}

export interface RecordedPayload {
  readonly from: 'client' | 'server';
  readonly contentType: number;
  readonly payload: Uint8Array;
}

export interface RecordedMessage {
  readonly from: 'client' | 'server';
  readonly type: number;
  readonly body: Uint8Array;
}

export function readRecordings(): Recording[] {
  return readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.txt'))
    .map((file) => ({ name: file.slice(0, -4), records: readRecords(file) }));
}

function readRecords(file: string): RecordedPayload[] {
  return readFileSync(new URL(file, FIXTURES), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [from, contentType, payload] = line.split(' ');
      return {
        from: from === 'client' ? 'client' : 'server',
        contentType: Number(contentType),
        payload: hex(payload ?? ''),
      };
    });
}

/** The handshake messages of a recording, put together from fragments that came in order. */
export function recordedMessages({ records }: Recording): RecordedMessage[] {
  const messages: RecordedMessage[] = [];
  let parts: number[] = [];
  for (const { from, contentType, payload } of records) {
    if (contentType !== 22) continue;
    for (const { type, length, fragmentOffset, fragment } of readHandshakeFragments(payload) ?? []) {
      if (fragmentOffset !== parts.length) throw new Error('a fixture has its fragments in order');
      parts.push(...fragment);
      if (parts.length < length) continue;
      messages.push({ from, type, body: Uint8Array.from(parts) });
      parts = [];
    }
  }
  return messages;
}
