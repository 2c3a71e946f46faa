import { BytePool } from '../base/byte-pool.js';

let onPiece: ((memory: ArrayBuffer) => void) | undefined;

/** Where what opens records without the platform puts their texts, which become messages. */
export const texts = new BytePool((memory) => onPiece?.(memory));

/**
 * `protect` gets each piece of memory of {@link texts} from now on: as with Node's own pool, a message that is given to another
 * thread must not take others with it.
 */
export function protectTexts(protect: (memory: ArrayBuffer) => void): void {
  onPiece = protect;
}
