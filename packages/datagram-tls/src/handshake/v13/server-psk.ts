import type { OfferedPsks } from '../../wire/extensions/pre-shared-key.js';
import type { Context } from '../context.js';
import type { FoundPsk, OpenedTicket } from '../jobs.js';
import { externalPsk, importedPsk, resumptionPsk } from '../offered-psk.js';
import { resumedPeer } from '../resumption/peer.js';
import { choosePskMode } from './client-hello.js';
import { pskCandidates } from './psk-candidates.js';
import type { ChosenPsk13, ReadyHello13 } from './server-start.js';

/** Tickets that are looked at. */
const MAX_TICKETS = 8;

/** Asks for the session of a ticket among the client's identities; returns whether there is anything to ask. */
export function askForSession(ctx: Context, { client, choice, share }: ReadyHello13): boolean {
  if (client.psks === undefined || ctx.security.tickets === undefined) return false;
  if (!client.takesTickets || share === undefined) return false;
  const { serverName } = client;
  const tickets = identitiesOf(client.psks);
  ctx.emit({ do: 'ask', job: { kind: 'open-ticket', tickets, suites: [choice.suite], serverName } });
  return true;
}

export function chooseSession(ctx: Context, opened: OpenedTicket | undefined): ChosenPsk13 | undefined {
  const peer = opened === undefined ? undefined : resumedPeer(ctx.security, opened.resumed);
  if (opened === undefined || peer === undefined) return undefined;
  return { ...resumptionPsk(opened.resumed.state, peer), index: opened.index };
}

/** Asks for a key that was shared outside of the protocol; returns whether there is anything to ask. */
export function askForPsk(ctx: Context, hello: ReadyHello13): boolean {
  const { client, share } = hello;
  if (client.psks === undefined || ctx.security.psk.role !== 'server') return false;
  if (choosePskMode(ctx.security, client, share) === undefined) return false;
  const candidates = pskCandidates(client.psks, hello.choice.suite.hash);
  ctx.emit({ do: 'ask', job: { kind: 'find-psk', wanted: candidates.map(({ wanted }) => wanted) } });
  return true;
}

export function choosePsk(
  ctx: Context,
  { client, choice }: ReadyHello13,
  found: FoundPsk | undefined,
): ChosenPsk13 | undefined {
  if (found === undefined || client.psks === undefined) return undefined;
  const meant = pskCandidates(client.psks, choice.suite.hash)[found.index];
  if (meant === undefined) return undefined;
  const { index, sent, wanted, hash } = meant;
  const { key, import: how } = found;
  if (how === undefined) return { ...externalPsk(sent, key), index };
  return { ...importedPsk(ctx.provider, { key, import: how }, wanted.identity, sent, hash), index };
}

function identitiesOf({ identities }: OfferedPsks): readonly Uint8Array[] {
  return identities.slice(0, MAX_TICKETS).map(({ identity }) => identity);
}
