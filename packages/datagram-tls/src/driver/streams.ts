import type { UnderlyingSink, UnderlyingSource } from 'node:stream/web';
import { invalidState } from '../base/errors.js';
import type { Inbox } from './inbox.js';
import type { Offered } from './sender.js';
import type { SessionLife } from './session-life.js';

/** What its streams and loops use of a session. */
export interface StreamedSession {
  readonly opened: Promise<unknown>;
  /** Throws as `session.send`. */
  offer(message: string | ArrayBufferView): Offered;
  /** Resolves in a later turn, when there is room in the send queue, or when the session ends. */
  hasRoom(): Promise<void>;
  /** Closes our direction, or the session where the other one does not stay open. */
  endSending(): Promise<void>;
  close(): Promise<void>;
  destroy(error?: Error): void;
}

/** The Web Streams and the loops of one session, made on demand. One of `readable` and loops reads the messages. */
export class Streams {
  readonly #inbox: Inbox;
  readonly #session: StreamedSession;
  #readable: ReadableStream<Buffer> | undefined;
  #writable: WritableStream<string | ArrayBufferView> | undefined;
  #fail: ((error: Error) => void) | undefined;
  #isIterated = false;
  #ended = false;
  #error: Error | undefined;

  /** The session may be over. */
  constructor(
    inbox: Inbox,
    { isOver, failure }: Pick<SessionLife, 'isOver' | 'failure'>,
    session: StreamedSession,
  ) {
    this.#inbox = inbox;
    this.#session = session;
    if (isOver) this.end(failure);
  }

  /** A new loop. Throws `ERR_INVALID_STATE` beside `readable`. */
  iterate(): AsyncIterableIterator<Buffer, undefined> {
    if (this.#readable !== undefined)
      throw invalidState('session.readable reads the messages of this session: iterate over it instead');
    this.#isIterated = true;
    return this.#read();
  }

  /** Throws `ERR_INVALID_STATE` beside a loop. */
  get readable(): ReadableStream<Buffer> {
    if (this.#isIterated)
      throw invalidState('for await reads the messages of this session: use session.readable instead of it');
    this.#readable ??= readableOf(this.#read());
    return this.#readable;
  }

  get writable(): WritableStream<string | ArrayBufferView> {
    this.#writable ??= writableOf(this.#session, (fail) => {
      this.#fail = fail;
      if (this.#ended) this.end(this.#error);
    });
    return this.#writable;
  }

  /** The session is over. */
  end(error: Error | undefined): void {
    this.#ended = true;
    this.#error = error;
    if (error !== undefined) this.#fail?.(error);
    // A pipe from `readable` of the same session learns of its end first, and ends without an error.
    else setImmediate(() => this.#fail?.(sessionOver()));
  }

  #read(): AsyncIterableIterator<Buffer, undefined> {
    return this.#inbox.iterate(() => void this.#session.close());
  }
}

/**
 * Messages as a stream. One of them waits in the stream, so that the stream learns of the session's end without a
 * read; the others wait in the session, within its limits.
 */
function readableOf(messages: AsyncIterableIterator<Buffer, undefined>): ReadableStream<Buffer> {
  const source: UnderlyingSource<Buffer> = {
    async pull(controller) {
      const { done, value } = await messages.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await messages.return?.();
    },
  };
  return new ReadableStream<Buffer>(source, { highWaterMark: 1 });
}

/** Types of Node 20 lack it. */
interface WithSignal {
  readonly signal?: AbortSignal;
}

/** A stream whose chunks are messages. `onStart` gets a function that makes the stream fail. */
function writableOf(
  session: StreamedSession,
  onStart: (fail: (error: Error) => void) => void,
): WritableStream<string | ArrayBufferView> {
  const stop = (reason: unknown): void => session.destroy(reason instanceof Error ? reason : undefined);
  const sink: UnderlyingSink<string | ArrayBufferView> = {
    async start(controller) {
      onStart((error) => controller.error(error));
      const { signal } = controller as WithSignal;
      // `abort` waits for the end of what is under way: of the handshake, and of a message that waits for room.
      signal?.addEventListener('abort', () => queueMicrotask(() => stop(signal.reason)));
      await session.opened;
    },
    async write(message) {
      for (let outcome = session.offer(message); outcome !== 'sent'; outcome = session.offer(message)) {
        if (outcome !== 'full') throw sessionOver();
        await session.hasRoom();
      }
    },
    close: () => session.endSending(),
    abort: stop,
  };
  return new WritableStream(sink, { highWaterMark: 1 });
}

function sessionOver(): Error {
  return invalidState('Session is over: nothing can be written any more');
}
