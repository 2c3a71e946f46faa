import type { Role, Version } from '../vocabulary.js';

/** The configuration of `holder.ts`. */
export interface Holding {
  readonly role: Role;
  readonly version: Version;
  readonly cid: number | 'none';
  /** Of its own; 0 for any. */
  readonly bindPort: number;
  /** A client's: of the server. */
  readonly port: number;
  /** Files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Of the server. */
  readonly name: string;
  /** The file of the session to go on with. */
  readonly state?: string;
}
