/** Data channels (RFC 8831) and their opening protocol (RFC 8832) over SCTP, which is werift's. */
import { SCTP } from 'werift-sctp';
import type { DtlsTransport } from './dtls.js';

/** Payload protocols (RFC 8831 §8). */
const Protocol = { opening: 50, text: 51 } as const;
const OPEN = 3;
const ACKNOWLEDGED = 2;

export interface DataChannel {
  readonly label: string;
  send(text: string): void;
  onmessage: (text: string) => void;
}

export class DataChannels {
  /** Called with each channel that the peer opens. */
  onchannel: (channel: DataChannel) => void = () => undefined;
  readonly #sctp: SCTP;
  readonly #dtls: DtlsTransport;
  readonly #channels = new Map<number, DataChannel>();

  /** `initiates`: this side sends the INIT, and the other one waits; both may. */
  constructor(dtls: DtlsTransport, port: number, initiates: boolean) {
    this.#dtls = dtls;
    const transport: SCTP['transport'] = {
      send: (packet) => {
        dtls.send(packet);
        return Promise.resolve();
      },
      close: () => undefined,
    };
    this.#sctp = initiates ? SCTP.client(transport, port) : SCTP.server(transport, port);
    dtls.ondata = (data) => transport.onData?.(Buffer.from(data));
    this.#sctp.onReceive.subscribe((stream, protocol, data) => this.#receive(stream, protocol, data));
  }

  start(remotePort: number): Promise<void> {
    return this.#sctp.start(remotePort);
  }

  /** RFC 8832 §6: the DTLS client has the even streams. */
  async open(label: string): Promise<DataChannel> {
    const stream = (this.#dtls.role === 'client' ? 0 : 1) + 2 * this.#channels.size;
    if (this.#sctp.state !== 'connected') await this.#sctp.stateChanged.connected.asPromise();
    const name = Buffer.from(label);
    const message = Buffer.alloc(12 + name.length);
    message.writeUInt8(OPEN, 0);
    message.writeUInt16BE(name.length, 8);
    name.copy(message, 12);
    this.#send(stream, Protocol.opening, message);
    return this.#add(stream, label);
  }

  async stop(): Promise<void> {
    await this.#sctp.stop();
  }

  #receive(stream: number, protocol: number, data: Buffer): void {
    if (protocol === Protocol.opening) this.#onOpening(stream, data);
    else if (protocol === Protocol.text) this.#channels.get(stream)?.onmessage(data.toString());
  }

  #onOpening(stream: number, data: Buffer): void {
    if (data[0] !== OPEN || data.length < 12) return;
    this.#send(stream, Protocol.opening, Buffer.from([ACKNOWLEDGED]));
    this.onchannel(this.#add(stream, data.toString('utf8', 12, 12 + data.readUInt16BE(8))));
  }

  #add(stream: number, label: string): DataChannel {
    const channel: DataChannel = {
      label,
      send: (text) => this.#send(stream, Protocol.text, Buffer.from(text)),
      onmessage: () => undefined,
    };
    this.#channels.set(stream, channel);
    return channel;
  }

  #send(stream: number, protocol: number, data: Buffer): void {
    void this.#sctp.send(stream, protocol, data);
  }
}
