#include "pair_functions.h"

#include "ownership.h"

#include <string.h>

/* More than any key has, and fewer than the `long` of Windows. */
enum { MAX_NAME_LENGTH = 16, MAX_DER_LENGTH = 0x10000 };

static bool has_keys(const struct environment *environment) {
  return environment->has_ssl && environment->ssl.has_keys;
}

static napi_value import_private_key(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[2];
  struct bytes der;
  struct pair pair;
  if (!read_arguments(env, info, 2, values) || !read_owner(env, values[0]) ||
      !read_bytes(env, values[1], "pkcs8", &der))
    return NULL;
  if (der.length > MAX_DER_LENGTH) {
    refuse_range(env, "pkcs8", "is too long");
    return NULL;
  }
  if (!has_keys(environment) || !pair_import(&pair, &environment->ssl, der.data, der.length)) return NULL;
  return give_key(env, values[0], keys_add_pair(&environment->keys, &pair));
}

/* NULL: it has thrown. */
static const struct group *read_group(napi_env env, napi_value value) {
  char name[MAX_NAME_LENGTH];
  size_t length;
  if (napi_get_value_string_latin1(env, value, name, sizeof name, &length) != napi_ok) {
    refuse_type(env, "group", "must be of type string");
    return NULL;
  }
  const struct group *group = group_named(name);
  if (group != NULL && strlen(group->name) == length) return group;
  refuse_value(env, "group", "is no group");
  return NULL;
}

static napi_value generate_key(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[3];
  struct bytes share;
  if (!read_arguments(env, info, 3, values) || !read_owner(env, values[0])) return NULL;
  const struct group *group = read_group(env, values[1]);
  if (group == NULL || !read_bytes(env, values[2], "share", &share)) return NULL;
  if (share.length < group->share_length) {
    refuse_range(env, "share", "has no room for the share");
    return NULL;
  }
  if (!has_keys(environment)) return NULL;
  struct pair pair = { .ssl = &environment->ssl, .group = group };
  pair.key = exchange_generate(&environment->generators, pair.ssl, group);
  if (pair.key == NULL) return NULL;
  if (!exchange_share(pair.ssl, group, pair.key, share.data)) {
    pair_close(&pair);
    return NULL;
  }
  return give_key(env, values[0], keys_add_pair(&environment->keys, &pair));
}

static napi_value derive_secret(napi_env env, napi_callback_info info) {
  napi_value values[3], answer;
  struct bytes memory;
  int64_t length;
  unsigned char secret[MAX_SECRET_LENGTH];
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct key_slot *slot = read_key(env, values[0], KEY_PAIR);
  if (slot == NULL || !read_bytes(env, values[1], "memory", &memory) ||
      !read_number(env, values[2], "length", MAX_DER_LENGTH, &length))
    return NULL;
  if ((size_t)length > memory.length) {
    refuse_range(env, "length", "is more than there is");
    return NULL;
  }
  const struct pair *pair = &slot->pair;
  const struct group *group = pair->group;
  if (group == NULL) {
    refuse_value(env, "key", "is for another purpose");
    return NULL;
  }
  bool done = (size_t)length == group->share_length &&
              exchange_derive(pair->ssl, group, pair->key, memory.data, secret);
  if (done) {
    memcpy(memory.data, secret, group->secret_length);
    pair->ssl->OPENSSL_cleanse(secret, sizeof secret);
  }
  return napi_get_boolean(env, done, &answer) == napi_ok ? answer : NULL;
}

bool add_pair_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "importPrivateKey", NULL, import_private_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "generateKey", NULL, generate_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "deriveSecret", NULL, derive_secret, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
