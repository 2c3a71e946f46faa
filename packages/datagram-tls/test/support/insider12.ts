import type { Role } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type AeadSuite, type CipherSuite, suiteByCode } from '#lib/crypto/suites.js';
import type { Session } from '#lib/handshake/session.js';
import { deriveKeyBlock12, type KeyBlock12 } from '#lib/keys/prf12.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { limitsOf } from '#lib/record/limits.js';
import { RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { decodeServerHello } from '#lib/wire/messages/server-hello.js';
import type { Pair } from './pair.js';
import { plainFragments } from './records.js';
import { aeadSuite } from './suites.js';

/** An insider that knows the keys of a DTLS 1.2 association: it makes and opens records of either side. */
export class Insider12 {
  readonly #suite: AeadSuite;
  readonly #keys: KeyBlock12;

  constructor(
    suite: CipherSuite,
    masterSecret: Uint8Array,
    clientRandom: Uint8Array,
    serverRandom: Uint8Array,
  ) {
    this.#suite = aeadSuite(suite.name);
    this.#keys = deriveKeyBlock12(
      nodeProvider.mac(suite.hash, masterSecret),
      suite,
      clientRandom,
      serverRandom,
    );
  }

  static ofSession(session: Session): Insider12 {
    const { secrets, suite } = session;
    if (secrets.version !== 'DTLSv1.2') throw new Error('a session of DTLS 1.2 was expected');
    return new Insider12(suite, secrets.masterSecret, secrets.clientRandom, secrets.serverRandom);
  }

  /** One record of `sender` in epoch 1. The number is far ahead of what a test sends by itself. */
  seal(sender: Role, type: number, content: Uint8Array, sequence = 500): Uint8Array {
    const suite = this.#suite;
    const writer = new RecordWriter12(
      nodeProvider,
      suite,
      1,
      this.#keysOf(sender),
      limitsOf(suite),
      sequence,
    );
    const record = new Uint8Array(content.length + writer.overhead);
    return record.subarray(0, writer.seal(type, content, record, 0));
  }

  /** The content of a record that `sender` made. */
  open(sender: Role, record: Uint8Array): Uint8Array {
    const header = createHeader();
    if (readHeader(record, 0, header) !== undefined) throw new Error('this is no record');
    const content = new RecordReader12(nodeProvider, this.#suite, 1, this.#keysOf(sender)).open(
      header,
      record,
    );
    if (typeof content === 'string') throw new Error(`the insider cannot open it: ${content}`);
    return content;
  }

  #keysOf(sender: Role) {
    const { clientKey, clientIv, serverKey, serverIv } = this.#keys;
    return sender === 'client' ? { key: clientKey, iv: clientIv } : { key: serverKey, iv: serverIv };
  }
}

/** Reads the hellos, and becomes an insider once one side has logged its secret. */
export class Spy12 {
  readonly #pair: Pair;
  #suite: CipherSuite | undefined;
  #serverRandom: Uint8Array | undefined;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  /** To be shown every datagram. */
  see(datagram: Uint8Array): void {
    for (const { type, fragment } of plainFragments(datagram)) {
      if (type !== HandshakeType.server_hello) continue;
      const hello = decodeServerHello(fragment);
      this.#suite = hello && suiteByCode(hello.cipherSuite);
      this.#serverRandom = hello?.random.slice();
    }
  }

  insider(): Insider12 {
    const told = this.#pair.client.secrets[0] ?? this.#pair.server.secrets[0];
    if (this.#suite === undefined || this.#serverRandom === undefined || told === undefined)
      throw new Error('no secret was logged yet');
    return new Insider12(this.#suite, told.secret, told.clientRandom, this.#serverRandom);
  }
}
