import { setTimeout as delay } from 'node:timers/promises';
import { type Encounter, Failure, type Plan } from './exchange.js';
import type { Passage, RelayOptions } from './net/relay.js';
import { changesCipher, hasServerHello, isProtected13, isRetryRequest, serverHelloOf } from './net/wire.js';
import type { Facts } from './peers/peer.js';
import type { Role, Version } from './vocabulary.js';

/** When the client's address changes. */
export type Moment =
  | 'never'
  | 'in mid-session'
  | 'before its last flight'
  | 'in the handshake'
  | 'when the ACK of its Finished is lost'
  | 'during a KeyUpdate';

export function isInHandshake(moment: Moment): boolean {
  return (
    moment === 'in the handshake' ||
    moment === 'before its last flight' ||
    moment === 'when the ACK of its Finished is lost'
  );
}

/** Programs in Java take seconds to start on a busy machine. */
const HANDSHAKE_MS = 30_000;
const LOSSY_MS = 60_000;
const ECHO_MS = 5_000;
/** DTLS does not repeat lost application data: on a lossy path the client repeats it at this interval. */
const REPEAT_MS = 250;
const REPEATS = 80;
/** Long enough for an answer that must not come. */
const SILENCE_MS = 500;
const END_MS = 5_000;
/** The first other address of a client; `undefined` is its own, with another port. */
const ELSEWHERE = ['127.0.0.2', undefined, '127.0.0.3'];

/**
 * A session whose client moves at a moment, as often as there are places. The server has to answer at each of them
 * where it has a connection ID to know the client by, and at none where it has not.
 */
export async function moving(both: Encounter, plan: Plan, moment: Moment): Promise<Record<Role, Facts>> {
  // A KeyUpdate on its way to the place that the client leaves is lost, and an echo may wait for it to come again.
  const lossy = plan.weather !== undefined || moment === 'during a KeyUpdate';
  const repeats = lossy || plan.checksFirst === true;
  if (!(await both.client.established(lossy || isInHandshake(moment) ? LOSSY_MS : HANDSHAKE_MS)))
    throw new Failure(`no handshake: ${await reasons(both)}`);
  if (moment === 'when the ACK of its Finished is lost') await answeredElsewhere(both);
  await answered(both, 'ping before', repeats);
  if (moment === 'in mid-session' || moment === 'during a KeyUpdate') {
    for (const [index, place] of ELSEWHERE.entries()) {
      if (moment === 'during a KeyUpdate') both[index === 1 ? 'server' : 'client'].updateKeys?.(true);
      both.relay?.move(place);
      await answered(both, `ping from place ${index + 1}`, repeats);
    }
  }
  if (lossy) return await both.finish();
  both.client.close();
  if (!(await both.server.over(END_MS)))
    throw new Failure('the server did not notice the end of the session');
  return await both.finish();
}

/** A server that knows its client by the address alone, and must not follow what comes from another. */
export async function unmoved(both: Encounter): Promise<Record<Role, Facts>> {
  if (!(await both.client.established(HANDSHAKE_MS)))
    throw new Failure(`no handshake: ${await reasons(both)}`);
  await answered(both, 'ping before', false);
  both.relay?.move(ELSEWHERE[0]);
  both.client.send('ping from elsewhere');
  if (await both.client.inbox.has(`${both.server.echoPrefix}ping from elsewhere`, SILENCE_MS))
    throw new Failure('the server followed a client that it cannot know');
  return await both.finish();
}

/**
 * Moves the client in the handshake, once: in DTLS 1.3 before its own protected flight; in DTLS 1.2, whose first
 * records with a connection ID are those of Finished, when the server's last flight is lost.
 */
export function moveInHandshake(version: Version): NonNullable<RelayOptions['rewrite']> {
  let phase: 'before' | 'losing' | 'after' = 'before';
  return (bytes, direction, _index, { relay }) => {
    if (phase === 'after') return undefined;
    if (version === 'DTLSv1.3') {
      if (direction === 'to-server' && isProtected13(bytes)) {
        phase = 'after';
        relay.move(ELSEWHERE[0]);
      }
      return undefined;
    }
    if (direction === 'to-client') {
      if (changesCipher(bytes)) phase = 'losing';
      return phase === 'losing' ? [] : undefined;
    }
    if (phase === 'losing') {
      phase = 'after';
      relay.move(ELSEWHERE[0]);
    }
    return undefined;
  };
}

