import assert from 'node:assert/strict';
import { utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import type { SecurityOptions } from '#lib/config/options.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import type { Outgoing } from '#lib/endpoint/ready-queue.js';
import type { Job } from '#lib/handshake/jobs.js';
import { ExtensionType } from '#lib/wire/codes.js';
import { decodeServerHello, isHelloRetryRequest } from '#lib/wire/messages/server-hello.js';
import { comingBack, sessionFor, taking } from './early.js';
import { JUDGEMENT_DAY } from './identities.js';
import { performNow } from './jobs.js';
import { plainFragments } from './records.js';
import { behaviour, security, UNLIMITED } from './settings.js';

/** What each client says. */
export const MESSAGE = utf8('early');

/** A server's endpoint with unknown peers. Endpoints with the same options share one context. */
export class Desk {
  readonly endpoint: Endpoint;
  readonly entries: ConnectionEntry[] = [];
  readonly early: Uint8Array[] = [];
  /** Bytes, by address and port. */
  readonly sentTo = new Map<string, number>();
  readonly errors: (string | undefined)[] = [];
  now = 0;
  /** What the clock of the day is ahead of where it should be, ms. */
  skew = 0;
  /** Jobs wait for {@link answerAll}. */
  slow = false;
  readonly #jobs: { readonly entry: ConnectionEntry; readonly id: number; readonly job: Job }[] = [];
  #sent: Uint8Array[] = [];

  constructor(server: SecurityOptions, limits: Partial<EndpointLimits> = {}, manner: BehaviourOptions = {}) {
    this.endpoint = new Endpoint({ ...UNLIMITED, ...limits });
    const context = security('server', 'DTLSv1.3', server);
    this.endpoint.serve({ security: context, behaviour: behaviour(manner) });
  }

  /** What is sent on it. */
  receive(data: Uint8Array, { address, port, family }: PeerAddress): Uint8Array[] {
    this.endpoint.receive(data, address, port, family, this.now);
    return this.pump();
  }

  pump(): Uint8Array[] {
    this.#sent = [];
    do this.#transmit();
    while (this.#tell());
    return this.#sent;
  }

  /** Does the waiting jobs, and the jobs that they cause. */
  answerAll(): Uint8Array[] {
    this.slow = false;
    this.#answer();
    return this.pump();
  }

  /** Runs every timer that is due; returns what was sent meanwhile. */
  wait(ms: number): Uint8Array[] {
    const end = this.now + ms;
    const sent: Uint8Array[] = [];
    for (
      let at = this.endpoint.pollTimeout();
      at !== undefined && at <= end;
      at = this.endpoint.pollTimeout()
    ) {
      this.now = Math.max(this.now, at);
      this.endpoint.handleTimeout(this.now);
      sent.push(...this.pump());
    }
    this.now = end;
    return sent;
  }

  #transmit(): void {
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit())
      this.#note(out);
  }

  #note({ data, peer: { address, port } }: Outgoing): void {
    this.#sent.push(data);
    const to = `${address}:${port}`;
    this.sentTo.set(to, (this.sentTo.get(to) ?? 0) + data.length);
  }

  #tell(): boolean {
    const told = this.endpoint.pollEvent();
    if (told?.type === 'session') this.entries.push(told.entry);
    if (told?.type !== 'connection') return told !== undefined;
    const { entry, event } = told;
    // Only an association that was announced reports events.
    assert.ok(event.type === 'job' || this.entries.includes(entry), event.type);
    if (event.type === 'early-data') this.early.push(event.data);
    if (event.type === 'closed') this.errors.push(event.error?.code);
    if (event.type === 'job') this.#jobs.push({ entry, id: event.id, job: event.job });
    if (!this.slow) this.#answer();
    return true;
  }

  #answer(): void {
    for (let next = this.#jobs.shift(); next !== undefined; next = this.#jobs.shift()) {
      const { entry, id, job } = next;
      const date = JUDGEMENT_DAY + this.now + this.skew;
      this.endpoint.answer(entry, id, performNow(job, entry.connection.security, date), this.now);
    }
  }
}

/** A server, and what a client has of it: first flights, each seed's another, and the client's own `skew` of its ticket's age, ms. */
export function besieged() {
  const server = taking();
  const session = sessionFor({ server });
  return { server, session, flight: flightOf(session, server) };
}

/** The same for `count` clients of `server`, each with a ticket of its own. */
export function flightsOfTickets(count: number, server: SecurityOptions): FlightOf[] {
  return Array.from({ length: count }, (_, i) => flightOf(sessionFor({ server, seed: 9000 + i }), server));
}

type FlightOf = (seed: number, skew?: number, message?: Uint8Array) => [hello: Uint8Array, early: Uint8Array];

function flightOf(session: SavedSession, server: SecurityOptions): FlightOf {
  return (seed, skew = 0, message = MESSAGE) => {
    const aged = { ...session, receivedAt: session.receivedAt - skew };
    const [hello = assert.fail(), early = assert.fail()] = firstFlight(aged, seed, server, message);
    return [hello, early];
  };
}

/** A client's first flight: its ClientHello, then its early data. Each seed gives another one. */
function firstFlight(
  session: SavedSession,
  seed: number,
  server: SecurityOptions,
  message: Uint8Array,
): Uint8Array[] {
  const pair = comingBack(session, [message], { server, seed }).connect();
  const flight: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from === 'client') flight.push(data.slice());
    return [];
  };
  pair.runFor(500);
  return flight;
}

/** One of many clients. */
export function peer(i: number): PeerAddress {
  return { address: `198.51.100.${i}`, family: 'IPv4', port: 5000 + i };
}

/** What answers a ClientHello is a HelloRetryRequest with a cookie. */
export function asksForCookie([datagram]: readonly Uint8Array[]): boolean {
  const [fragment] = datagram === undefined ? [] : plainFragments(datagram);
  const hello = fragment && decodeServerHello(fragment.fragment);
  return hello !== undefined && isHelloRetryRequest(hello) && hello.extensions.has(ExtensionType.cookie);
}
