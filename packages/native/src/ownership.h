/* Keys and sockets belong to objects of JavaScript: they are closed when those are collected. */
#ifndef DATAGRAM_TLS_OWNERSHIP_H
#define DATAGRAM_TLS_OWNERSHIP_H

#include "environment.h"

/* Does nothing for a number that is closed. */
typedef void closer(struct environment *environment, int64_t number);

/* False: it has thrown. */
bool read_owner(napi_env env, napi_value value);
/*
 * Gives the number to JavaScript. `memory`: about what it holds beside, bytes; the garbage collector is told. NULL: it has
 * thrown, and the number is closed.
 */
napi_value give_to(napi_env env, napi_value owner, int64_t number, closer *close, int64_t memory);
/* For the `memory` of keys: of a cipher, its slot and what says whose it is; of a pair, what OpenSSL allocates. */
enum { CIPHER_MEMORY = 200, PAIR_MEMORY = 1024 };
/* The same for a key. NULL also where the number is 0. */
napi_value give_key(napi_env env, napi_value owner, int64_t number, int64_t memory);
/* NULL: it has thrown. */
struct key_slot *read_key(napi_env env, napi_value value, enum key_kind kind);

#endif
