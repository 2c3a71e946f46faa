/** A command line that makes no sense. */
export class UsageError extends Error {
  readonly code = 'ERR_MISSING_ARGS';
}
