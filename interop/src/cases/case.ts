import type { Peer, Program } from '../peers/peer.js';
import type { Pki } from '../pki.js';
import type { Role } from '../vocabulary.js';

/** One row of the matrix. */
export interface Case {
  readonly name: string;
  /** The column of the final table. */
  readonly kind: 'session' | 'refusal' | 'loss' | 'capture';
  readonly client: Program;
  readonly server: Program;
  /** Its requirements beside the two peers. */
  readonly tools?: readonly Program[];
  /** The reason to skip it that is no peer's fault. */
  readonly impossible?: string | undefined;
  /** Mostly waits for retransmission timers: many may run at once. */
  readonly slow: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  /** Resolves to a remark for the report. Rejects with a `Failure`. `attempt`: 0, and 1 at the second try. */
  run(pki: Pki, attempt: number): Promise<string>;
}

/** A client and a server. */
export type Pair = Readonly<Record<Role, Peer>>;

export function pairName({ client, server }: Readonly<Record<Role, Program>>): string {
  return `${client.name} client ↔ ${server.name} server`;
}

/** One peer as client of the other's server, and vice versa. */
export function bothWays(one: Peer, other: Peer): Pair[] {
  return [
    { client: one, server: other },
    { client: other, server: one },
  ];
}

/** Everything that must be installed for a case. */
export function programsOf({ client, server, tools = [] }: Case): Program[] {
  return [client, server, ...tools];
}
