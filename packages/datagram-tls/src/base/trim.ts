/**
 * Forgets the oldest keys of a map or set that holds a sixteenth more than `least`: all but the newest `least`. To forget one
 * at a time would cost more: V8 keeps the places of removed keys for a while, and each look for the oldest walks over them (ADR
 * 102).
 */
export function trim<K>(entries: Map<K, unknown> | Set<K>, least: number): void {
  if (entries.size <= least + least / 16) return;
  for (const key of entries.keys()) {
    if (entries.size <= least) return;
    entries.delete(key);
  }
}
