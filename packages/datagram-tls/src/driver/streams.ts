import type { UnderlyingSink, UnderlyingSource } from 'node:stream/web';
import { invalidState } from '../base/errors.js';
import type { Offered } from './sender.js';

/** What {@link writableOf} uses of a session. */
export interface SendingSession {
  readonly opened: Promise<unknown>;
  /** Throws as `session.send`. */
  offer(message: string | ArrayBufferView): Offered;
  /** Resolves in a later turn, when there is room in the send queue, or when the session ends. */
  hasRoom(): Promise<void>;
  /** Closes our direction, or the session where the other one does not stay open. */
  endSending(): Promise<void>;
  destroy(error?: Error): void;
  /** `listener` is called when the session is over, with its error. */
  onEnd(listener: (error: Error | undefined) => void): void;
}

/**
 * Messages as a stream. One of them waits in the stream, so that the stream learns of the session's end without a
 * read; the others wait in the session, within its limits.
 */
export function readableOf(messages: AsyncIterableIterator<Buffer, undefined>): ReadableStream<Buffer> {
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

/** A stream whose chunks are messages. It waits for the handshake, and for room in the send queue. */
export function writableOf(session: SendingSession): WritableStream<string | ArrayBufferView> {
  const sink: UnderlyingSink<string | ArrayBufferView> = {
    async start(controller) {
      session.onEnd((error) => {
        if (error !== undefined) controller.error(error);
        // A pipe from `readable` of the same session learns of its end first, and ends without an error.
        else setImmediate(() => controller.error(sessionOver()));
      });
      await session.opened;
    },
    async write(message) {
      for (let outcome = session.offer(message); outcome !== 'sent'; outcome = session.offer(message)) {
        if (outcome === 'over') throw sessionOver();
        await session.hasRoom();
      }
    },
    close: () => session.endSending(),
    abort: (reason: unknown) => session.destroy(reason instanceof Error ? reason : undefined),
  };
  return new WritableStream(sink, { highWaterMark: 1 });
}

function sessionOver(): Error {
  return invalidState('Session is over: nothing can be written any more');
}
