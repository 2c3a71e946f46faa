/** Every default, once: its unit and where it comes from. */
export const DEFAULTS = {
  /** Bytes of UDP payload; fits IPv6's least MTU of 1280 less its headers, and what node:dtls takes. */
  mtu: 1200,
  /** ms; 0 means no limit. */
  handshakeTimeout: 60_000,
  /** ms; RFC 6347 §4.2.4.1. */
  retransmission: { initial: 1000, max: 60_000 },
  /** Bytes: 2^14 of content, and in DTLS 1.3 its type (RFC 8449 §4). */
  recordSizeLimit: 16_385,
  minVersion: 'DTLSv1.2',
  maxVersion: 'DTLSv1.3',
  allowHalfOpen: false,
  /** Never sooner than the AEAD asks for it. */
  recordsPerKey: Number.MAX_SAFE_INTEGER,
  rejectUnauthorized: true,
  requestCert: false,
  requestOCSP: false,
  requireOCSP: false,
  pskHideUnknown: false,
  /** Seconds after its full handshake in which a session can be resumed; what OpenSSL gives tickets of TLS 1.3. */
  sessionTimeout: 7200,
  /** Sessions of DTLS 1.2 that a server remembers by their ids, at a few hundred bytes each and at most 4 KB. */
  sessionCacheSize: 1000,
  /** Server associations on one endpoint, those with one host, and those whose handshake is not done; 0 means no limit. */
  maxSessions: 10_000,
  maxSessionsPerHost: 1000,
  maxHandshakes: 1000,
  /** Bits of an address that name a host: an IPv6 host has a /64 of addresses (RFC 4291 §2.5.4). */
  hostPrefix: { ipv4: 32, ipv6: 64 },
  /** ms of silence after which a session gives way on a full endpoint; 0: never. */
  evictAfter: 10_000,
  /** Bytes that wait for the socket, with what holding them costs; 0 means no limit. */
  maxSendQueue: 0x10_0000,
  /** ms without an authentic record of the peer that end a session; 0: never. */
  idleTimeout: { client: 0, server: 1_800_000 },
  /**
   * Bytes that all associations of an endpoint may hold for later, at their real cost; 0 means no limit. Some 5,000
   * handshakes may be in the middle of a certificate at once.
   */
  maxHeldBytes: 0x200_0000,
  /**
   * ms that a cookie is good for, at least; at most twice as long. As long as a handshake may take: in DTLS 1.3 a client
   * whose cookie expired gets no other.
   */
  cookieLifetime: 60_000,
  /** Bytes that unread messages may cost, of one session and over all of an endpoint. */
  maxUnreadBytes: 0x8_0000,
  maxUnreadBytesInAll: 0x400_0000,
  /** Messages that wait for a reader of `for await`; the oldest is dropped and counted when one more comes. */
  messageQueue: 256,
  host: '0.0.0.0',
} as const;
