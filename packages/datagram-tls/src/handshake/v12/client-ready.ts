import type { GroupName, SchemeName } from '../../wire/codes.js';
import type { NewSessionTicket12 } from '../../wire/messages/new-session-ticket12.js';
import type { PeerIdentity } from '../authenticate.js';
import type { CertificateTypes } from '../certificate-types.js';
import type { Offer } from '../offer.js';
import type { OfferedSession12 } from '../resumption/offer.js';
import type { Negotiated12, Secrets12 } from './secrets.js';

/** What both hellos settled, as a client sees it. */
export interface ClientHello12 extends Negotiated12 {
  readonly offer: Offer;
  readonly types: CertificateTypes;
  /** The server may send a CertificateStatus (RFC 6066 §8). */
  readonly announcesStaple: boolean;
}

/** All that is left is to prove that both saw the same. */
export interface ClientReady12 {
  readonly hello: ClientHello12;
  readonly peer: PeerIdentity;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
  /** The session from before that goes on: then the server's Finished comes first, and ours answers it. */
  readonly resumed: OfferedSession12 | undefined;
}

/** The server's NewSessionTicket, if there was one. It counts once the server's Finished is verified (RFC 5077 §3.3). */
export type Given12 = NewSessionTicket12 | undefined;
