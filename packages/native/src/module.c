/*
 * The native part of datagram-tls. It is an optimization: the library does the same without it, slower. JavaScript
 * decides what of it is used, after a test with known answers.
 */
#include "datagram_functions.h"
#include "derived_functions.h"
#include "hash_functions.h"
#include "key_functions.h"
#include "pair_functions.h"

#ifndef INTERFACE
#error "scripts/native.mjs gives the number of the library, which takes no other one"
#endif

static bool set_number(napi_env env, napi_value object, const char *name, double number) {
  napi_value value;
  return napi_create_double(env, number, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

/* Of the process's OpenSSL, as OpenSSL writes it: 0x30500010 is 3.5.1. 0: it has none. */
static double openssl_version(const struct environment *environment) {
  return environment->has_ssl ? (double)environment->ssl.OpenSSL_version_num() : 0;
}

NAPI_MODULE_INIT() {
  struct environment *environment = environment_new(env);
  if (environment == NULL) return NULL;
  if (!set_number(env, exports, "interface", INTERFACE) ||
      !set_number(env, exports, "openssl", openssl_version(environment)) || !add_key_functions(env, exports) ||
      !add_hash_functions(env, exports) || !add_derived_functions(env, exports) || !add_pair_functions(env, exports) ||
      !add_datagram_functions(env, exports)) {
    failed(env);
    return NULL;
  }
  return exports;
}
