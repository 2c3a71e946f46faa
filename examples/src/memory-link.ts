/**
 * A client and a server in one process, without a socket: their transports are the two ends of a link in memory that loses every
 * fifth datagram. DTLS sends its handshake again where that is needed; messages that are lost stay lost.
 */
import { connect, listen, type Transport } from 'datagram-tls';

const LOST_EVERY = 5;
const MESSAGES = 20;

/** One end of a link: what it sends arrives at the other end. There is one peer, so that no datagram needs an address. */
class LinkEnd implements Transport {
  readonly maxDatagramSize = 1200;
  onmessage: Transport['onmessage'];
  onclose: Transport['onclose'];
  sent = 0;
  #other: LinkEnd | undefined;

  static pair(): [LinkEnd, LinkEnd] {
    const [one, other] = [new LinkEnd(), new LinkEnd()];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  send(data: Uint8Array): void {
    if (++this.sent % LOST_EVERY === 0) return;
    // An end that has been closed has no handler any more.
    setImmediate(() => this.#other?.onmessage?.(data));
  }

  /** The other end hears that this one has gone. */
  close(): void {
    setImmediate(() => this.#other?.onclose?.());
  }
}

const key = crypto.getRandomValues(new Uint8Array(32));
const [near, far] = LinkEnd.pair();

const endpoint = listen(
  (session) => {
    session.onmessage = (data) => void session.send(data);
  },
  { transport: far, psk: { thermometer: key } },
);
const session = connect('server', 1, { transport: near, psk: { identity: 'thermometer', key } });
const { protocol } = await session.opened;
console.log(`${protocol} with ${session.cipher?.name}`);

let echoes = 0;
session.onmessage = () => {
  echoes++;
};
for (let i = 0; i < MESSAGES; i++) session.send(`message ${i}`);
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(`${MESSAGES} messages sent, ${echoes > 0 && echoes < MESSAGES ? 'some' : echoes} echoed`);

await session.close();
await endpoint.closed;
console.log(`closed after ${near.sent + far.sent > MESSAGES ? 'more' : 'fewer'} datagrams than messages`);
