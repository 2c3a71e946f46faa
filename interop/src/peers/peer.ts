import type { Inbox } from '../inbox.js';
import type { Weather } from '../net/relay.js';
import type { KeyPair } from '../pki.js';
import { versionOf } from '../process.js';
import type { Group, Identity, Role, Scheme, Suite, Version } from '../vocabulary.js';

/** The settings of both roles. An absent field leaves the peer's default. */
export interface SideOptions {
  /** One version, exactly. */
  readonly version?: Version;
  readonly host: string;
  /** Where it may put files. */
  readonly folder: string;
  /** One suite, exactly. */
  readonly suite?: Suite;
  /** In order of preference. */
  readonly groups?: readonly Group[];
  readonly schemes?: readonly Scheme[];
  /** Largest UDP payload to send, bytes. */
  readonly mtu?: number;
  /** Our record size limit, bytes of content. */
  readonly recordSizeLimit?: number;
  /** The limit that the client requests, bytes of content in a record of either side. */
  readonly maxFragmentLength?: 512;
  /** Where to write the key log, in NSS's format. */
  readonly keylog?: string;
  readonly psk?: Psk;
  /** Retransmit sooner than the protocol's first second, where the peer can. */
  readonly eager?: boolean;
  /** `false`: neither asks for session tickets nor issues any, which leaves DTLS 1.2 its session IDs. */
  readonly tickets?: boolean;
  /**
   * DTLS 1.3. Of a client: a line to send in early data. Of a server: to `take` such data, or to `refuse` what its
   * tickets allow.
   */
  readonly early?: string;
  /** How many sessions follow one another, where the program would end after the first. */
  readonly sessions?: number;
  /**
   * Negotiates connection IDs: the length of the one that it wants to receive, bytes; 0 only offers to send the
   * other side's, and `none` offers nothing.
   */
  readonly cid?: number | 'none';
  /** Of ours: the check of a new address that it begins (RFC 9853). */
  readonly returnRoutability?: RoutabilityCheck;
  /** Whether it will be told to update its keys: some peers only do so by themselves, after a few records. */
  readonly updatesKeys?: boolean;
}

export type RoutabilityCheck = 'never' | 'basic' | 'enhanced';

/** A pre-shared key, hex, and its identity. */
export interface Psk {
  readonly identity: string;
  readonly key: string;
  /** DTLS 1.3: imported under this context (RFC 9258). */
  readonly context?: string;
  /** DTLS 1.3: without a key exchange beside it. */
  readonly alone?: boolean;
}

export interface ServerOptions extends SideOptions {
  /** Absent: it has pre-shared keys only. */
  readonly pair?: KeyPair;
  /** Whether clients must return a cookie. */
  readonly cookie?: boolean;
  /** Require a certificate of clients, signed by this CA. */
  readonly clientCa?: string;
  /** An OCSP response to staple, a file in DER. */
  readonly staple?: string;
}

export interface ClientOptions extends SideOptions {
  readonly port: number;
  readonly ca: string;
  /** DTLS 1.3: the groups to send key shares for. */
  readonly shares?: readonly Group[];
  /** The certificate to send when the server asks. */
  readonly pair?: KeyPair;
  /** Of ours: from an endpoint, whose socket hears the server at other addresses, too. */
  readonly fromEndpoint?: boolean;
  /** Whether to ask for an OCSP response. */
  readonly staple?: boolean;
  /** Where sessions are kept; an existing one is resumed. */
  readonly session?: string;
  /** The name to send, and to require in the server's certificate. */
  readonly name: string;
}

/** One side's knowledge of a session, in IANA's names; `undefined` is what the peer does not report. */
export interface Facts {
  readonly established: boolean;
  readonly version?: string | undefined;
  readonly suite?: string | undefined;
  readonly group?: string | undefined;
  readonly scheme?: string | undefined;
  /** Whether a HelloVerifyRequest was sent or received. */
  readonly cookie?: boolean | undefined;
  /** Server: whether the client proved that it has the key of a certificate. */
  readonly clientVerified?: boolean | undefined;
  /** The identity of the pre-shared key in use. */
  readonly pskIdentity?: string | undefined;
  /** Whether it resumes an earlier session. */
  readonly reused?: boolean | undefined;
  /** The OCSP response that a client got, hex, or the program's verdict on it. */
  readonly staple?: string | undefined;
  /** 32 bytes for the label EXPORTER-interop without a context, hex. */
  readonly exporter?: string | undefined;
  /** The connection IDs that it receives and that it sends, hex; empty for none. */
  readonly cids?: { readonly own: string; readonly other: string } | undefined;
  readonly alertsSent: readonly string[];
  readonly alertsReceived: readonly string[];
  /** In the peer's own words. */
  readonly error?: string | undefined;
  /** Of ours. */
  readonly errorCode?: string | undefined;
}

