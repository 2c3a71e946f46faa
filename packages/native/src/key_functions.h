/*
 * Keys for JavaScript:
 *
 *   createKey(owner, name, key) → number     closed with its owner; `undefined`: this OpenSSL lacks the algorithm
 *   seal(key, nonce, aad, bytes, offset, length)
 *                                            encrypts in place; the tag follows
 *   open(key, nonce, aad, sealed, out) → boolean
 *                                            writes the text to the start of `out`; false: not authentic
 *   mask(key, sample, out)
 *   closeKey(key)
 */
#ifndef DATAGRAM_TLS_KEY_FUNCTIONS_H
#define DATAGRAM_TLS_KEY_FUNCTIONS_H

#include "environment.h"

/* False: it has thrown. */
bool add_key_functions(napi_env env, napi_value exports);

#endif
