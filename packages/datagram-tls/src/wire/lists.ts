import { Reader } from './cursor.js';

/**
 * Reads items until `bytes`, a vector just taken from `r`, are used up; a malformed item fails `r`.
 * Memory follows the bytes that are there: an item takes at least one byte, or fails and ends the loop.
 */
export function readItems<T>(r: Reader, bytes: Uint8Array, readItem: (list: Reader) => T): T[] {
  const list = new Reader(bytes);
  const items: T[] = [];
  while (list.left > 0) items.push(readItem(list));
  if (list.failed) r.fail();
  return items;
}
