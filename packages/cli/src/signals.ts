import { constants } from 'node:os';

/**
 * Calls `close` at the first SIGINT or SIGTERM; a second one ends the process at once with the shell's status for it.
 * The result tells whether one came.
 */
export function closeOnSignal(close: () => unknown): () => boolean {
  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(128 + constants.signals[signal]);
    asked = true;
    close();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return () => asked;
}
