import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, decodeUtf8, fromHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { deriveKeyBlock12, deriveMasterSecret12, deriveVerifyData12 } from '#lib/keys/prf12.js';
import { Epochs } from '#lib/record/epochs.js';
import { PlainReader } from '#lib/record/plain.js';
import { RecordReader12 } from '#lib/record/protect12.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readCapture } from '../../support/pcap.js';
import { aeadSuite } from '../../support/suites.js';
import { needs, readVector } from '../../support/vectors.js';
import { type CapturedMessage, handshakeMessages, message12 } from './messages.js';
import { type OpenedRecord, openCapture } from './records.js';

const TRACE = 'traces/wireshark-dtls12-aes128ccm8.pcap';
const PSK = fromHex('ca19e028a8a372ad2d325f950fcaceed');

suite('a recorded DTLS 1.2 session with a PSK and AES-128-CCM-8', needs(TRACE), () => {
  test('every record is opened', () => {
    const { records } = replay();
    assert.deepEqual(
      records.filter(({ content }) => typeof content === 'string'),
      [],
    );
    const kinds = records.filter(({ epoch }) => epoch === 1).map(({ type }) => type);
    assert.deepEqual(kinds, [22, 22, 23, 23, 23, 23, 21]);
  });

  test('the recorded application data is text', () => {
    const texts = replay()
      .records.filter(({ type }) => type === ContentType.application_data)
      .map(({ content }) => (typeof content === 'string' ? undefined : decodeUtf8(content)));
    assert.equal(texts.length, 4);
    for (const text of texts) assert.ok(text !== undefined && text.length > 0);
  });

  test('both recorded Finished messages match the transcript', () => {
    const { messages, masterSecret } = replay();
    for (const sender of ['client', 'server'] as const) {
      const at = messages.findIndex((m) => m.type === HandshakeType.finished && m.sender === sender);
      const transcript = nodeProvider.hash('sha256');
      // The transcript starts with the ClientHello that carries the cookie.
      for (const message of messages.slice(2, at)) transcript.update(message12(message));
      assert.deepEqual(
        messages[at]?.body,
        deriveVerifyData12(
          nodeProvider.mac('sha256', masterSecret),
          `${sender} finished`,
          transcript.digest(),
        ),
      );
    }
  });
});

interface Replay {
  readonly records: OpenedRecord[];
  readonly messages: CapturedMessage[];
  readonly masterSecret: Uint8Array;
}

function replay(): Replay {
  const datagrams = readCapture(readVector(TRACE));
  // The suite of the same AEAD with certificates: the record layer has no part in the key exchange.
  const of = aeadSuite('ECDHE-ECDSA-AES128-CCM8');
  assert.ok(PSK !== undefined);
  const epochs = { client: new Epochs(), server: new Epochs() };
  for (const table of [epochs.client, epochs.server]) table.installReader(new PlainReader());

  const hellos = handshakeMessages(openCapture(datagrams.slice(0, 4), epochs));
  const clientRandom = hellos[2]?.body.subarray(2, 34);
  const serverRandom = hellos[3]?.body.subarray(2, 34);
  assert.ok(clientRandom !== undefined && serverRandom !== undefined);
  // RFC 4279 §2: zeros of the PSK's length, then the PSK, each behind its length.
  const length = Uint8Array.of(0, PSK.length);
  const preMaster = concat(length, new Uint8Array(PSK.length), length, PSK);
  const masterSecret = deriveMasterSecret12(nodeProvider, 'sha256', preMaster, clientRandom, serverRandom);
  const block = deriveKeyBlock12(nodeProvider.mac(of.hash, masterSecret), of, clientRandom, serverRandom);
  const client = { key: block.clientKey, iv: block.clientIv };
  const server = { key: block.serverKey, iv: block.serverIv };
  epochs.client.installReader(new RecordReader12(nodeProvider, of, 1, client));
  epochs.server.installReader(new RecordReader12(nodeProvider, of, 1, server));

  const records = openCapture(datagrams, epochs);
  return { records, messages: handshakeMessages(records), masterSecret };
}