/**
 * Moves the client of DTLS 1.3 when its Finished has arrived and the ACK of that is lost. The server, whose handshake is done, hears
 * the Finished again, and from another address.
 */
export function moveBehindFinished(): NonNullable<RelayOptions['rewrite']> {
  let phase: 'before' | 'losing' | 'after' = 'before';
  return (bytes, direction, _index, { relay }) => {
    if (phase === 'after' || !isProtected13(bytes)) return undefined;
    if (direction === 'to-server') {
      phase = phase === 'before' ? 'losing' : 'after';
      return undefined;
    }
    if (phase === 'before') return undefined;
    if (relay.moves === 0) relay.move(ELSEWHERE[0]);
    return [];
  };
}

/**
 * Moves the client of DTLS 1.2 before its last flight, of which nothing arrives from its former address: the server can read
 * none of it before it has the plaintext messages in it.
 */
export function moveBeforeLastFlight(): NonNullable<RelayOptions['rewrite']> {
  let answered = false;
  let moved = false;
  return (bytes, direction, _index, { relay }) => {
    if (direction === 'to-client') answered ||= hasServerHello(bytes);
    else if (answered && !moved) {
      moved = true;
      relay.move(ELSEWHERE[0]);
    }
    return undefined;
  };
}

/**
 * Moves the client of DTLS 1.2 before it has the server's flight, which is lost: all of it, or all but its ServerHello (`part`). Its
 * repetitions go to the former address.
 */
export function moveBeforeFlight(part: boolean): NonNullable<RelayOptions['rewrite']> {
  let phase: 'before' | 'losing' | 'after' = 'before';
  return (bytes, direction, _index, { relay }) => {
    if (phase === 'after') return undefined;
    if (direction === 'to-server') {
      if (phase === 'losing') phase = 'after';
      return undefined;
    }
    if (phase === 'losing') return [];
    if (!hasServerHello(bytes)) return undefined;
    phase = 'losing';
    relay.move(ELSEWHERE[0]);
    return part ? [serverHelloOf(bytes)] : [];
  };
}

/** Moves the client of DTLS 1.3 when it has a HelloRetryRequest, so that its answer comes from elsewhere with the cookie in it. */
export function moveAfterRetry(): NonNullable<RelayOptions['rewrite']> {
  let phase: 'before' | 'asked' | 'after' = 'before';
  return (bytes, direction, _index, { relay }) => {
    if (phase === 'before' && direction === 'to-client' && isRetryRequest(bytes)) phase = 'asked';
    else if (phase === 'asked' && direction === 'to-server') {
      phase = 'after';
      relay.move(ELSEWHERE[0]);
    }
    return undefined;
  };
}

/** The server has found the client where it is now, which has sent no application data yet. */
async function answeredElsewhere({ relay }: Encounter): Promise<void> {
  const isAnswer = ({ direction, moves, bytes }: Passage) =>
    direction === 'to-client' && moves > 0 && isProtected13(bytes);
  for (let waited = 0; waited < LOSSY_MS; waited += REPEAT_MS) {
    if (relay?.passages.some(isAnswer) === true) return;
    await delay(REPEAT_MS);
  }
  throw new Failure('the server does not answer a Finished from elsewhere');
}

export async function answered(both: Encounter, line: string, lossy: boolean): Promise<void> {
  const answer = both.server.echoPrefix + line;
  for (let attempt = 0; attempt < (lossy ? REPEATS : 1); attempt++) {
    both.client.send(line);
    if (await both.client.inbox.has(answer, lossy ? REPEAT_MS : ECHO_MS)) return;
  }
  throw new Failure(`no echo of "${line}"`);
}

export async function reasons(both: Encounter): Promise<string> {
  const { client, server } = await both.finish();
  return `client: ${client.error ?? 'silent'}; server: ${server.error ?? 'silent'}`;
}
