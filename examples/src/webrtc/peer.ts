/** One end of a data channel: ICE, DTLS and SCTP, and the descriptions that both ends exchange by some other way. */
import type { Session } from 'datagram-tls/core';
import { type Identity, makeIdentity } from '../certificate.js';
import { type DataChannel, DataChannels } from './data-channel.js';
import { type DtlsOptions, DtlsTransport } from './dtls.js';
import { IceAgent } from './ice.js';
import {
  type Description,
  dtlsRole,
  type Fingerprint,
  fingerprintOf,
  formatSdp,
  parseSdp,
  type Setup,
} from './sdp.js';

export interface PeerOptions {
  /** A lite agent waits for the checks of the other side, which has to be a full one then. */
  readonly lite: boolean;
  readonly maxVersion?: DtlsOptions['maxVersion'];
  /** The IPv4 address of our only candidate; loopback by default. */
  readonly address?: string;
}

const LOOPBACK = '127.0.0.1';
const SCTP_PORT = 5000;

export class Peer {
  /** Called with each channel that the other side opens. */
  onchannel: (channel: DataChannel) => void = () => undefined;
  /** Resolves when it is known which side is the client. */
  readonly dtls: Promise<DtlsTransport>;
  readonly #ice: IceAgent;
  readonly #identity: Identity;
  readonly #options: PeerOptions;
  readonly #remote: Promise<Description>;
  #learn: (remote: Description) => void = () => undefined;
  #begin: (dtls: DtlsTransport) => void = () => undefined;
  #dtls: DtlsTransport | undefined;
  #channels: DataChannels | undefined;

  private constructor(ice: IceAgent, identity: Identity, options: PeerOptions) {
    this.#ice = ice;
    this.#identity = identity;
    this.#options = options;
    this.#remote = new Promise((resolve) => {
      this.#learn = resolve;
    });
    this.dtls = new Promise((resolve) => {
      this.#begin = resolve;
    });
    ice.ondatagram = (datagram) => {
      // A ClientHello may come before the answer (RFC 8842 §5.3): its sender has chosen to be the client.
      this.#ensure('server').receive(datagram);
    };
  }

  static async create(options: PeerOptions): Promise<Peer> {
    const [ice, identity] = await Promise.all([IceAgent.bind(options.address ?? LOOPBACK), makeIdentity()]);
    return new Peer(ice, identity, options);
  }

  /** Datagrams that ICE kept away from DTLS. */
  get dropped(): number {
    return this.#ice.dropped;
  }

  /** The offer leaves the choice of the DTLS client to the other side. */
  offer(): string {
    return this.#describe('actpass', '0');
  }

  /** The other side's answer to our offer. */
  accept(answer: string): void {
    this.#start('actpass', parseSdp(answer));
  }

  /** Our answer to the other side's offer. */
  answer(offer: string, setup: 'active' | 'passive'): string {
    const remote = parseSdp(offer);
    this.#start(setup, remote);
    return this.#describe(setup, remote.mid);
  }

  /** The session, when DTLS is done and SCTP has begun. Rejects with the error that ended the handshake. */
  async connected(): Promise<Session> {
    const dtls = await this.dtls;
    return await dtls.connected;
  }

  /** Opens a channel. */
  async open(label: string): Promise<DataChannel> {
    await this.connected();
    if (this.#channels === undefined) throw new Error('the other side is not known yet');
    return await this.#channels.open(label);
  }

  async close(): Promise<void> {
    await this.#channels?.stop();
    this.#dtls?.close();
    this.#ice.close();
  }

  #describe(setup: Setup, mid: string): string {
    const { fragment, password, candidate } = this.#ice;
    return formatSdp({
      ice: { fragment, password, lite: this.#options.lite },
      fingerprints: [fingerprintOf(this.#identity.der)].filter(
        (one): one is Fingerprint => one !== undefined,
      ),
      setup,
      candidates: [candidate],
      sctpPort: SCTP_PORT,
      mid,
    });
  }

  #start(ours: Setup, remote: Description): void {
    this.#ensure(dtlsRole(ours, remote.setup));
    this.#learn(remote);
    const { fragment, password, lite } = remote.ice;
    if (lite) this.#ice.check(fragment, password, remote.candidates);
  }

  #ensure(role: 'client' | 'server'): DtlsTransport {
    if (this.#dtls !== undefined) return this.#dtls;
    const dtls = new DtlsTransport({
      role,
      identity: this.#identity,
      fingerprints: this.#remote.then(({ fingerprints }) => fingerprints),
      maxVersion: this.#options.maxVersion ?? 'DTLSv1.3',
      send: (datagram) => this.#ice.send(datagram),
    });
    this.#dtls = dtls;
    const channels = new DataChannels(dtls, SCTP_PORT, role === 'client');
    channels.onchannel = (channel) => this.onchannel(channel);
    this.#channels = channels;
    void this.#ice.writable.then(() => dtls.start());
    // A handshake that fails is told by `connected`; SCTP does not begin then.
    this.#startSctp(dtls, channels).catch(() => undefined);
    this.#begin(dtls);
    return dtls;
  }

  async #startSctp(dtls: DtlsTransport, channels: DataChannels): Promise<void> {
    const [{ sctpPort }] = await Promise.all([this.#remote, dtls.connected]);
    await channels.start(sctpPort);
  }
}
