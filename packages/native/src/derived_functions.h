/*
 * Texts for JavaScript that are each sealed under a key and a nonce of its own, such as session tickets. HKDF-Expand makes both,
 * one behind the other, of a root and of information (RFC 5869 §2.3). No key is kept, and no object owns one.
 *
 *   sealDerived(hash, name, memory, length, rootLength, infoLength, aadLength)
 *   openDerived(hash, name, memory, length, rootLength, infoLength, aadLength) → boolean
 *                                            false: not authentic
 *
 * `memory` begins with the text and its tag, of `length` bytes together; behind them are the root, the information and the
 * additional data. The text is sealed or opened where it is, and all that does not belong to the result is wiped.
 */
#ifndef DATAGRAM_TLS_DERIVED_FUNCTIONS_H
#define DATAGRAM_TLS_DERIVED_FUNCTIONS_H

#include "environment.h"

/* False: it has thrown. */
bool add_derived_functions(napi_env env, napi_value exports);

#endif
