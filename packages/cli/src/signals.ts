import { constants } from 'node:os';
import type { Terminal } from './terminal.js';

/**
 * Calls `close` at the first SIGINT or SIGTERM; a second one ends the process at once with the shell's status for it.
 * The result returns that status once a signal has come.
 */
export function closeOnSignal(terminal: Terminal, close: () => unknown): () => number | undefined {
  let status: number | undefined;
  terminal.onSignal((signal) => {
    const second = status !== undefined;
    status = 128 + constants.signals[signal];
    if (second) terminal.exit(status);
    else close();
  });
  return () => status;
}
