import type { CryptoProvider } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import { CbcReader12, CbcWriter12, RecordReader12, RecordWriter12 } from './protect12.js';
import { RecordReader13, RecordWriter13 } from './protect13.js';
import type { RecordReader, RecordWriter } from './reader-writer.js';

/** Keys of one direction of one epoch, whatever the suite and the version. */
interface RecordKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Empty where an AEAD needs none. */
  readonly mac: Uint8Array;
  /** Record number key: DTLS 1.3. */
  readonly sn?: Uint8Array;
}

export function createWriter(
  crypto: CryptoProvider,
  suite: CipherSuite,
  epoch: number,
  keys: RecordKeys,
): RecordWriter {
  const { sn } = keys;
  if (suite.aead === undefined) return new CbcWriter12(crypto, suite, epoch, keys);
  if (sn === undefined) return new RecordWriter12(crypto, suite, epoch, keys);
  return new RecordWriter13(crypto, suite, epoch, { key: keys.key, iv: keys.iv, sn });
}

export function createReader(
  crypto: CryptoProvider,
  suite: CipherSuite,
  epoch: number,
  keys: RecordKeys,
): RecordReader {
  const { sn } = keys;
  if (suite.aead === undefined) return new CbcReader12(crypto, suite, epoch, keys);
  if (sn === undefined) return new RecordReader12(crypto, suite, epoch, keys);
  return new RecordReader13(crypto, suite, epoch, { key: keys.key, iv: keys.iv, sn });
}
