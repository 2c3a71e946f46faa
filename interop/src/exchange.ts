import { Relay, type RelayOptions } from './net/relay.js';
import type { ClientOptions, Demand, Facts, Peer, ServerOptions, ServerSide, Side } from './peers/peer.js';
import { type Pki, SERVER_NAME, WRONG_NAME } from './pki.js';
import { curveOf, type Group, type Role } from './vocabulary.js';

/** One session between two peers: its task, and the path between them. */
export interface Plan extends Demand {
  readonly host: string;
  /** Groups of the client beside `group`, ahead of it. */
  readonly otherGroups?: readonly Group[] | undefined;
  /** Retransmission timers shorter than the protocol's, for peers that support them. */
  readonly eager?: boolean | undefined;
  /** The side that does not know the path's `mtu`. */
  readonly unaware?: Role | undefined;
  /** Puts a faithful relay between the peers, to inspect their datagrams. */
  readonly observed?: boolean | undefined;
  /** An attacker on the path that changes the datagrams. */
  readonly rewrite?: RelayOptions['rewrite'];
  /** Our client has an endpoint of its own, whose socket hears the server at other addresses, too. */
  readonly fromEndpoint?: boolean | undefined;
  /** The server sends to a new address only once it is checked: what made it ask is answered at the one before. */
  readonly checksFirst?: boolean | undefined;
  /** Where the client keeps sessions. */
  readonly session?: string | undefined;
  /** Where the sides write their key logs. */
  readonly keylogs?: Readonly<Record<Role, string>> | undefined;
}

/** Two running peers. `finish` stops them and returns their reports. */
export interface Encounter {
  readonly client: Side;
  readonly server: ServerSide;
  readonly relay: Relay | undefined;
  finish(): Promise<Record<Role, Facts>>;
}

/** A failed case, with the output of both sides. */
export class Failure extends Error {
  readonly logs: readonly string[];

  constructor(message: string, logs: readonly string[] = []) {
    super(message);
    this.logs = logs;
  }
}

/** Starts both peers, runs `scene`, and always stops them. */
export async function encounter<T>(
  client: Peer,
  server: Peer,
  plan: Plan,
  pki: Pki,
  scene: (both: Encounter) => Promise<T>,
): Promise<T> {
  const both = await begin(client, server, plan, pki);
  try {
    return await scene(both);
  } catch (error) {
    await both.finish();
    const message = error instanceof Error ? error.message : String(error);
    throw new Failure(message, [`client:\n${both.client.log()}`, `server:\n${both.server.log()}`]);
  } finally {
    await both.finish();
    both.relay?.close();
  }
}

async function begin(client: Peer, server: Peer, plan: Plan, pki: Pki): Promise<Encounter> {
  const serverSide = await server.startServer(serverOptions(plan, pki));
  const target = { host: plan.host, port: serverSide.port };
  const relay = await relayFor(plan, target);
  const clientSide = await client.startClient(clientOptions(plan, pki, relay?.port ?? serverSide.port));
  return {
    client: clientSide,
    server: serverSide,
    relay,
    async finish() {
      await clientSide.stop();
      await serverSide.stop();
      return { client: clientSide.facts(), server: serverSide.facts() };
    },
  };
}

async function relayFor(plan: Plan, server: { host: string; port: number }): Promise<Relay | undefined> {
  const { weather, mtu, rewrite, observed } = plan;
  const needed = [weather, mtu, rewrite].some((part) => part !== undefined) || observed === true;
  if (!needed) return undefined;
  return await Relay.start({
    server,
    ...(weather === undefined ? {} : { weather }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(rewrite === undefined ? {} : { rewrite }),
  });
}

function serverOptions(plan: Plan, pki: Pki): ServerOptions {
  return {
    ...sideOptions(plan, 'server', pki),
    ...(plan.certificate === false ? {} : { pair: pki.servers[plan.identity] }),
    ...(plan.cookie === undefined ? {} : { cookie: plan.cookie }),
    ...(plan.clientIdentity === undefined ? {} : { clientCa: pki.ca }),
    ...(plan.group === undefined ? {} : { groups: [plan.group] }),
    ...(plan.scheme === undefined ? {} : { schemes: [plan.scheme] }),
  };
}

function clientOptions(plan: Plan, pki: Pki, port: number): ClientOptions {
  const curve = curveOf(plan.identity);
  const groups = [...(plan.otherGroups ?? []), plan.group, curve].filter((group) => group !== undefined);
  return {
    ...sideOptions(plan, 'client', pki),
    port,
    ca: plan.trust === 'wrong CA' ? pki.wrongCa : pki.ca,
    name: plan.trust === 'wrong name' ? WRONG_NAME : SERVER_NAME,
    ...(plan.clientIdentity === undefined ? {} : { pair: pki.clients[plan.clientIdentity] }),
    ...(plan.group === undefined ? {} : { groups: [...new Set(groups)] }),
    ...(plan.shares === undefined ? {} : { shares: plan.shares }),
    ...(plan.session === undefined ? {} : { session: plan.session }),
    ...(plan.fromEndpoint === undefined ? {} : { fromEndpoint: plan.fromEndpoint }),
    // The second scheme is the one by which the test CA signs certificates.
    ...(plan.scheme === undefined
      ? {}
      : { schemes: [...new Set([plan.scheme, 'ecdsa_secp256r1_sha256'] as const)] }),
  };
}

function sideOptions(plan: Plan, role: Role, { folder }: Pki) {
  return {
    host: plan.host,
    folder,
    ...(plan.version === undefined ? {} : { version: plan.version }),
    ...(plan.suite === undefined ? {} : { suite: plan.suite }),
    ...(plan.mtu === undefined || plan.unaware === role ? {} : { mtu: plan.mtu }),
    ...(plan.recordSizeLimit === undefined ? {} : { recordSizeLimit: plan.recordSizeLimit }),
    ...(plan.maxFragmentLength === undefined ? {} : { maxFragmentLength: plan.maxFragmentLength }),
    ...(plan.eager === undefined ? {} : { eager: plan.eager }),
    ...(plan.psk === undefined ? {} : { psk: plan.psk[role] }),
    ...(plan.keyUpdate === undefined ? {} : { updatesKeys: [role, 'both'].includes(plan.keyUpdate.by) }),
    ...(plan.cids === undefined ? {} : { cid: plan.cids[role] ?? ('none' as const) }),
    ...(plan.returnRoutability === undefined ? {} : { returnRoutability: plan.returnRoutability }),
    ...(plan.keylogs === undefined ? {} : { keylog: plan.keylogs[role] }),
  } as const;
}
