import type { AlertName } from './alerts.js';

/**
 * Every code of an error that this library makes: what it means, what to do (`@remarks`), and the values of `reason`
 * beside it (`@reason`). docs/errors.md is written from these comments, and a test compares the codes with the
 * sources. The value says whose failure it is: of the `protocol`, or of the `caller`, thrown at once.
 */
export interface ErrorCodes {
  /**
   * The peer's certificate or raw public key was refused: by our own verdict, by a pin, or by `verifyPeer`.
   * @remarks `reason` says why. Compare `peerNames` with the name that you connect to, and give `ca` the certificate
   * that issued the peer's. For a peer that you know, pin it: `peerPins` has the values.
   * @reason OpenSSL's names, such as `CERT_HAS_EXPIRED`, `HOSTNAME_MISMATCH`, `IP_ADDRESS_MISMATCH`,
   * `DEPTH_ZERO_SELF_SIGNED_CERT`, `UNABLE_TO_VERIFY_LEAF_SIGNATURE`; ours: `PIN_MISMATCH`, `RPK_UNTRUSTED`,
   * `APPLICATION_VERIFICATION`, `VALIDATION_LIMIT_REACHED`; or what `verifyPeer` answered
   */
  ERR_DTLS_CERTIFICATE: 'protocol';
  /**
   * A server with `requestCert` got no certificate from its client.
   * @remarks Give the client `cert` and `key`. To decide by yourself set `rejectUnauthorized: false` on the server.
   * @reason `UNABLE_TO_GET_ISSUER_CERT`
   */
  ERR_DTLS_CERTIFICATE_REQUIRED: 'protocol';
  /**
   * The peer's signature of the handshake does not verify with the key of its certificate.
   * @remarks The peer has another key than its certificate says, or an attacker on the path changes datagrams.
   * @reason the alert
   */
  ERR_DTLS_BAD_SIGNATURE: 'protocol';
  /**
   * The server shares no cipher suite with the client, or none that its certificates or keys can serve.
   * @remarks Compare `ciphers`, `minVersion` and `maxVersion` of both sides, and the type of the server's key.
   * @reason the alert
   */
  ERR_DTLS_NO_SHARED_CIPHER: 'protocol';
  /**
   * The server shares no key exchange group with the client.
   * @remarks Compare `groups` (`ecdhCurve`) of both sides.
   * @reason the alert
   */
  ERR_DTLS_NO_SHARED_GROUP: 'protocol';
  /**
   * The client accepts no signature that the server's certificates can make.
   * @remarks Compare `sigalgs` of both sides with the type of the server's key, or give the server a second chain.
   * @reason the alert
   */
  ERR_DTLS_NO_SHARED_SIGNATURE: 'protocol';
  /**
   * DTLS 1.3: the client allows no use of pre-shared keys that the server's `pskModes` allows.
   * @remarks Compare `pskModes` of both sides.
   * @reason the alert
   */
  ERR_DTLS_NO_SHARED_PSK_MODE: 'protocol';
  /**
   * DTLS 1.2: a CBC suite without encrypt-then-MAC (RFC 7366), which this library does not use.
   * @remarks Allow a suite with GCM, CCM or ChaCha20-Poly1305, or turn encrypt-then-MAC on at the peer.
   * @reason the alert
   */
  ERR_DTLS_NO_ENCRYPT_THEN_MAC: 'protocol';
  /**
   * The server shares no application protocol (ALPN) with the client.
   * @remarks Compare `alpn` of both sides.
   * @reason the alert
   */
  ERR_DTLS_NO_APPLICATION_PROTOCOL: 'protocol';
  /**
   * The peer speaks no version of DTLS that `minVersion` and `maxVersion` allow.
   * @remarks Compare the versions of both sides. A peer with DTLS 1.0 alone cannot be reached.
   * @reason the alert
   */
  ERR_DTLS_UNSUPPORTED_VERSION: 'protocol';
  /**
   * A server that knows DTLS 1.3 answers with 1.2 although the client offered 1.3: an attacker on the path has changed the
   * handshake.
   * @remarks Do not lower the version by yourself: that is what an attacker wants.
   * @reason the alert
   */
  ERR_DTLS_DOWNGRADE: 'protocol';
  /**
   * A client that tries again with an older version met a server that knows a newer one (RFC 7507).
   * @remarks Let the client offer its newest version.
   * @reason the alert
   */
  ERR_DTLS_INAPPROPRIATE_FALLBACK: 'protocol';
  /**
   * The client asks for a host name that the server's `sni` does not have.
   * @remarks Add the name, or `'*'` for all others, to `sni`; or let the client set `servername`.
   * @reason the alert
   */
  ERR_DTLS_UNRECOGNIZED_NAME: 'protocol';
  /**
   * The server has no pre-shared key for any identity of the client, or none whose hash fits.
   * @remarks Compare the identities of both sides, byte by byte.
   * @reason the alert
   */
  ERR_DTLS_UNKNOWN_PSK_IDENTITY: 'protocol';
  /**
   * Both sides have different pre-shared keys for the client's identity.
   * @remarks Compare the keys of both sides: their bytes, not their hexadecimal digits or their base64.
   * @reason the alert
   */
  ERR_DTLS_PSK_MISMATCH: 'protocol';
  /**
   * The server wants a pre-shared key, and the client's `psk` has none for it.
   * @remarks Return `{ identity, key }` from `psk`, or allow suites with certificates.
   * @reason the alert
   */
  ERR_DTLS_NO_PSK: 'protocol';
  /**
   * The peer ended the handshake or the session with an alert. The cause is at the peer: its log has more.
   * @remarks `alert` says what the peer means. A certificate alert is about our certificate, `unknown_psk_identity`
   * and `decrypt_error` mostly about the pre-shared key, `handshake_failure` about suites, groups or signatures.
   * @reason the alert, such as `handshake_failure`; `alert 123` for one without a name
   */
  ERR_DTLS_PEER_ALERT: 'protocol';
  /**
   * The handshake was not done within `handshakeTimeout`: the peer was silent, or a callback did not answer.
   * @remarks Check that a server listens at that address, that firewalls pass UDP both ways, and pre-shared keys: a
   * peer with another key may be silent.
   * @reason `NO_ANSWER`, `PSK_MISMATCH` where a wrong key is the likely cause, `CALLBACK` where one of yours has not
   * answered, or the system's code where it did not send, such as `EACCES`
   */
  ERR_DTLS_HANDSHAKE_TIMEOUT: 'protocol';
  /**
   * The peer sent nothing for `idleTimeout`.
   * @remarks Raise `idleTimeout`, or send something now and then: `keepAlive`.
   */
  ERR_DTLS_IDLE_TIMEOUT: 'protocol';
  /**
   * The peer answered no `keepAlive` within its timeout: it is gone, or the path to it is.
   * @remarks Connect again; with `session` that is fast.
   */
  ERR_DTLS_PEER_GONE: 'protocol';
  /**
   * The system says that no datagram reaches the peer.
   * @remarks `ECONNREFUSED`: nothing listens there. `EHOSTUNREACH`, `ENETUNREACH`: there is no route. `EACCES`,
   * `EPERM`: a firewall of this host, or a broadcast address. `cause` is the system's error.
   * @reason the system's code, such as `ECONNREFUSED`
   */
  ERR_DTLS_UNREACHABLE: 'protocol';
  /**
   * The endpoint was full, and this session had to give way to a new client.
   * @remarks Raise `maxSessions`, `maxSessionsPerHost` or `maxHandshakes`, or let peers use `keepAlive`.
   */
  ERR_DTLS_EVICTED: 'protocol';
  /**
   * This side and its peer connected to each other at the same time, and this `connect` gave way: the handshake of the
   * peer is done.
   * @remarks Use the session that `onsession` got, which is also that of `endpoint.sessions.get(address, port)`.
   */
  ERR_DTLS_GAVE_WAY: 'protocol';
  /**
   * The session has used its keys up, or `updateKeys` has no further keys to give, or the peer has updated its own 65,532 times.
   * @remarks Connect again. DTLS 1.3 changes keys by itself, and lasts far longer than DTLS 1.2.
   */
  ERR_DTLS_KEY_LIMIT: 'protocol';
  /**
   * A record ended the session: too many forgeries, or an authentic record that the protocol forbids.
   * @remarks Look at `session.drops`. Many forgeries mean an attack, or damage on the path.
   * @reason the reason for which the record was dropped, such as `forgery_limit`
   */
  ERR_DTLS_RECORD: 'protocol';
  /** The transport of the application ended without an error. @remarks Make a new transport, and connect again. */
  ERR_DTLS_TRANSPORT_CLOSED: 'protocol';
  /**
   * The function `ticketKeys` failed: no session ends, and none can be resumed meanwhile. A process warning, at most
   * one a minute, has this code.
   * @remarks Look at the warning's text: it has what your function threw.
   */
  ERR_DTLS_TICKET_KEYS: 'protocol';
  /**
   * A callback of yours threw something that is not an Error; in `datagram-tls/core`, anything. `cause` has it.
   * @remarks Throw Errors: `onerror` then gets the very one that was thrown.
   */
  ERR_DTLS_CALLBACK: 'protocol';
  /**
   * A fault of this library or of the platform's cryptography, such as a key that its policy does not let sign.
   * @remarks `cause` has the platform's error. Report what you cannot explain.
   */
  ERR_DTLS_INTERNAL: 'protocol';
  /**
   * The peer sent a value that the protocol does not allow.
   * @remarks A fault of the peer's implementation: update it, or report it there with the text of this error.
   * @reason the alert
   */
  ERR_DTLS_ILLEGAL_PARAMETER: 'protocol';
  /**
   * The peer sent a message that cannot be decoded.
   * @remarks As for ERR_DTLS_ILLEGAL_PARAMETER.
   * @reason the alert
   */
  ERR_DTLS_DECODE_ERROR: 'protocol';
  /**
   * The peer sent a message that has no place there.
   * @remarks As for ERR_DTLS_ILLEGAL_PARAMETER.
   * @reason the alert
   */
  ERR_DTLS_UNEXPECTED_MESSAGE: 'protocol';
  /**
   * The peer answered with an extension that was not offered.
   * @remarks As for ERR_DTLS_ILLEGAL_PARAMETER.
   * @reason the alert
   */
  ERR_DTLS_UNSUPPORTED_EXTENSION: 'protocol';
  /**
   * The peer's message lacks an extension that the protocol requires.
   * @remarks As for ERR_DTLS_ILLEGAL_PARAMETER.
   * @reason the alert
   */
  ERR_DTLS_MISSING_EXTENSION: 'protocol';
  /**
   * The handshake cannot be completed safely, such as with a peer without secure renegotiation (RFC 5746).
   * @remarks The text says what is missing at which side.
   * @reason the alert
   */
  ERR_DTLS_HANDSHAKE_FAILURE: 'protocol';
  /**
   * The peer's certificate cannot be read, or its chain is too long.
   * @remarks Look at the peer's certificate: `openssl x509 -text`.
   * @reason the alert
   */
  ERR_DTLS_BAD_CERTIFICATE: 'protocol';
  /**
   * The peer's certificate, or the type of certificate that it shows or wants, is not supported.
   * @remarks Compare `certificateTypes` and `peerCertificateTypes` of both sides, and the type of the peer's key.
   * @reason the alert
   */
  ERR_DTLS_UNSUPPORTED_CERTIFICATE: 'protocol';
  /**
   * The server chose a version that does not allow what was begun: DTLS 1.2 after early data.
   * @remarks Connect again without `session`: the server is not the one that issued the ticket.
   * @reason the alert
   */
  ERR_DTLS_PROTOCOL_VERSION: 'protocol';
  /**
   * The peer's Finished is wrong: both sides have seen different handshakes, or have different keys.
   * @remarks An attacker on the path changes datagrams, or the peer's implementation is at fault.
   * @reason the alert
   */
  ERR_DTLS_DECRYPT_ERROR: 'protocol';

