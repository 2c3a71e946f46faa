import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, decodeUtf8, fromHex, toHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type AeadSuite, DEFAULT_SUITES } from '#lib/crypto/suites.js';
import {
  deriveBinderKey13,
  deriveEarlySecret13,
  deriveFinishedKey13,
  deriveTrafficKeys13,
} from '#lib/keys/schedule13.js';
import { Epochs } from '#lib/record/epochs.js';
import { PlainReader } from '#lib/record/plain.js';
import { RecordReader13 } from '#lib/record/protect13.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readCapture } from '../../support/pcap.js';
import { needs, readVector } from '../../support/vectors.js';
import { type CapturedMessage, handshakeMessages, loggedSecret, message13, messageHash } from './messages.js';
import { type IdLengths, type OpenedRecord, openCapture, type Sender } from './records.js';

/** The PSK that wolfSSL's example programs share. */
const PSK = '0123456789abcdef'.repeat(4);
/** One binder of 32 bytes behind two lengths, at the end of a ClientHello. */
const BINDERS_LENGTH = 2 + 1 + 32;

interface Trace {
  readonly name: string;
  readonly path: string;
  readonly suiteName: string;
  /** What both sides say. */
  readonly said: readonly string[];
  readonly lengths?: IdLengths;
}

const EXAMPLES = ['hello wolfssl!', 'I hear you fa shizzle!'];
const TRACES: readonly Trace[] = [
  {
    name: 'with certificates',
    path: 'traces/wolf-cert',
    suiteName: 'TLS_AES_256_GCM_SHA384',
    said: EXAMPLES,
  },
  { name: 'with a PSK', path: 'traces/wolf-psk', suiteName: 'TLS_AES_128_GCM_SHA256', said: EXAMPLES },
  {
    name: 'with connection IDs',
    path: 'traces/wolf-ids',
    suiteName: 'TLS_AES_128_GCM_SHA256',
    said: ['ping one\n', 'ping one\n', 'ping two\n', 'ping two\n'],
    lengths: { client: 8, server: 5 },
  },
];

for (const { name, path, suiteName, said, lengths } of TRACES) {
  suite(`a recorded DTLS 1.3 handshake ${name}`, needs(captureOf(path), `${path}.keys`), () => {
    test('every record of every epoch is opened, in full order of numbers', () => {
      const { records, of } = replay(path, lengths);
      assert.equal(of.name, suiteName);
      const next = new Map<string, number>();
      for (const { sender, epoch, sequence, content } of records) {
        const stream = `${sender} ${epoch}`;
        assert.notEqual(typeof content, 'string', `${stream} ${sequence}: ${String(content)}`);
        assert.equal(sequence, next.get(stream) ?? 0, stream);
        next.set(stream, sequence + 1);
      }
      for (const sender of ['client', 'server']) {
        for (const epoch of [0, 2, 3]) assert.ok(next.has(`${sender} ${epoch}`), `${sender} ${epoch}`);
      }
    });

    test('every protected record has the ID of its receiver, or none', () => {
      for (const sender of ['client', 'server'] as const) {
        const its = replay(path, lengths).records.filter(
          ({ epoch, sender: by }) => epoch > 0 && by === sender,
        );
        const ids = new Set(its.map(({ cid }) => toHex(cid)));
        assert.equal(ids.size, 1);
        assert.equal([...ids][0]?.length, 2 * (lengths?.[sender] ?? 0));
      }
    });

    test('the recorded messages are those of the programs', () => {
      const data = replay(path, lengths).records.filter(({ type }) => type === ContentType.application_data);
      const texts = data.map(({ content }) => (typeof content === 'string' ? '' : decodeUtf8(content)));
      assert.deepEqual(texts, said);
    });

    for (const sender of ['server', 'client'] as const) {
      test(`the ${sender}'s recorded Finished matches the transcript`, () => {
        const { messages, of, secret } = replay(path, lengths);
        const at = messages.findIndex((m) => m.type === HandshakeType.finished && m.sender === sender);
        const base = secret(`${sender.toUpperCase() as 'CLIENT'}_HANDSHAKE_TRAFFIC_SECRET`);
        assert.deepEqual(
          messages[at]?.body,
          deriveFinishedKey13(nodeProvider, of.hash, base).sign(transcriptOf(of, messages.slice(0, at))),
        );
      });
    }
  });
}

