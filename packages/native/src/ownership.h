/* Keys belong to objects of JavaScript: they are closed when those are collected. */
#ifndef DATAGRAM_TLS_OWNERSHIP_H
#define DATAGRAM_TLS_OWNERSHIP_H

#include "environment.h"

/* False: it has thrown. */
bool read_owner(napi_env env, napi_value value);
/* The number for JavaScript. NULL where it is 0, and where it has thrown; the key is closed then. */
napi_value give_key(napi_env env, napi_value owner, int64_t number);
/* NULL: it has thrown. */
struct key_slot *read_key(napi_env env, napi_value value, enum key_kind kind);

#endif