  /** A value has the wrong type. @remarks The text names the option or argument, and the type. */
  ERR_INVALID_ARG_TYPE: 'caller';
  /**
   * A value, an option's name, or two options together make no sense.
   * @remarks The text names the option, what is possible, and the nearest name that is known.
   */
  ERR_INVALID_ARG_VALUE: 'caller';
  /** A number, a length, or a message is too small or too large. @remarks The text names the limits. */
  ERR_OUT_OF_RANGE: 'caller';
  /** An option is missing that this call, or another option, needs. @remarks The text names it. */
  ERR_MISSING_ARGS: 'caller';
  /**
   * The call came at the wrong moment: before the handshake was done, or after the end.
   * @remarks Wait for `session.opened`, and stop at `session.closed`.
   */
  ERR_INVALID_STATE: 'caller';
  /**
   * A callback of yours answered something that makes no sense: the error of the session that asked.
   * @remarks The text names the option and what it has to answer.
   */
  ERR_INVALID_RETURN_VALUE: 'caller';
  /** The class has no public constructor. @remarks Use `connect`, `listen` and `createSecureContext`. */
  ERR_ILLEGAL_CONSTRUCTOR: 'caller';
  /**
   * A name of `ciphers`, `groups`, `sigalgs` or `srtp` is not known, a file of `ca`, `crl` or `pfx` does not hold what
   * it should, or keying material cannot be exported.
   * @remarks The text names the option and the nearest name that is known.
   */
  ERR_CRYPTO_OPERATION_FAILED: 'caller';
  /** This version of Node cannot do what the option says. @remarks Update Node, or leave the option out. */
  ERR_FEATURE_UNAVAILABLE_ON_PLATFORM: 'caller';
  /** The file of `pfx` is protected in a way that is not supported. @remarks Export it again with AES and PBKDF2. */
  ERR_CRYPTO_UNSUPPORTED_OPERATION: 'caller';
  /**
   * `cert`, `crl` or `publicKey` holds no PEM block of its kind, and is not DER.
   * @remarks Give the content of the file, not its path.
   */
  ERR_OSSL_PEM_NO_START_LINE: 'caller';
  /** A PEM block has no matching END line. @remarks The file is cut off: copy it again. */
  ERR_OSSL_PEM_BAD_END_LINE: 'caller';
  /** A PEM block is not base64. @remarks The file is damaged: copy it again. */
  ERR_OSSL_PEM_BAD_BASE64_DECODE: 'caller';
  /** A certificate, a list or a PKCS#12 file cannot be parsed. @remarks Look at it with `openssl x509 -text`. */
  ERR_OSSL_ASN1_NESTED_ASN1_ERROR: 'caller';
  /** `key` holds no private key that can be read. @remarks Give PKCS#8, PKCS#1 or SEC1, in PEM or DER. */
  ERR_OSSL_UNSUPPORTED: 'caller';
  /** `key` does not belong to the first certificate of `cert`. @remarks Put the leaf first, and check the pair. */
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'caller';
  /** The `passphrase` of a PKCS#12 file is wrong, or the file is damaged. @remarks Check `passphrase`. */
  ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE: 'caller';
  /** The private key is encrypted, and `passphrase` is missing or wrong. @remarks Check `passphrase`. */
  ERR_OSSL_BAD_DECRYPT: 'caller';
  /** A suite, or the AEAD of tickets, is known here, but this runtime lacks it. @remarks Name another suite. */
  ERR_DTLS_UNSUPPORTED_CIPHER: 'caller';
  /** A group is known here, but this runtime lacks it. @remarks Name another group. */
  ERR_DTLS_UNSUPPORTED_GROUP: 'caller';
  /** A signature scheme is known here, but this runtime lacks it. @remarks Name another scheme. */
  ERR_DTLS_UNSUPPORTED_SIGALG: 'caller';
  /** A hash is known here, but this runtime lacks it. @remarks Use another hash, or another runtime. */
  ERR_DTLS_UNSUPPORTED_HASH: 'caller';
  /** A key of `key` or `cert` has a type or a curve that is not supported. @remarks Use RSA, P-256, P-384 or Ed25519. */
  ERR_DTLS_UNSUPPORTED_KEY: 'caller';
  /**
   * The external key made no valid signature. The peer does not get it.
   * @remarks Sign the data under the scheme that `sign` is given: `ecdsa_…` in DER, `rsa_pss_…` with a salt as long
   * as the hash.
   */
  ERR_DTLS_SIGNER: 'caller';
  /**
   * `lookup` found no address of the host, of the version of IP that `family` or the socket asks for.
   * @remarks Check the name, `family`, and what `lookup` answers.
   */
  ENOTFOUND: 'caller';
  /** The transport belongs to another endpoint. @remarks Make one transport for each `listen` and `connect`. */
  ERR_DTLS_TRANSPORT_IN_USE: 'caller';
  /**
   * `session.rebind()` cannot move this session to another socket.
   * @remarks The server has to set `connectionId`, and the client has to come from `connect`, without `socket` and `transport`.
   * @reason `NO_CONNECTION_ID`: the peer has not asked for connection IDs; `NOT_ALONE`: a server's session, one of an endpoint
   * that others share, or one on a socket or transport of the application
   */
  ERR_DTLS_REBIND: 'caller';
  /** The endpoint has a session with that address already. @remarks Use it, or close it first. */
  ERR_DTLS_ADDRESS_IN_USE: 'caller';
  /**
   * The state of a session, from `session.export` or `session.checkpoint`, cannot be used.
   * @remarks The text says why, and `reason` for programs. The session itself may still be open where it was.
   * @reason `UNREADABLE`: another key, or the bytes are cut off or changed; `UNSUPPORTED`: another format, or a version or a
   * suite that this process does not have or allow; `EXPIRED`: older than `maxAge`; `USED`: it went on before; `ROLE`: a
   * server's state for an endpoint that does not serve; `ADDRESS`: the endpoint's socket cannot reach its peer
   */
  ERR_DTLS_STATE: 'caller';
  /**
   * The package `libsodium` is not installed, or gave wrong results.
   * @remarks Install it beside this library: `npm install libsodium`. If it is there, update it.
   */
  ERR_DTLS_LIBSODIUM: 'caller';
  /** The core got an answer to a job that does not wait for it. @remarks Answer each job once, with its own kind. */
  ERR_DTLS_JOB: 'caller';

