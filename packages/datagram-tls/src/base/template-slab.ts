import { type Block, Slab } from './slab.js';

/** Lengths that have a template at a time. */
const MAX_TEMPLATES = 64;
/** Longer blocks are kept as they are: those with certificates of the peer, which differ. */
const LONGEST = 2048;
/** Fewer equal bytes between others are chance, or cost as much as they save. */
const SHORTEST_RUN = 3;
/** A template is of use when at least one byte in so many is common. */
const MIN_SHARE = 8;
/** In place of a template's number: the block is kept as it is. */
const WHOLE = 0;
/** A number takes a byte. */
const MAX_NUMBERS = 256;
/** Another template takes the place of one with which the next block takes so many bytes more. */
const MIN_GAIN = 8;

/** What blocks of one length have in common. */
class Template {
  /** {@link WHOLE} until it is used. */
  number = WHOLE;
  /** Common bytes; the others are zero. */
  readonly #bytes: Uint8Array;
  /** Places of the others, in order. */
  readonly #own: Uint16Array;
  /** Whether a place is among them. */
  readonly #isOwn: Uint8Array;

  constructor(bytes: Uint8Array, isOwn: Uint8Array) {
    this.#bytes = bytes;
    this.#isOwn = isOwn;
    this.#own = Uint16Array.from([...isOwn.keys()].filter((place) => isOwn[place] === 1));
  }

  /** What two blocks of one length have in common; `undefined` where that is too little. */
  static of(first: Uint8Array, second: Uint8Array): Template | undefined {
    const isOwn = new Uint8Array(first.length).fill(1);
    const bytes = new Uint8Array(first.length);
    let common = 0;
    for (let from = 0, to: number; from < first.length; from = to + 1) {
      to = from;
      while (to < first.length && first[to] === second[to]) to++;
      if (to - from < SHORTEST_RUN) continue;
      isOwn.fill(0, from, to);
      bytes.set(first.subarray(from, to), from);
      common += to - from;
    }
    return common * MIN_SHARE < first.length ? undefined : new Template(bytes, isOwn);
  }

  /** Bytes of its blocks. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Its number, the block's own bytes, and the places where common ones differ, two bytes each, with what stands there. */
  shorten(block: Uint8Array): Uint8Array {
    const changed: number[] = [];
    for (let place = 0; place < block.length; place++)
      if (this.#isOwn[place] === 0 && block[place] !== this.#bytes[place]) changed.push(place);
    const short = new Uint8Array(1 + this.#own.length + 3 * changed.length);
    short[0] = this.number;
    let at = 1;
    for (const place of this.#own) short[at++] = block[place] as number;
    for (const place of changed) {
      short[at++] = place >> 8;
      short[at++] = place & 0xff;
      short[at++] = block[place] as number;
    }
    return short;
  }

  restore(short: Uint8Array): Uint8Array {
    const block = this.#bytes.slice();
    let at = 1;
    for (const place of this.#own) block[place] = short[at++] as number;
    for (; at < short.length; at += 3)
      block[((short[at] as number) << 8) | (short[at + 1] as number)] = short[at + 2] as number;
    return block;
  }
}

/**
 * A {@link Slab} for blocks that are much alike, such as the states of an endpoint's associations, which differ in keys and
 * numbers. What blocks of one length have in common is kept once. It is found by comparing two of them, so that nothing of a
 * single one outlives it. Two may differ by chance in more than others, or in less: further pairs are compared, less and less
 * often.
 */
export class TemplateSlab {
  readonly #slab = new Slab();
  /** By length. */
  readonly #templates = new Map<number, Template>();
  /** By number; the first number is {@link WHOLE}. */
  readonly #numbered: (Template | undefined)[] = [undefined];
  /** By length: a block that is to be compared with the next. */
  readonly #first = new Map<number, Block>();
  /** By length: what two blocks had in common, which is to be tried with the next. */
  readonly #candidates = new Map<number, Template>();
  /** By length: how many blocks were kept by a template. */
  readonly #counts = new Map<number, number>();

  /** Bytes of all pages. */
  get size(): number {
    return this.#slab.size;
  }

  /** Keeps a copy. */
  keep(bytes: Uint8Array): Block {
    const template = bytes.length > LONGEST ? undefined : this.#templateFor(bytes);
    const short = template?.shorten(bytes);
    const isShort = short !== undefined && short.length <= bytes.length;
    const block = this.#slab.keep(isShort ? short : whole(bytes));
    if (template === undefined ? this.#mayHaveTemplate(bytes) : this.#isToBeCompared(template))
      this.#first.set(bytes.length, block);
    return block;
  }

  #mayHaveTemplate({ length }: Uint8Array): boolean {
    return length <= LONGEST && this.#templates.size < MAX_TEMPLATES && this.#numbered.length < MAX_NUMBERS;
  }

  /** The first two blocks that were kept by a template of this length, then one after twice as many each time. */
  #isToBeCompared({ length }: Template): boolean {
    const count = (this.#counts.get(length) ?? 0) + 1;
    this.#counts.set(length, count);
    return (count & (count - 1)) === 0 && this.#numbered.length < MAX_NUMBERS;
  }

  /** A copy. */
  read(block: Block): Uint8Array {
    const kept = this.#slab.read(block);
    const template = this.#numbered[kept[0] as number];
    return template === undefined ? kept.subarray(1) : template.restore(kept);
  }

  free(block: Block): void {
    const kept = this.#slab.read(block);
    const length = this.#numbered[kept[0] as number]?.length ?? kept.length - 1;
    if (this.#first.get(length) === block) this.#first.delete(length);
    this.#slab.free(block);
  }

  #templateFor(bytes: Uint8Array): Template | undefined {
    const { length } = bytes;
    const known = this.#templates.get(length);
    const candidate = this.#candidates.get(length);
    this.#candidates.delete(length);
    if (known !== undefined && candidate !== undefined) {
      const gain = known.shorten(bytes).length - candidate.shorten(bytes).length;
      if (gain >= MIN_GAIN && this.#numbered.length < MAX_NUMBERS) return this.#use(candidate);
    }
    const first = this.#first.get(length);
    const made = first === undefined ? undefined : Template.of(this.read(first), bytes);
    if (made !== undefined || known !== undefined) this.#first.delete(length);
    if (made === undefined) return known;
    if (known === undefined) return this.#use(made);
    this.#candidates.set(length, made);
    return known;
  }

  #use(template: Template): Template {
    template.number = this.#numbered.length;
    this.#numbered.push(template);
    this.#templates.set(template.length, template);
    if (this.#templates.size === MAX_TEMPLATES)
      for (const length of this.#first.keys()) if (!this.#templates.has(length)) this.#first.delete(length);
    return template;
  }
}

function whole(bytes: Uint8Array): Uint8Array {
  const kept = new Uint8Array(1 + bytes.length);
  kept.set(bytes, 1);
  return kept;
}
