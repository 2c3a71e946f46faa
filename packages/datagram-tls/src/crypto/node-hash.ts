import { Buffer } from 'node:buffer';
import crypto, { createHash, type Hash } from 'node:crypto';
import { fromLatin1 } from './node-bytes.js';
import type { HashName, RunningHash } from './provider.js';

type Digest = (name: string, data: Uint8Array, encoding: 'binary') => string;

/**
 * The digest of one text as Latin-1 (Node 20.12 and later, `undefined` elsewhere). It leaves nothing behind for the collector and so costs
 * a fifth of a hash object, which is native memory that has to be followed up.
 */
export const digestOf = (crypto as { readonly hash?: Digest }).hash;

/** What is gathered at most, bytes: to hash as much again for each digest costs less than a hash object and its copies. */
const MOST_GATHERED = 4096;
/** Most handshakes need no more, bytes. */
const FIRST_GATHERED = 1024;

/** Gathers what little there mostly is, and hashes it whenever it is asked; of what is longer it keeps the state only. */
export class NodeHash implements RunningHash {
  readonly #name: HashName | 'sha1';
  #gathered: Uint8Array | undefined;
  #length = 0;
  #running: Hash | undefined;

  constructor(name: HashName | 'sha1') {
    this.#name = name;
    if (digestOf === undefined) this.#running = createHash(name);
  }

  copy(): NodeHash {
    const copy = new NodeHash(this.#name);
    if (this.#running === undefined) copy.update(this.#seen());
    else copy.#running = this.#running.copy();
    return copy;
  }

  update(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (this.#running === undefined && length > MOST_GATHERED) this.#run();
    if (this.#running === undefined) this.#gather(data, length);
    else this.#running.update(data);
  }

  digest(): Uint8Array {
    const text =
      this.#running === undefined
        ? (digestOf as Digest)(this.#name, this.#seen(), 'binary')
        : this.#running.copy().digest('binary');
    return fromLatin1(text);
  }

  #seen(): Uint8Array {
    return this.#gathered?.subarray(0, this.#length) ?? new Uint8Array(0);
  }

  #run(): void {
    this.#running = createHash(this.#name).update(this.#seen());
    this.#gathered = undefined;
  }

  #gather(data: Uint8Array, length: number): void {
    if (this.#gathered === undefined || this.#gathered.length < length) {
      const wider = Buffer.allocUnsafe(length > FIRST_GATHERED ? MOST_GATHERED : FIRST_GATHERED);
      wider.set(this.#seen());
      this.#gathered = wider;
    }
    this.#gathered.set(data, this.#length);
    this.#length = length;
  }
}
