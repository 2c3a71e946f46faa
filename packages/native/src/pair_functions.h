/*
 * Asymmetric keys for JavaScript; `closeKey` closes them, too:
 *
 *   importPrivateKey(owner, pkcs8) → number  closed with its owner; `undefined`: OpenSSL cannot read it
 *   generateKey(owner, group, share) → number
 *                                            writes our share to the start of `share`; `undefined`: this OpenSSL lacks
 *                                            the group
 *   deriveSecret(key, memory, length) → boolean
 *                                            the peer's share is the first `length` bytes of `memory`, and the secret
 *                                            takes its place; false: it is no valid share
 *   importPublicKey(owner, type, bytes) → number
 *                                            `type` is a group of points, or `ed25519`; `undefined`: it is no such
 *                                            point, or this OpenSSL lacks the type
 *   verify(key, scheme, bytes, signature) → boolean
 *                                            `scheme` is its code in TLS
 */
#ifndef DATAGRAM_TLS_PAIR_FUNCTIONS_H
#define DATAGRAM_TLS_PAIR_FUNCTIONS_H

#include "environment.h"

/* False: it has thrown. */
bool add_pair_functions(napi_env env, napi_value exports);

#endif
