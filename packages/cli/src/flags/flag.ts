import type { ConnectOptions, ListenOptions } from 'datagram-tls';

export type Role = 'server' | 'client';
type LibraryOption = keyof ListenOptions | keyof ConnectOptions;

/**
 * One option of the command line. Its row in this folder is the only place that knows it: parsing, help, the library's options and
 * the wording of its errors all come from here.
 */
export interface Flag {
  /** As commander writes it: `--mtu <bytes>`. */
  readonly flags: string;
  readonly help: string;
  readonly roles: readonly Role[];
  /** The library's option that it sets; without one the command itself acts on it. */
  readonly option?: LibraryOption;
  /** The value for the library's option, for a flag without a value. */
  readonly value?: unknown;
  /** From the text to the value; `previous` is that of an earlier occurrence. */
  readonly parse?: (text: string, previous: unknown) => unknown;
  /** From all its occurrences to the library's option. */
  readonly finish?: (value: unknown, role: Role) => unknown;
  /** The environment variable that can replace it. */
  readonly env?: string;
  /** Attribute names of flags that contradict it. */
  readonly conflicts?: string[];
  /** Attributes of other flags that it also sets. */
  readonly implies?: Record<string, unknown>;
  /** Attribute names of flags, at least one of which it needs. */
  readonly needs?: readonly string[];
  readonly standard?: unknown;
}

export const BOTH: readonly Role[] = ['server', 'client'];
export const CLIENT: readonly Role[] = ['client'];
export const SERVER: readonly Role[] = ['server'];

/** For a flag that may be given more than once. */
export function append(item: unknown, previous: unknown): unknown[] {
  return Array.isArray(previous) ? [...(previous as unknown[]), item] : [item];
}
