import assert from 'node:assert/strict';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import type { ConnectionEvent } from '#lib/connection/events.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import type { Refusal } from '#lib/endpoint/refusals.js';
import { performNow } from './jobs.js';
import { behaviour, security, type TestedVersion, UNLIMITED } from './settings.js';

const SERVER: PeerAddress = { address: '192.0.2.2', family: 'IPv4', port: 4433 };
const DESTINATION = { serverName: 'localhost', verifyName: 'localhost' };

/** One of many clients. */
export interface Member {
  readonly endpoint: Endpoint;
  readonly entry: ConnectionEntry;
  readonly address: PeerAddress;
  /** It sends and receives nothing more. */
  silent: boolean;
  /** It goes silent once the server has sent its first flight. */
  readonly stopsHalfWay: boolean;
  /** When it was connected. */
  openedAt: number | undefined;
}

/** One server and clients at any addresses, on a network that loses nothing, and time, which the test moves. */
export class Crowd {
  readonly server: Endpoint;
  now = 0;
  readonly refusals: Refusal[] = [];
  /** Called with each session of the server. */
  onsession: ((entry: ConnectionEntry) => void) | undefined;
  /** Called with each message to the server. */
  onmessage: ((entry: ConnectionEntry, data: Uint8Array) => void) | undefined;
  readonly closed: { readonly entry: ConnectionEntry; readonly code: string | undefined }[] = [];
  readonly #version: TestedVersion;
  readonly #members = new Map<string, Member>();

  constructor(version: TestedVersion, limits: Partial<EndpointLimits> = {}, manner: BehaviourOptions = {}) {
    this.#version = version;
    this.server = new Endpoint({ ...UNLIMITED, ...limits });
    this.server.serve({ security: security('server', version), behaviour: behaviour(manner) });
  }

  /** A client that begins, and proceeds as far as it can at this instant. */
  client(address: string, port: number, stopsHalfWay = false, manner: BehaviourOptions = {}): Member {
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    const endpoint = new Endpoint(UNLIMITED);
    const ours = security('client', this.#version);
    const entry = endpoint.connect(SERVER, ours, behaviour(manner), DESTINATION, this.now);
    const member: Member = {
      endpoint,
      entry,
      address: { address, family, port },
      silent: false,
      stopsHalfWay,
      openedAt: undefined,
    };
    this.#members.set(`${address}|${port}`, member);
    this.exchange();
    return member;
  }

  /** `count` clients at the ports from 1000 on. */
  clients(count: number, address: (i: number) => string, stopsHalfWay = false): Member[] {
    return Array.from({ length: count }, (_, i) => this.client(address(i), 1000 + i, stopsHalfWay));
  }

  /** `member` is at another address from now on. */
  move(member: Member, address: PeerAddress): Member {
    const moved = { ...member, address };
    this.#members.delete(`${member.address.address}|${member.address.port}`);
    this.#members.set(`${address.address}|${address.port}`, moved);
    return moved;
  }

  /** A message of a client; only the server receives it. */
  say(member: Member): void {
    member.endpoint.send(member.entry, Uint8Array.of(1));
    this.exchange();
  }

  /** `data` comes from the address of `member`. */
  inject(data: Uint8Array, { address: { address, port, family } }: Member): void {
    this.server.receive(data, address, port, family, this.now);
    this.exchange();
  }

  /** Drains the output and events of all endpoints at this instant. */
  exchange(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const member of this.#members.values()) moved = this.#sendOf(member) || moved;
      moved = this.#events(this.server) || moved;
      for (let out = this.server.pollTransmit(); out; out = this.server.pollTransmit()) {
        moved = true;
        this.#toClient(out.data, out.peer);
      }
    }
  }

  /** Lets `ms` pass and wakes each endpoint at its time. */
  wait(ms: number): void {
    const end = this.now + ms;
    for (let at = this.#next(); at !== undefined && at <= end; at = this.#next()) {
      this.now = Math.max(this.now, at);
      this.server.handleTimeout(this.now);
      for (const { endpoint, silent } of this.#members.values())
        if (!silent) endpoint.handleTimeout(this.now);
      this.exchange();
    }
    this.now = end;
  }

  /** ms until `member` was connected. */
  timeToOpen(member: Member, patience: number): number | undefined {
    const start = this.now;
    for (let step = 0; step < patience && member.openedAt === undefined; step += 10) this.wait(10);
    return member.openedAt === undefined ? undefined : member.openedAt - start;
  }

  #next(): number | undefined {
    let next = this.server.pollTimeout() ?? Number.POSITIVE_INFINITY;
    for (const { endpoint, silent } of this.#members.values())
      if (!silent) next = Math.min(next, endpoint.pollTimeout() ?? Number.POSITIVE_INFINITY);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  #sendOf(member: Member): boolean {
    const { endpoint, address } = member;
    if (member.silent) return false;
    let moved = this.#events(endpoint);
    if (member.openedAt === undefined && member.entry.connection.maySend) member.openedAt = this.now;
    for (let out = endpoint.pollTransmit(); out; out = endpoint.pollTransmit()) {
      moved = true;
      this.server.receive(out.data, address.address, address.port, address.family, this.now);
    }
    return moved;
  }

  #toClient(data: Uint8Array, { address, port }: PeerAddress): void {
    const member = this.#members.get(`${address}|${port}`) ?? assert.fail();
    if (member.silent) return;
    const isKnown = (): boolean =>
      [...this.server.entries()].some(({ peer }) => peer.address === address && peer.port === port);
    if (member.stopsHalfWay && isKnown()) member.silent = true;
    else member.endpoint.receive(data, SERVER.address, SERVER.port, 'IPv4', this.now);
  }

  #events(endpoint: Endpoint): boolean {
    let any = false;
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      any = true;
      if (event.type === 'refused') this.refusals.push(event.refusal);
      if (event.type === 'session') this.onsession?.(event.entry);
      if (event.type === 'connection') this.#note(endpoint, event.entry, event.event);
    }
    return any;
  }

  #note(endpoint: Endpoint, entry: ConnectionEntry, event: ConnectionEvent): void {
    if (event.type === 'job')
      endpoint.answer(entry, event.id, performNow(event.job, entry.connection.security), this.now);
    if (event.type === 'message' && endpoint === this.server) this.onmessage?.(entry, event.data);
    if (event.type === 'closed' && endpoint === this.server)
      this.closed.push({ entry, code: event.error?.code });
  }
}
