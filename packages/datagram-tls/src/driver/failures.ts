import { DTLSError } from '../base/errors.js';

/** A handshake that found no answer, from a host that would not even send, says so. */
export function explained(error: DTLSError, sendError: Error | undefined): DTLSError {
  if (error.source !== 'network' || sendError === undefined || error.cause !== undefined) return error;
  return new DTLSError(error.code, `${error.message}: ${sendError.message}`, {
    source: 'network',
    cause: sendError,
  });
}

/** What a callback of the application threw comes back to it as it is, as in node:dtls. */
export function asThrown(error: DTLSError): Error {
  return error.code === 'ERR_DTLS_CALLBACK' && error.cause instanceof Error ? error.cause : error;
}
