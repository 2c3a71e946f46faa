import type { DTLSSession, TraceEvent } from 'datagram-tls';
import { formatHostPort } from './args.js';
import { keyPinOf, pinOf } from './pin.js';
import { say, type Terminal } from './terminal.js';

/** Reports of the command about its sessions: none, or all with -v. */
export class Report {
  readonly verbose: boolean;
  readonly #terminal: Terminal;
  /** A session forgets its peer's address when it ends. */
  readonly #names = new WeakMap<DTLSSession, string>();

  readonly #handedOver = new WeakSet<DTLSSession>();

  constructor(terminal: Terminal, verbose: boolean) {
    this.#terminal = terminal;
    this.verbose = verbose;
  }

  /** One line, whatever -v says. */
  say(line: string): void {
    say(this.#terminal, line);
  }

  /** For the library's `trace`, which has a cost and is left out unless requested. */
  traceOption(): { trace?: (event: TraceEvent, session: DTLSSession) => void } {
    return this.verbose ? { trace: (event, session) => this.trace(event, session) } : {};
  }

  trace(event: TraceEvent, session: DTLSSession): void {
    if (this.verbose) this.say(`${this.nameOf(session)} ${describe(event)}`);
  }

  /** The peer's address and port. */
  nameOf(session: DTLSSession): string {
    const known = this.#names.get(session);
    if (known !== undefined) return known;
    const peer = session.remoteAddress;
    if (peer === undefined) return 'peer';
    const name = formatHostPort(peer.address, peer.port);
    this.#names.set(session, name);
    return name;
  }

  opened(session: DTLSSession): void {
    if (!this.verbose) return;
    const name = this.nameOf(session);
    this.say(`${name} open: ${negotiated(session).join(', ')}`);
    const shown = shownBy(session);
    if (shown === undefined) return;
    const verdict = session.authorized
      ? 'verified'
      : `NOT verified (${session.authorizationError ?? 'unknown'})`;
    const status = session.ocspResponse === undefined ? '' : `, ${ocspStatus(session)}`;
    this.say(`${name} ${shown}, ${verdict}${status}`);
  }

  /** It is over here, and not closed. */
  handedOver(session: DTLSSession): void {
    this.#handedOver.add(session);
    if (this.verbose) this.say(`${this.nameOf(session)} goes on with the next server`);
  }

  closed(session: DTLSSession): void {
    if (!this.verbose || this.#handedOver.has(session)) return;
    const { messagesSent, messagesReceived } = session.stats;
    this.say(
      `${this.nameOf(session)} closed after ${count(messagesSent, 'message')} sent and ${messagesReceived} received`,
    );
  }
}

/** The peer's certificate or key. */
function shownBy({ peerX509Certificate, peerPublicKey }: DTLSSession): string | undefined {
  if (peerX509Certificate !== undefined)
    return `certificate ${pinOf(peerX509Certificate)}, ${peerX509Certificate.subject}`;
  return peerPublicKey && `raw public key ${keyPinOf(peerPublicKey)}`;
}

/** The result of an OCSP response; the verdict before it says why it is not good. */
function ocspStatus({ authorized }: DTLSSession): string {
  return authorized ? 'OCSP status good' : 'OCSP response not relied on';
}

function negotiated(session: DTLSSession): string[] {
  return [
    session.protocol ?? 'unknown version',
    `suite ${session.cipher?.standardName ?? 'unknown'}`,
    `group ${session.group ?? 'none'}`,
    `signature ${session.signatureScheme ?? 'none'}`,
    ...(session.reused ? ['resumed'] : []),
    ...(session.earlyData === 'none' ? [] : [`early data ${session.earlyData}`]),
    ...(session.alpnProtocol === undefined ? [] : [`protocol ${session.alpnProtocol}`]),
    ...(session.srtpProfile === undefined ? [] : [`SRTP profile ${session.srtpProfile}`]),
    ...(session.pskIdentity === undefined ? [] : [`pre-shared key of ${session.pskIdentity}`]),
    ...connectionIds(session),
    `messages up to ${session.maxMessageSize ?? 0} bytes`,
  ];
}

function connectionIds({ connectionId }: DTLSSession): string[] {
  if (connectionId === undefined) return [];
  const [sent, received] = [connectionId.send, connectionId.receive].map(
    (id) => id.toString('hex') || 'none',
  );
  return [`connection ID sent ${sent}`, `connection ID received ${received}`];
}

function describe(event: TraceEvent): string {
  switch (event.kind) {
    case 'alert':
      return `${event.direction} ${event.level} alert ${event.description}`;
    case 'ack':
      return `${event.direction} ack of ${count(event.records, 'record')}`;
    case 'key-update':
      return `${event.direction === 'sent' ? 'sends' : 'receives'} under new keys, epoch ${event.epoch}`;
    case 'early-data':
      return `early data ${event.outcome}`;
    case 'path': {
      const { from, to, validated } = event;
      const checked = validated ? 'validated' : 'not validated yet';
      const moves = from.address !== to.address || from.port !== to.port;
      return moves ? `peer moved from ${at(from)} to ${at(to)}, ${checked}` : `path to ${at(to)} ${checked}`;
    }
    case 'flight': {
      const facts = [count(event.bytes, 'byte')];
      if (event.direction === 'sent') facts.unshift(count(event.datagrams, 'datagram'));
      if (event.retransmission) facts.push('retransmission');
      return `${event.direction} ${event.messages.join(', ')} (${facts.join(', ')})`;
    }
  }
}

function at({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function count(n: number | bigint, noun: string): string {
  return `${n} ${noun}${String(n) === '1' ? '' : 's'}`;
}
