import { constants } from 'node:os';

/**
 * Calls `close` at the first SIGINT or SIGTERM; a second one ends the process at once with the shell's status for it.
 * The result gives that status once a signal has come.
 */
export function closeOnSignal(close: () => unknown): () => number | undefined {
  let status: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (status !== undefined) process.exit(128 + constants.signals[signal]);
    status = 128 + constants.signals[signal];
    close();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return () => status;
}
