import type { OfferedPsks } from '../../wire/extensions/pre-shared-key.js';
import type { Context } from '../context.js';
import type { FoundPsk, OpenedTicket } from '../jobs.js';
import { externalPsk, resumptionPsk } from '../offered-psk.js';
import { resumedPeer } from '../resumption/peer.js';
import type { ChosenPsk13, ReadyHello13 } from './server-start.js';

/** Identities that are looked up; a client that offers more should know better which it means. */
const MAX_PSKS = 8;

/** Asks for the session of a ticket among the client's identities; returns whether there is anything to ask. */
export function askForSession(ctx: Context, { client, choice }: ReadyHello13): boolean {
  if (client.psks === undefined || ctx.security.tickets === undefined) return false;
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
export function askForPsk(ctx: Context, { client }: ReadyHello13): boolean {
  if (client.psks === undefined || ctx.security.psk.role !== 'server') return false;
  ctx.emit({ do: 'ask', job: { kind: 'find-psk', identities: identitiesOf(client.psks) } });
  return true;
}

export function choosePsk(
  { client, choice }: ReadyHello13,
  found: FoundPsk | undefined,
): ChosenPsk13 | undefined {
  const identity = found === undefined ? undefined : client.psks?.identities[found.index]?.identity;
  if (found === undefined || identity === undefined) return undefined;
  const psk = { ...externalPsk(identity, found.key), index: found.index };
  return psk.hash === choice.suite.hash ? psk : undefined;
}

function identitiesOf({ identities }: OfferedPsks): readonly Uint8Array[] {
  return identities.slice(0, MAX_PSKS).map(({ identity }) => identity);
}
