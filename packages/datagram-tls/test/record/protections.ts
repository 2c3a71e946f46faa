import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { type CipherSuite, SUITES } from '#lib/crypto/suites.js';
import { Epochs } from '#lib/record/epochs.js';
import { createHeader, type DropReason, type RecordHeader, readHeader } from '#lib/record/header.js';
import type { KeyLimits } from '#lib/record/limits.js';
import { CbcReader12, CbcWriter12, RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import type { KeySource, RecordReader, RecordWriter } from '#lib/record/reader-writer.js';

/** One suite with keys that every writer and reader made here shares. */
export interface Protection {
  readonly name: string;
  readonly suite: CipherSuite;
  readonly iv: Uint8Array;
  readonly headerLength: number;
  /** For those that rest. It notes each direction of which keys are asked for. */
  source(asked: string[]): KeySource;
  writer(options?: ProtectionOptions): RecordWriter;
  reader(options?: ProtectionOptions): RecordReader;
}

export interface ProtectionOptions {
  epoch?: number;
  sequence?: number;
  limits?: KeyLimits;
  provider?: CryptoProvider;
  /** On the records. */
  cid?: Uint8Array;
}

/** Every suite of both versions. */
export const protections: readonly Protection[] = SUITES.map(protectionOf);

/** One suite a version, for tests that do not depend on the AEAD. */
export const eachVersion: readonly Protection[] = protections.filter(
  ({ name }) => name === 'TLS_AES_128_GCM_SHA256' || name === 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
);

export function protectionOf(suite: CipherSuite): Protection {
  const keys = {
    key: nodeProvider.randomBytes(suite.keyLength),
    iv: nodeProvider.randomBytes(suite.fixedIvLength),
    mac: nodeProvider.randomBytes(suite.macKeyLength),
    sn: nodeProvider.randomBytes(suite.keyLength),
    secret: nodeProvider.randomBytes(32),
  };
  return {
    name: suite.name,
    suite,
    iv: keys.iv,
    headerLength: suite.version === 'DTLSv1.3' ? 5 : 13,
    source: (asked) => ({
      keysOf: (direction) => {
        asked.push(direction);
        return { crypto: nodeProvider, suite, keys };
      },
    }),
    writer: ({ epoch = 1, limits, sequence, provider = nodeProvider, cid } = {}) => {
      const Aead = suite.version === 'DTLSv1.3' ? RecordWriter13 : RecordWriter12;
      const writer =
        suite.aead === undefined
          ? new CbcWriter12(provider, suite, epoch, keys, limits, sequence)
          : new Aead(provider, suite, epoch, keys, limits, sequence);
      if (cid !== undefined) writer.useConnectionId(cid);
      return writer;
    },
    reader: ({ epoch = 1, limits, provider = nodeProvider, cid } = {}) => {
      const expectsCid = cid !== undefined && cid.length > 0;
      if (suite.aead === undefined) return new CbcReader12(provider, suite, epoch, keys, limits, expectsCid);
      const Reader = suite.version === 'DTLSv1.3' ? RecordReader13 : RecordReader12;
      return new Reader(provider, suite, epoch, keys, limits, expectsCid);
    },
  };
}

/** One record in memory of its own. */
export function sealed(writer: RecordWriter, plaintext: Uint8Array, type = 23): Uint8Array {
  const out = new Uint8Array(plaintext.length + writer.overhead);
  return out.slice(0, writer.seal(type, plaintext, out, 0));
}

export interface Received {
  readonly header: RecordHeader;
  readonly result: Uint8Array | DropReason;
}

/** What becomes of the first record of a datagram when `reader` is the only one installed; `cidLength`: of our IDs. */
export function received(reader: RecordReader, datagram: Uint8Array, cidLength = 0): Received {
  const header = createHeader();
  const epochs = new Epochs();
  epochs.installReader(reader);
  const bad = readHeader(datagram, 0, header, { lengthAt: () => cidLength });
  if (bad !== undefined) return { header, result: bad };
  return { header, result: epochs.readerFor(header)?.open(header, datagram) ?? 'unknown_epoch' };
}

export function bytes(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff);
}
