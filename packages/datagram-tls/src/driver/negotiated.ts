import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { decodeUtf8, toText } from '../base/bytes.js';
import type { EarlyOutcome } from '../connection/application-data.js';
import type { Session } from '../handshake/session.js';
import type { GroupName, SchemeName, SrtpProfileName, Version } from '../wire/codes.js';

/** Cipher of a session, as node:tls names it. */
export interface CipherInfo {
  /** OpenSSL's name. */
  readonly name: string;
  /** IANA's name. */
  readonly standardName: string;
  readonly version: Version;
}

/** For the class that knows how the handshake ended; no name that a user of a session could meet. */
export const OUTCOME = Symbol('outcome');

export interface Outcome {
  /** `undefined` before the handshake is done and after the end. */
  readonly session: Session | undefined;
  readonly over: boolean;
  /** The name that a client asks for. */
  readonly serverName: string | undefined;
  readonly earlyData: EarlyOutcome;
}

/** What a session tells of what was negotiated and of who the peer is. As in node:dtls most of it is gone after the end. */
export abstract class Negotiated {
  #certificate: X509Certificate | undefined;
  #publicKey: KeyObject | undefined;

  abstract [OUTCOME](): Outcome;

  get protocol(): Version | undefined {
    return this.#session?.version;
  }

  get cipher(): CipherInfo | undefined {
    const suite = this.#session?.suite;
    if (suite === undefined) return undefined;
    return { name: suite.opensslName, standardName: suite.name, version: suite.version };
  }

  /** The group of the key exchange; `undefined` where a pre-shared key stood alone. */
  get group(): GroupName | undefined {
    return this.#session?.group;
  }

  /** The scheme of the server's signature; `undefined` with a pre-shared key. */
  get signatureScheme(): SchemeName | undefined {
    return this.#session?.signatureScheme;
  }

  /** The application protocol that both sides settled on (RFC 7301). */
  get alpnProtocol(): string | undefined {
    const name = this.#session?.agreed.alpn;
    return name === undefined ? undefined : (decodeUtf8(name) ?? Buffer.from(name).toString('latin1'));
  }

  /** The SRTP profile, by OpenSSL's name; its keys come from `exportKeyingMaterial` with the label EXTRACTOR-dtls_srtp (RFC 5764). */
  get srtpProfile(): SrtpProfileName | undefined {
    return this.#session?.agreed.srtp;
  }

  /** The name that the client asked for. */
  get servername(): string | undefined {
    return this.#session?.serverName ?? this[OUTCOME]().serverName;
  }

  /** The peer's certificate, PEM. */
  get peerCertificate(): string | undefined {
    return this.#session === undefined ? undefined : this.peerX509Certificate?.toString();
  }

  /**
   * The peer's certificate; once read it can be read after the end, too. `undefined` also where the platform cannot read
   * one that nobody verified.
   */
  get peerX509Certificate(): X509Certificate | undefined {
    const leaf = this.#session?.peer.chain[0];
    if (this.#certificate === undefined && leaf !== undefined) this.#certificate = readable(leaf.der);
    return this.#certificate;
  }

  /** The peer's public key, that of its certificate or a raw one (RFC 7250), with which it proved who it is. */
  get peerPublicKey(): KeyObject | undefined {
    const der = this.#session?.peer.publicKey;
    if (this.#publicKey === undefined && der !== undefined)
      this.#publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return this.#publicKey;
  }

  /**
   * The OCSP response about the peer's certificate, DER, that came when `requestOCSP` asked for it: an authorized peer's
   * is verified and says good.
   */
  get ocspResponse(): Uint8Array | undefined {
    return this.#session?.peer.staple;
  }

  /** The session goes on from one before, without another proof of who the peer is. */
  get reused(): boolean {
    return this.#session?.resumed ?? false;
  }

  /**
   * What became of early data: `offered` when it is on its way, `accepted`, or `refused`, and then it is sent, or was, when
   * the handshake is done; `none` where there is none.
   */
  get earlyData(): EarlyOutcome {
    return this[OUTCOME]().earlyData;
  }

  /** The identity under which both sides share a key, as text. */
  get pskIdentity(): string | undefined {
    const identity = this.#session?.peer.pskIdentity;
    return identity === undefined ? undefined : toText(identity);
  }

  /** The peer showed a certificate or a public key and it verified, or it has the pre-shared key. */
  get authorized(): boolean {
    return this.#session?.peer.authorized ?? false;
  }

  /** OpenSSL's short name of what is wrong with the peer's certificate; `HANDSHAKE_INCOMPLETE` until it is known. */
  get authorizationError(): string | undefined {
    if (this[OUTCOME]().over) return undefined;
    return this.#session === undefined ? 'HANDSHAKE_INCOMPLETE' : this.#session.peer.authorizationError;
  }

  get #session(): Session | undefined {
    return this[OUTCOME]().session;
  }
}

function readable(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
