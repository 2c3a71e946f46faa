import { Reader, Writer } from '../cursor.js';
import {
  type Extensions,
  readLeadingExtensions,
  readOptionalExtensions,
  writeOptionalExtensions,
} from '../extension-block.js';

const RANDOM_LENGTH = 32;

/** RFC 6347 §4.2.1 and RFC 9147 §5.3, with the same format. Byte fields are views into the body. */
export interface ClientHello {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  /** The answer to a HelloVerifyRequest. DTLS 1.3 has its cookie in an extension and leaves this empty. */
  readonly cookie: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly compressionMethods: Uint8Array;
  /** Empty also when the block was left out, as DTLS 1.2 allows. */
  readonly extensions: Extensions;
}

/** The fields in the first fragment of a ClientHello. */
export interface ClientHelloPrefix {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cookie: Uint8Array;
  /** Empty when the list is cut off. */
  readonly cipherSuites: readonly number[];
  /** The complete extensions; a client that wants its cookie seen early puts it first. */
  readonly extensions: Extensions;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeClientHello(body: Uint8Array): ClientHello | undefined {
  const r = new Reader(body);
  const hello: ClientHello = {
    legacyVersion: r.u16(),
    random: r.bytes(RANDOM_LENGTH),
    sessionId: readSessionId(r),
    cookie: r.vec8(),
    cipherSuites: readCipherSuites(r),
    compressionMethods: readCompressionMethods(r),
    extensions: readOptionalExtensions(r),
  };
  return r.finished() ? hello : undefined;
}

/**
 * Reads a ClientHello of which only a first part has arrived, so that a server can check a cookie before it keeps
 * state. `undefined` when the cookie field is incomplete. The part after it is read as far as possible, and counts as
 * cut off where it is malformed: the complete message is decoded strictly later.
 */
export function peekClientHello(prefix: Uint8Array): ClientHelloPrefix | undefined {
  const r = new Reader(prefix);
  const legacyVersion = r.u16();
  const random = r.bytes(RANDOM_LENGTH);
  const sessionId = readSessionId(r);
  const cookie = r.vec8();
  return r.failed ? undefined : new Peeked(legacyVersion, random, sessionId, cookie, r);
}

/** Reads the fields behind the cookie on first use: floods of ClientHellos never get that far, and DTLS 1.2 needs none of them. */
class Peeked implements ClientHelloPrefix {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cookie: Uint8Array;
  readonly #rest: Reader;
  #read: Pick<ClientHelloPrefix, 'cipherSuites' | 'extensions'> | undefined;

  constructor(
    legacyVersion: number,
    random: Uint8Array,
    sessionId: Uint8Array,
    cookie: Uint8Array,
    rest: Reader,
  ) {
    this.legacyVersion = legacyVersion;
    this.random = random;
    this.sessionId = sessionId;
    this.cookie = cookie;
    this.#rest = rest;
  }

  get cipherSuites(): readonly number[] {
    return this.#readRest().cipherSuites;
  }

  get extensions(): Extensions {
    return this.#readRest().extensions;
  }

  #readRest(): Pick<ClientHelloPrefix, 'cipherSuites' | 'extensions'> {
    if (this.#read !== undefined) return this.#read;
    const r = this.#rest;
    const cipherSuites = readCipherSuites(r);
    readCompressionMethods(r);
    this.#read = { cipherSuites, extensions: readLeadingExtensions(r) };
    return this.#read;
  }
}

export function encodeClientHello(hello: ClientHello): Uint8Array {
  const w = new Writer()
    .u16(hello.legacyVersion)
    .bytes(hello.random)
    .vec8(hello.sessionId)
    .vec8(hello.cookie)
    .listU16(hello.cipherSuites)
    .vec8(hello.compressionMethods);
  writeOptionalExtensions(w, hello.extensions);
  return w.finish();
}

function readSessionId(r: Reader): Uint8Array {
  return r.vec8(0, 32);
}

function readCipherSuites(r: Reader): number[] {
  return r.listU16(2, 0xfffe);
}

function readCompressionMethods(r: Reader): Uint8Array {
  return r.vec8(1);
}
