/**
 * One UDP socket for ICE and DTLS. As a lite agent (RFC 8445 §2.5) it answers checks; `check` makes it the controlling side, which a
 * lite agent's peer has to be. Datagrams that are no STUN pass only between addresses that a check has proved.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Candidate } from './sdp.js';
import { decodeStun, encodeRequest, encodeSuccess, type StunMessage } from './stun.js';

const CHECK_EVERY_MS = 50;
/** RFC 7983: STUN has 0 to 3 in its first byte, DTLS 20 to 63. */
const LAST_OF_STUN = 3;

export class IceAgent {
  readonly fragment = randomBytes(3).toString('base64url');
  readonly password = randomBytes(18).toString('base64url');
  /** Called with each datagram that is no STUN; the bytes are the handler's. */
  ondatagram: (datagram: Uint8Array) => void = () => undefined;
  /** Resolves when a path is proved. */
  readonly writable: Promise<void>;
  /** Datagrams from addresses that no check has proved, and checks that are not authentic. */
  dropped = 0;
  readonly #socket: Socket;
  readonly #proved = new Set<string>();
  #selected: Candidate | undefined;
  #found: () => void = () => undefined;
  #checking: NodeJS.Timeout | undefined;
  #transactions = new Set<string>();
  #remotePassword = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.writable = new Promise((resolve) => {
      this.#found = resolve;
    });
    socket.on('message', (datagram, from) => this.#receive(datagram, from));
  }

  /** Listens on a port that the system chooses. */
  static async bind(address: string): Promise<IceAgent> {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new IceAgent(socket);
  }

  get candidate(): Candidate {
    return this.#socket.address();
  }

  /** Sends checks to the candidates of a lite agent until one is answered. */
  check(fragment: string, password: string, candidates: readonly Candidate[]): void {
    this.#remotePassword = password;
    const checkAll = () => {
      for (const candidate of candidates) {
        const { datagram, transaction } = encodeRequest(`${fragment}:${this.fragment}`, password);
        this.#transactions.add(transaction.toString('hex'));
        this.#socket.send(datagram, candidate.port, candidate.address);
      }
    };
    checkAll();
    this.#checking = setInterval(checkAll, CHECK_EVERY_MS);
  }

  /** A datagram that has no path is lost: DTLS sends its flights again. */
  send(datagram: Uint8Array): void {
    if (this.#selected !== undefined)
      this.#socket.send(datagram, this.#selected.port, this.#selected.address);
  }

  close(): void {
    clearInterval(this.#checking);
    this.#socket.close();
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    const [first = 0] = datagram;
    if (first > LAST_OF_STUN) {
      if (this.#proved.has(keyOf(from))) this.ondatagram(datagram);
      else this.dropped++;
      return;
    }
    const message = decodeStun(datagram);
    if (message === undefined) this.dropped++;
    else if (message.kind === 'request') this.#onRequest(message, from);
    else this.#onSuccess(message, from);
  }

  /** The peer's fragment is unknown until its description is here; the password is ours, and proves enough. */
  #onRequest(request: StunMessage, from: RemoteInfo): void {
    if (!request.username.startsWith(`${this.fragment}:`) || !request.isAuthentic(this.password)) {
      this.dropped++;
      return;
    }
    this.#socket.send(
      encodeSuccess(request, from.address, from.port, this.password),
      from.port,
      from.address,
    );
    this.#prove(from, request.useCandidate);
  }

  #onSuccess(response: StunMessage, from: RemoteInfo): void {
    const isOurs = this.#transactions.delete(response.transaction.toString('hex'));
    if (!isOurs || !response.isAuthentic(this.#remotePassword)) {
      this.dropped++;
      return;
    }
    clearInterval(this.#checking);
    this.#prove(from, true);
  }

  #prove(from: RemoteInfo, nominated: boolean): void {
    this.#proved.add(keyOf(from));
    if (nominated || this.#selected === undefined)
      this.#selected = { address: from.address, port: from.port };
    this.#found();
  }
}

function keyOf({ address, port }: Candidate): string {
  return `${address} ${port}`;
}
