/*
 * Hashes for JavaScript. `hash` is the length of its digest: 32 (SHA-256), 48 or 64.
 *
 *   hasHash(hash) → boolean                  false: this OpenSSL lacks it
 *   digest(hash, bytes, length, out)         of the first `length` bytes, to the start of `out`
 *
 * The others find their input in `memory`, one part behind the other from its start. The output takes the input's
 * place, and what it does not cover of it is wiped. At most 1024 bytes are derived:
 *
 *   hmac(hash, memory, keyLength, textLength)
 *   prf(hash, memory, secretLength, seedLength, length)
 *                                            P_hash of TLS 1.2, of a seed that begins with the label
 *   hkdfExpand(hash, memory, keyLength, infoLength, length)
 *   deriveAll(hash, memory, keyLength, stepsLength)
 *                                            several outputs, one behind the other. Each step has one byte that says what its
 *                                            key is, 0 for that in memory and n for the output of the nth step; one byte for
 *                                            what it does, 0 for HKDF-Expand and 1 for HMAC; the length of its output and that
 *                                            of its text, in two bytes each; and the text
 */
#ifndef DATAGRAM_TLS_HASH_FUNCTIONS_H
#define DATAGRAM_TLS_HASH_FUNCTIONS_H

#include "environment.h"

/* The hash of an argument. NULL: it has thrown. */
struct hash *read_hash(napi_env env, napi_value value);
/* False: it has thrown. */
bool add_hash_functions(napi_env env, napi_value exports);

#endif