suite('the PSK binders of a recorded DTLS 1.3 handshake', needs(captureOf('traces/wolf-psk')), () => {
  for (const [which, count] of [
    ['first', 1],
    ['second', 3],
  ] as const) {
    test(`the PSK binder of the recorded ${which} ClientHello is derived from the PSK`, () => {
      const { messages, of } = replay('traces/wolf-psk');
      const psk = fromHex(PSK);
      const hello = messages[count - 1];
      assert.ok(psk !== undefined && hello !== undefined);
      const early = deriveEarlySecret13(nodeProvider, of.hash, psk);
      const key = deriveBinderKey13(nodeProvider, of.hash, early, 'ext');
      const transcript = transcriptOf(of, messages.slice(0, count), BINDERS_LENGTH);
      assert.deepEqual(
        deriveFinishedKey13(nodeProvider, of.hash, key).sign(transcript),
        hello.body.slice(-32),
      );
    });
  }
});

interface Replay {
  readonly of: AeadSuite;
  readonly records: OpenedRecord[];
  readonly messages: CapturedMessage[];
  readonly secret: (label: string) => Uint8Array;
}

/** Some are in the form of the relay that recorded them. */
function captureOf(path: string): string {
  return path === 'traces/wolf-ids' ? `${path}.pcap` : `${path}.pcapng`;
}

function replay(path: string, lengths?: IdLengths): Replay {
  const datagrams = readCapture(readVector(captureOf(path)));
  const epochs = { client: new Epochs(), server: new Epochs() };
  for (const table of [epochs.client, epochs.server]) table.installReader(new PlainReader());
  const hellos = handshakeMessages(openCapture(datagrams.slice(0, 4), epochs));
  const of = selectedSuite(hellos[3]);
  const secret = (label: string) => loggedSecret(path, label, hellos[0]);

  for (const sender of ['client', 'server'] as const) {
    const install = (epoch: number, label: string) => {
      const keys = deriveTrafficKeys13(nodeProvider, of, secret(label));
      epochs[sender].installReader(new RecordReader13(nodeProvider, of, epoch, keys));
    };
    install(2, `${upper(sender)}_HANDSHAKE_TRAFFIC_SECRET`);
    install(3, `${upper(sender)}_TRAFFIC_SECRET_0`);
  }
  const records = openCapture(datagrams, epochs, lengths);
  return { of, records, messages: handshakeMessages(records), secret };
}

/** The suite in a ServerHello with an empty session id. */
function selectedSuite(serverHello: CapturedMessage | undefined): AeadSuite {
  const body = serverHello?.body;
  assert.ok(body);
  const chosen = ((body[35] ?? 0) << 8) | (body[36] ?? 0);
  const of = DEFAULT_SUITES['DTLSv1.3'].find(({ code }) => code === chosen);
  assert.ok(of);
  return of;
}

/** The hash over a handshake with a HelloRetryRequest, less the last `cut` bytes of its last message. */
function transcriptOf(of: AeadSuite, messages: readonly CapturedMessage[], cut = 0): Uint8Array {
  const whole = messages.map(message13);
  const last = whole.pop();
  assert.ok(last);
  whole.push(last.subarray(0, last.length - cut));
  const [first, ...others] = whole;
  assert.ok(first);
  if (others.length === 0) return hashOf(of, first);
  return hashOf(of, messageHash(hashOf(of, first)), ...others);
}

function hashOf(of: AeadSuite, ...parts: Uint8Array[]): Uint8Array {
  const hash = nodeProvider.hash(of.hash);
  hash.update(concat(...parts));
  return hash.digest();
}

function upper(sender: Sender): 'CLIENT' | 'SERVER' {
  return sender === 'client' ? 'CLIENT' : 'SERVER';
}