  // What only sockets of `datagram-tls/dgram` say: codes of node:dgram and of the system.

  /** The socket is closed, or closing. @remarks Make another one. */
  ERR_SOCKET_DGRAM_NOT_RUNNING: 'caller';
  /** The socket is connected: it has one peer, and takes no address. @remarks Call `disconnect()` first. */
  ERR_SOCKET_DGRAM_IS_CONNECTED: 'caller';
  /** The socket is not connected, or not yet. @remarks Wait for `connect`. */
  ERR_SOCKET_DGRAM_NOT_CONNECTED: 'caller';
  /** A port is no number from 1 to 65535. @remarks The text has what was given. */
  ERR_SOCKET_BAD_PORT: 'caller';
  /** `offset` or `length` of `send` lies outside of the buffer. @remarks Compare them with the buffer's length. */
  ERR_BUFFER_OUT_OF_BOUNDS: 'caller';
  /**
   * A message fits no datagram: the error of its callback.
   * @remarks Send less at once, or set `dtls.mtu` where the path carries larger datagrams. The text has the limit.
   */
  EMSGSIZE: 'caller';
  /**
   * Too many messages or sessions wait for handshakes: the error of the callback of a message that was dropped.
   * @remarks Send more slowly until the handshake is done, or raise the limit that the text names.
   */
  ENOBUFS: 'caller';
  /** DTLS has no multicast and no broadcast. @remarks Use a socket of node:dgram for that. */
  ERR_DTLS_MULTICAST: 'caller';
}

export type ErrorCode = keyof ErrorCodes;

/**
 * The codes of {@link DTLSError}.
 *
 * @example
 * ```ts
 * import { DTLSError, type DTLSErrorCode } from 'datagram-tls';
 *
 * const worthRetrying: readonly DTLSErrorCode[] = ['ERR_DTLS_UNREACHABLE', 'ERR_DTLS_HANDSHAKE_TIMEOUT'];
 * session.onerror = (error) => {
 *   if (error instanceof DTLSError && worthRetrying.includes(error.code)) console.log('try again');
 * };
 * ```
 */
export type DTLSErrorCode = Extract<ErrorCode, `ERR_DTLS_${string}`>;

type CodeOf<A extends AlertName> = `ERR_DTLS_${Uppercase<A>}`;

/** Alerts that have a code of their own. */
export type CodedAlert = {
  [A in AlertName]: CodeOf<A> extends DTLSErrorCode ? A : never;
}[AlertName];
