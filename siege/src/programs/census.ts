import type { DTLSSession } from 'datagram-tls';

/** Concurrent sessions of a server. */
export interface Count {
  readonly sessions: number;
  /** Of them, those in their handshake. */
  readonly unfinished: number;
  readonly open: number;
  /** Sessions of the host that has the most of them. */
  readonly ofHost: number;
  readonly unfinishedOfHost: number;
}

/** Concurrent unread messages. */
export interface Unread {
  /** Their cost, bytes. */
  readonly cost: number;
  /** Messages of the session that has the most. */
  readonly ofSession: number;
}

interface Host {
  sessions: number;
  unfinished: number;
}

const NOTHING: Count = { sessions: 0, unfinished: 0, open: 0, ofHost: 0, unfinishedOfHost: 0 };
/** The library adds this for each unread message. */
const MESSAGE_COST = 512;

/** Counts the sessions of a server, and keeps the maximum of each count over all samples. */
export class Census {
  readonly sessions = new Set<DTLSSession>();
  ever = 0;
  most = NOTHING;
  maxUnread: Unread = { cost: 0, ofSession: 0 };
  #unfinished = 0;
  readonly #hosts = new Map<string, Host>();

  add(session: DTLSSession): void {
    this.ever++;
    this.sessions.add(session);
    const key = hostOf(session);
    const host = this.#hosts.get(key) ?? { sessions: 0, unfinished: 0 };
    this.#hosts.set(key, host);
    this.#countUnfinished(host, 1);
    host.sessions++;
    let finished = false;
    const finish = () => {
      if (!finished) this.#countUnfinished(host, -1);
      finished = true;
    };
    const end = () => {
      finish();
      this.sessions.delete(session);
      host.sessions--;
      if (host.sessions === 0) this.#hosts.delete(key);
    };
    session.opened.then(finish, () => undefined);
    session.closed.then(end, end);
  }

  /** Resets the maxima. */
  reset(): void {
    this.most = NOTHING;
    this.maxUnread = { cost: 0, ofSession: 0 };
  }

  sample(): void {
    const hosts = [...this.#hosts.values()];
    this.most = {
      sessions: Math.max(this.most.sessions, this.sessions.size),
      unfinished: Math.max(this.most.unfinished, this.#unfinished),
      open: Math.max(this.most.open, this.sessions.size - this.#unfinished),
      ofHost: hosts.reduce((most, { sessions }) => Math.max(most, sessions), this.most.ofHost),
      unfinishedOfHost: hosts.reduce(
        (most, { unfinished }) => Math.max(most, unfinished),
        this.most.unfinishedOfHost,
      ),
    };
  }

  /** The unread messages of the sessions for which `isUnread` holds. */
  sampleUnread(isUnread: (session: DTLSSession) => boolean): void {
    let cost = 0;
    let { ofSession } = this.maxUnread;
    for (const session of this.sessions) {
      if (!isUnread(session)) continue;
      const { messagesReceived, bytesReceived } = session.stats;
      const received = Number(messagesReceived);
      if (received === 0) continue;
      const held = received - (session.drops.slow_reader ?? 0);
      cost += held * (MESSAGE_COST + Number(bytesReceived) / received);
      ofSession = Math.max(ofSession, held);
    }
    this.maxUnread = { cost: Math.max(this.maxUnread.cost, cost), ofSession };
  }

  #countUnfinished(host: Host, change: 1 | -1): void {
    this.#unfinished += change;
    host.unfinished += change;
  }
}

/** What the library counts as one host: an IPv4 address, or an IPv6 /64. */
function hostOf({ remoteAddress }: DTLSSession): string {
  const address = remoteAddress?.address ?? '';
  return address.includes(':') ? address.split(':', 4).join(':') : address;
}
