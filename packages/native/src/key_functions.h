/*
 * Keys for JavaScript:
 *
 *   createKey(owner, name, key) → number     closed with its owner; `undefined`: this OpenSSL lacks the algorithm
 *   seal(key, nonce, aad, bytes, offset, length)
 *                                            encrypts in place; the tag follows
 *   open(key, nonce, aad, sealed, out) → boolean
 *                                            writes the text to the start of `out`; false: not authentic
 *   createRecordKey(owner, name, epoch, secrets) → number
 *                                            one for the records of one direction; `secrets`: a key of the AEAD, its IV, and
 *                                            for DTLS 1.3 the key of record numbers, one behind the other
 *   useConnectionId(key, cid)                on the records that it seals from now on
 *   sealRecord(key, type, sequence, bytes, offset, length)
 *                                            makes a record at the offset around its content of that length, which is in
 *                                            its place
 *   openRecord(key, expected, bytes, start, bodyStart, end, out, at) → number
 *                                            writes content, type and zeros of the record to `out`, with another zero in
 *                                            place of the type; answers (its number - the expected one) * 2^23 + the length of
 *                                            the content * 2^8 + the type, which is 0 for zeros alone. -1: not authentic. Less
 *                                            than that: its number - the expected one - 1; it is older, and was not opened. A
 *                                            plain header has the expected number
 *   mask(key, sample, out)
 *   closeKey(key)
 */
#ifndef DATAGRAM_TLS_KEY_FUNCTIONS_H
#define DATAGRAM_TLS_KEY_FUNCTIONS_H

#include "environment.h"

/* The algorithm of an argument. NULL: it has thrown. */
const struct algorithm *read_algorithm(napi_env env, napi_value value);
/* False: it has thrown. */
bool add_key_functions(napi_env env, napi_value exports);

#endif
