/**
 * A value that is available now or later.
 *
 * @example
 * ```ts
 * import type { Awaitable } from 'datagram-tls';
 *
 * const now: Awaitable<string> = 'a value';
 * const later: Awaitable<string> = Promise.resolve('a value');
 * ```
 */
export type Awaitable<T> = T | PromiseLike<T>;

export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Whether a function that has to answer at once gave a promise: nobody waits for it, or reports its rejection. */
export function isLateAnswer(value: unknown): boolean {
  if (!isPromise(value)) return false;
  void Promise.resolve(value).catch(() => undefined);
  return true;
}

/** `use` of the value, at once where it is available. An object with `then` need not be a well-behaved promise. */
export function whenever<T, U>(value: Awaitable<T>, use: (value: T) => Awaitable<U>): Awaitable<U> {
  return isPromise(value) ? Promise.resolve(value).then(use) : use(value);
}