/** One side of one session while it runs. */
export interface Side {
  /** Lines received from the other side. */
  readonly inbox: Inbox;
  /** Resolves to true at the end of the handshake, to false when it fails. */
  established(ms: number): Promise<boolean>;
  /** Sends a line, with its newline, as one datagram. */
  send(line: string): void;
  /** DTLS 1.3: sends under new keys from now on, and asks the other side to do so too when `request` is set. */
  updateKeys?(request: boolean): void;
  /** Goes on from a fresh socket. Returns its port; 0 where that is not known. */
  rebind?(): number;
  /** Of ours: how many new addresses of the other side have shown that they are its own. */
  validatedMoves?(): number;
  /** DTLS 1.3, of ours: gives the other side another connection ID. */
  renewId?(): void;
  /** Of ours: the connection ID on the other side's records, hex. */
  idOfOther?(): string | undefined;
  /** Ends the session from this side. */
  close(): void;
  /** Resolves when the session is over on this side; `false` when it is not within `ms` milliseconds. */
  over(ms: number): Promise<boolean>;
  facts(): Facts;
  /** All its output, for the report of a failure. */
  log(): string;
  /** Frees its resources; safe to call twice. */
  stop(): Promise<void>;
}

/** A server for one session, which answers each line with `echoPrefix` and the same line. */
export interface ServerSide extends Side {
  readonly port: number;
  readonly echoPrefix: string;
}

/** A program that may be missing on this machine. */
export interface Program {
  readonly name: string;
  /** Its version, or why it cannot run here. */
  probe(): Promise<Probe>;
}

export type Probe = { readonly version: string } | { readonly missing: string };

/** Built with these tests. */
export const HERE: Probe = { version: 'this repository' };

/** Probes a command that prints its version. */
export async function probeCommand(name: string, versionArgs: readonly string[]): Promise<Probe> {
  const version = await versionOf(name, versionArgs);
  return version === undefined ? { missing: `${name} is not installed` } : { version };
}

/** An implementation of DTLS that can be started from here. */
export interface Peer extends Program {
  /** Its supported settings. */
  readonly suites: readonly Suite[];
  /** The alert by which its client refuses a server, by reason. */
  readonly refusals: { readonly 'wrong CA': string; readonly 'wrong name': string };
  /** Whether it answers close_notify with its own, and whether it waits for the answer to its own. */
  readonly closing: { readonly answers: boolean; readonly waits: boolean };
  /** Why it cannot do a case's task in `role`; `undefined` when it can. */
  cannot(role: Role, demand: Demand): string | undefined;
  startServer(options: ServerOptions): Promise<ServerSide>;
  startClient(options: ClientOptions): Promise<Side>;
}

/** The alerts of most peers. */
export const REFUSALS: Peer['refusals'] = { 'wrong CA': 'unknown_ca', 'wrong name': 'bad_certificate' };

/** A case's task for a peer beyond an ordinary session. */
export interface Demand {
  readonly version?: Version | undefined;
  readonly identity: Identity;
  readonly suite?: Suite | undefined;
  readonly group?: Group | undefined;
  readonly scheme?: Scheme | undefined;
  readonly cookie?: boolean | undefined;
  readonly clientIdentity?: Identity | undefined;
  readonly closer: Role;
  /** The client's trust: only `right` lets the handshake succeed. */
  readonly trust: 'right' | 'wrong CA' | 'wrong name';
  readonly mtu?: number | undefined;
  readonly shares?: readonly Group[] | undefined;
  /** False: the server has no certificate. */
  readonly certificate?: boolean | undefined;
  /** The key of each side: only equal ones let the handshake succeed. */
  readonly psk?: Readonly<Record<Role, Psk>> | undefined;
  /** Our record size limit, bytes of content. */
  readonly recordSizeLimit?: number | undefined;
  /** The limit that the client requests, bytes of content in a record of either side. */
  readonly maxFragmentLength?: 512 | undefined;
  readonly keyUpdate?: KeyUpdate | undefined;
  /** The length of the connection ID that each side wants, bytes; a side without one negotiates none. */
  readonly cids?: Readonly<Partial<Record<Role, number>>> | undefined;
  /** The check of a new address that our side begins. */
  readonly returnRoutability?: RoutabilityCheck | undefined;
  /** Whether the session is resumed by a second one. */
  readonly resumed?: boolean | undefined;
  /** The treatment of datagrams on the path; absent: none. */
  readonly weather?: Weather | undefined;
  /** Whether an attacker on the path forges the choice of a version. */
  readonly attacked?: boolean | undefined;
}

/** The side that updates its sending keys first, and whether it requests the other side's update. */
export interface KeyUpdate {
  readonly by: Role | 'both';
  readonly request: boolean;
}
