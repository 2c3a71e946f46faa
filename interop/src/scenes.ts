import { setTimeout as delay } from 'node:timers/promises';
import { type Encounter, Failure, type Plan } from './exchange.js';
import type { Facts, KeyUpdate } from './peers/peer.js';
import type { Role } from './vocabulary.js';

/** Programs in Java take seconds to start on a busy machine. */
const HANDSHAKE_MS = 30_000;
/** Some that refuse, or are refused, stay silent: as long as this, none is a session. */
const REFUSAL_MS = 12_000;
const ECHO_MS = 5_000;
const END_MS = 5_000;
/** Our side believes what can be forged after two runs of its timer, which has backed off by then (ADR 90). */
const DOUBT_MS = 12_000;
/** DTLS does not repeat lost application data, so on a lossy path the client repeats it at this interval. */
const REPEAT_MS = 250;
const REPEATS = 80;
const UPDATE_ECHOES = 6;
const UPDATE_PAUSE_MS = 50;

/** A whole session: handshake, several messages each way, an orderly close that both sides see. */
export async function session(both: Encounter, plan: Plan): Promise<Record<Role, Facts>> {
  if (!(await both.client.established(HANDSHAKE_MS)))
    throw new Failure(`no handshake: ${await reasons(both)}`);
  for (const line of messages(plan)) await echo(both, line);
  await end(both, plan.closer);
  return await both.finish();
}

/** A session in which keys are updated, with messages each way before and after. */
export async function keyUpdates(
  both: Encounter,
  plan: Plan,
  update: KeyUpdate,
): Promise<Record<Role, Facts>> {
  if (!(await both.client.established(HANDSHAKE_MS)))
    throw new Failure(`no handshake: ${await reasons(both)}`);
  await echo(both, 'ping before');
  for (const role of ['client', 'server'] as const) {
    if (update.by === role || update.by === 'both') both[role].updateKeys?.(update.request);
  }
  // A peer may use its new keys only after the other side has acknowledged them, so one message is not enough.
  for (let index = 1; index <= UPDATE_ECHOES; index++) {
    await echo(both, `ping after ${index}`);
    await delay(UPDATE_PAUSE_MS);
  }
  await end(both, plan.closer);
  return await both.finish();
}

/** A session over a lossy path: it ends with an echo, or with an error, within `ms` milliseconds. */
export async function struggle(both: Encounter, ms: number): Promise<Record<Role, Facts>> {
  if (await both.client.established(ms)) {
    await persistentEcho(both, 'ping through the weather');
    both.client.close();
  } else if (both.client.facts().error === undefined && both.server.facts().error === undefined) {
    throw new Failure(`neither a session nor an error within ${ms} ms`);
  }
  return await both.finish();
}

/** A handshake that the client ends, because it does not trust the server. */
export async function refusal(both: Encounter): Promise<Record<Role, Facts>> {
  if (await both.client.established(REFUSAL_MS)) throw new Failure('the client accepted the server');
  await both.client.over(DOUBT_MS);
  await both.server.over(DOUBT_MS);
  return await both.finish();
}

async function reasons(both: Encounter): Promise<string> {
  const { client, server } = await both.finish();
  const words = (facts: Facts) =>
    [facts.error, ...facts.alertsSent.map((name) => `sent ${name}`)]
      .filter((part) => part !== undefined)
      .join(', ');
  return `client: ${words(client) || 'silent'}; server: ${words(server) || 'silent'}`;
}

/** Several short lines, and one near the size of the path, or of a record. */
export function messages(plan: Plan): string[] {
  const length = (plan.maxFragmentLength ?? plan.recordSizeLimit ?? plan.mtu ?? 1200) - 100;
  return ['ping one', 'ping two', 'ping three', `ping ${'x'.repeat(length)}`];
}

async function echo(both: Encounter, line: string): Promise<void> {
  both.client.send(line);
  const answer = both.server.echoPrefix + line;
  if (!(await both.client.inbox.has(answer, ECHO_MS))) throw new Failure(`no echo of "${line.slice(0, 40)}"`);
}

async function persistentEcho(both: Encounter, line: string): Promise<void> {
  const answer = both.server.echoPrefix + line;
  for (let attempt = 0; attempt < REPEATS; attempt++) {
    both.client.send(line);
    if (await both.client.inbox.has(answer, REPEAT_MS)) return;
  }
  throw new Failure('the handshake is complete, but no echo comes back');
}

async function end(both: Encounter, closer: Role): Promise<void> {
  const other = closer === 'client' ? 'server' : 'client';
  both[closer].close();
  if (!(await both[other].over(END_MS)))
    throw new Failure(`the ${other} did not notice the end of the session`);
  if (!(await both[closer].over(END_MS))) throw new Failure(`the ${closer} did not finish after closing`);
}
