import assert from 'node:assert/strict';

/** Later versions of Node throw where it may not be moved, and earlier ones copy. */
export function tryToMove(bytes: Uint8Array): void {
  try {
    structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
  } catch (error) {
    assert.equal((error as Error).name, 'DataCloneError');
  }
}
