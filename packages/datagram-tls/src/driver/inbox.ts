import { withOwnMemory } from '../base/byte-pool.js';
import { Queue } from '../base/queue.js';
import { toBuffer } from './buffers.js';
import { Loops } from './loops.js';

/** The cost of a message beside its bytes, measured on Node 20 to 24: its object and the memory's own. */
const MESSAGE_COST = 512;

function costOf(message: Uint8Array): number {
  return message.length + MESSAGE_COST;
}

/**
 * The cost of unread messages of all sessions of one endpoint, bytes. When it reaches the limit, the session that was
 * read least recently loses its oldest message, so that a session that is read does not pay for others.
 */
export class UnreadBudget {
  readonly #limit: number;
  #held = 0;
  /** Inboxes that hold something, the least recently read first. */
  readonly #inboxes = new Set<Inbox>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes in use. */
  get held(): number {
    return this.#held;
  }

  /** Makes room for `cost` bytes of `inbox`; `false` when that is impossible. */
  take(inbox: Inbox, cost: number): boolean {
    while (this.#held + cost > this.#limit) {
      const [idlest] = this.#inboxes;
      if (idlest === undefined) return false;
      idlest.dropOldest();
    }
    this.#held += cost;
    this.#inboxes.add(inbox);
    return true;
  }

  /** `inbox` releases `cost` bytes and holds `left`. */
  give(inbox: Inbox, cost: number, left: number): void {
    this.#held -= cost;
    if (left === 0) this.#inboxes.delete(inbox);
  }

  /** A message of `inbox` was read. */
  onRead(inbox: Inbox): void {
    if (this.#inboxes.delete(inbox)) this.#inboxes.add(inbox);
  }
}

/** How much one session may hold. */
export interface InboxLimits {
  readonly messages: number;
  readonly bytes: number;
}

/** Hears of dropped messages. An object, because a closure for each session would cost 100 bytes. */
export interface InboxHost {
  /** A message was dropped. */
  onDrop(): void;
}

const NOBODY: InboxHost = { onDrop: () => undefined };

/**
 * Unread messages. Messages that arrive before there is a handler or a reader wait for it, so that none is lost
 * between the end of the handshake and the application's first read. A handler then gets them all;
 * `for await` loops share them. A slow reader loses the oldest messages, which are counted.
 */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #budget: UnreadBudget;
  readonly #host: InboxHost;
  /** Created on demand: a handler needs neither. */
  #waiting: Queue<Buffer> | undefined;
  #loops: Loops<Buffer> | undefined;
  /** The cost of the waiting messages. */
  #held = 0;
  #budgeted = true;
  #state: 'waiting' | 'handled' | 'read' = 'waiting';
  #ended = false;
  /** The error of a session that failed, for every reader. */
  #error: Error | undefined;
  dropped = 0;

  constructor(limits: InboxLimits, budget: UnreadBudget, host: InboxHost = NOBODY) {
    this.#host = host;
    this.#limits = limits;
    this.#budget = budget;
  }

  push(item: Buffer): void {
    if (this.#state === 'handled' || this.#ended) return;
    if (this.#loops?.give(item) !== true) this.#keep(item);
  }

  #keep(item: Buffer): void {
    this.#waiting ??= new Queue();
    const waiting = this.#waiting;
    const cost = costOf(item);
    const { messages, bytes } = this.#limits;
    while (waiting.length > 0 && (waiting.length >= messages || this.#held + cost > bytes)) this.dropOldest();
    if (cost > bytes || !this.#budget.take(this, cost)) {
      this.#countDrop();
      return;
    }
    this.#held += cost;
    // A few bytes must not keep alive the memory of many.
    waiting.push(toBuffer(withOwnMemory(item)));
  }

  /** The oldest message is dropped. */
  dropOldest(): void {
    if (this.#shift() !== undefined) this.#countDrop();
  }

  #countDrop(): void {
    this.dropped++;
    this.#host.onDrop();
  }

  #shift(): Buffer | undefined {
    const item = this.#waiting?.shift();
    if (item === undefined) return undefined;
    const cost = costOf(item);
    this.#held -= cost;
    if (this.#budgeted) this.#budget.give(this, cost, this.#waiting?.length ?? 0);
    return item;
  }

  /**
   * The session is over. Messages of an active reader still count. Other messages do not count any more, even if the
   * application keeps the session.
   */
  leave(): void {
    if (this.#state === 'read' || !this.#budgeted) return;
    this.#budget.give(this, this.#held, 0);
    this.#budgeted = false;
  }

  /** A handler receives the messages from now on; the waiting ones are returned. */
  handOver(): Buffer[] {
    if (this.#state !== 'waiting') return [];
    this.#state = 'handled';
    const waited = this.takeAll();
    this.#waiting = undefined;
    return waited;
  }

  /** The waiting messages, which leave with the session. */
  takeAll(): Buffer[] {
    const waited: Buffer[] = [];
    for (let item = this.#shift(); item !== undefined; item = this.#shift()) waited.push(item);
    return waited;
  }

  /** Readers get the waiting messages, then the end, or the error. */
  end(error?: Error): void {
    if (!this.#ended) this.#error = error;
    this.#ended = true;
    this.#loops?.end(this.#error);
  }

  /** From now on readers receive the messages. `onStop` runs when the loop is left early. */
  iterate(onStop: () => void): AsyncIterableIterator<Buffer, undefined> {
    this.#state = 'read';
    this.#loops ??= new Loops();
    if (this.#ended) this.#loops.end(this.#error);
    const take = (): Buffer | undefined => {
      const item = this.#shift();
      if (this.#budgeted) this.#budget.onRead(this);
      return item;
    };
    return this.#loops.iterate(take, () => {
      this.#forgo();
      onStop();
    });
  }

  /** The loop was left: the waiting messages, and later ones, have no reader. */
  #forgo(): void {
    for (let item = this.#shift(); item !== undefined; ) item = this.#shift();
    this.#state = 'handled';
  }
}
