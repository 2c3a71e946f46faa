import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeUtf8, EMPTY, toHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type CipherSuite, suiteByName } from '#lib/crypto/suites.js';
import { deriveKeyBlock12, deriveVerifyData12 } from '#lib/keys/prf12.js';
import { Epochs } from '#lib/record/epochs.js';
import { PlainReader } from '#lib/record/plain.js';
import { records12 } from '#lib/record/protect12.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readCapture } from '../../support/pcap.js';
import { needs, readVector } from '../../support/vectors.js';
import { type CapturedMessage, handshakeMessages, loggedSecret, message12 } from './messages.js';
import { type OpenedRecord, openCapture } from './records.js';

/** Of the connection IDs on the records of each sender, bytes. */
const LENGTHS = { client: 8, server: 5 };
const SENDERS = ['client', 'server'] as const;

const TRACES = [
  {
    path: 'traces/mbedtls-ids-gcm',
    of: suiteOf('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'),
  },
  { path: 'traces/mbedtls-ids-cbc', of: suiteOf('TLS_PSK_WITH_AES_128_CBC_SHA256') },
];

for (const { path, of } of TRACES) {
  const there = needs(`${path}.pcap`, `${path}.keys`);
  suite(`a recorded DTLS 1.2 session with connection IDs under ${of.name}`, there, () => {
    test('every record is opened, in full order of numbers', () => {
      const next = new Map<string, number>();
      for (const { sender, epoch, sequence, content } of replay(path, of).records) {
        const stream = `${sender} ${epoch}`;
        assert.notEqual(typeof content, 'string', `${stream} ${sequence}: ${String(content)}`);
        assert.equal(sequence, next.get(stream) ?? 0, stream);
        next.set(stream, sequence + 1);
      }
      assert.deepEqual([...next.keys()].toSorted(), ['client 0', 'client 1', 'server 0', 'server 1']);
    });

    test('every protected record has the ID of its receiver', () => {
      for (const sender of SENDERS) {
        const its = replay(path, of).records.filter((record) => record.sender === sender && record.epoch > 0);
        const ids = new Set(its.map(({ cid }) => toHex(cid)));
        assert.equal(ids.size, 1);
        assert.equal([...ids][0]?.length, 2 * LENGTHS[sender]);
      }
    });

    test('the recorded messages are those of the programs', () => {
      const data = replay(path, of).records.filter(({ type }) => type === ContentType.application_data);
      const texts = data.map(({ content }) => (typeof content === 'string' ? '' : decodeUtf8(content)));
      assert.deepEqual(texts, ['ping one\n', 'ping one\n', 'ping two\n', 'ping two\n']);
    });

    for (const sender of SENDERS) {
      test(`the ${sender}'s recorded Finished matches the transcript`, () => {
        const { messages, masterSecret } = replay(path, of);
        const at = messages.findIndex((m) => m.type === HandshakeType.finished && m.sender === sender);
        const transcript = nodeProvider.hash(of.hash);
        // The transcript starts with the ClientHello that carries the cookie.
        for (const message of messages.slice(2, at)) transcript.update(message12(message));
        const mac = nodeProvider.mac(of.hash, masterSecret);
        assert.deepEqual(
          messages[at]?.body,
          deriveVerifyData12(mac, `${sender} finished`, transcript.digest()),
        );
      });
    }
  });
}

interface Replay {
  readonly records: OpenedRecord[];
  readonly messages: CapturedMessage[];
  readonly masterSecret: Uint8Array;
}

function replay(path: string, of: CipherSuite): Replay {
  const datagrams = readCapture(readVector(`${path}.pcap`));
  const epochs = { client: new Epochs(), server: new Epochs() };
  for (const table of [epochs.client, epochs.server]) table.installReader(new PlainReader());
  const hellos = handshakeMessages(openCapture(datagrams.slice(0, 4), epochs));
  const masterSecret = loggedSecret(path, 'CLIENT_RANDOM', hellos[2]);
  const serverRandom = hellos[3]?.body.subarray(2, 34);
  const clientRandom = hellos[2]?.body.subarray(2, 34);
  assert.ok(clientRandom !== undefined && serverRandom !== undefined);
  const block = deriveKeyBlock12(nodeProvider.mac(of.hash, masterSecret), of, clientRandom, serverRandom);
  for (const sender of SENDERS) {
    const isClient = sender === 'client';
    const keys = {
      key: isClient ? block.clientKey : block.serverKey,
      iv: isClient ? block.clientIv : block.serverIv,
      mac: isClient ? block.clientMac : block.serverMac,
      sn: EMPTY,
      secret: EMPTY,
    };
    epochs[sender].installReader(records12.reader(nodeProvider, of, 1, keys, true));
  }
  const records = openCapture(datagrams, epochs, LENGTHS);
  return { records, messages: handshakeMessages(records), masterSecret };
}

function suiteOf(name: string): CipherSuite {
  return suiteByName(name) ?? assert.fail(`there is no suite ${name}`);
}
