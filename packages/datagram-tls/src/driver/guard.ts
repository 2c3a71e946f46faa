import { ownProperties } from '../base/own-properties.js';

/** Calls what may throw. */
export function attempt(action: () => void, failed: (error: Error) => void): void {
  try {
    action();
  } catch (error) {
    failed(error as Error);
  }
}

/** An error of the application's own code is reported to it, but the current work is finished first. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/** Calls `stop` when `signal` is aborted; throws its reason if it is already. Returns a function that stops the watch. */
export function watch(signal: AbortSignal | undefined, stop: (reason: Error) => void): () => void {
  if (signal === undefined) return () => undefined;
  signal.throwIfAborted();
  const onAbort = (): void => {
    stop(signal.reason as Error);
  };
  signal.addEventListener('abort', onAbort, ownProperties({ once: true }));
  return () => {
    signal.removeEventListener('abort', onAbort);
  };
}
