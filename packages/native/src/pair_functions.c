#include "pair_functions.h"

#include "ownership.h"
#include "signatures.h"

#include <string.h>

/* More than any key has, and fewer than the `long` of Windows. */
enum { MAX_NAME_LENGTH = 16, MAX_DER_LENGTH = 0x10000, MAX_SCHEME_CODE = 0xffff };

static bool has_keys(const struct environment *environment) {
  return environment->has_ssl && environment->ssl.has_keys && environment->ssl.has_digests;
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
  return give_key(env, values[0], keys_add_pair(&environment->keys, &pair), PAIR_MEMORY);
}

/* `name` has room for MAX_NAME_LENGTH; a longer one is cut, and a character 0 ends it. */
static bool read_name(napi_env env, napi_value value, const char *argument, char *name) {
  size_t length;
  if (napi_get_value_string_latin1(env, value, name, MAX_NAME_LENGTH, &length) != napi_ok)
    return refuse_type(env, argument, "must be of type string");
  return strlen(name) == length || refuse_value(env, argument, "is no name");
}

/* NULL: it has thrown. */
static const struct group *read_group(napi_env env, napi_value value) {
  char name[MAX_NAME_LENGTH];
  if (!read_name(env, value, "group", name)) return NULL;
  const struct group *group = group_named(name);
  if (group == NULL) refuse_value(env, "group", "is no group");
  return group;
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
  return give_key(env, values[0], keys_add_pair(&environment->keys, &pair), PAIR_MEMORY);
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
              exchange_derive(&environment_of(env)->generators, pair->ssl, group, pair->key, memory.data, secret);
  if (done) {
    memcpy(memory.data, secret, group->secret_length);
    pair->ssl->OPENSSL_cleanse(secret, sizeof secret);
  }
  return napi_get_boolean(env, done, &answer) == napi_ok ? answer : NULL;
}

static napi_value answer_exchange(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[3], answer;
  struct bytes memory;
  int64_t length;
  unsigned char share[MAX_SHARE_LENGTH], secret[MAX_SECRET_LENGTH];
  if (!read_arguments(env, info, 3, values)) return NULL;
  const struct group *group = read_group(env, values[0]);
  if (group == NULL || !read_bytes(env, values[1], "memory", &memory) ||
      !read_number(env, values[2], "length", MAX_DER_LENGTH, &length))
    return NULL;
  if ((size_t)length > memory.length || group->share_length + group->secret_length > memory.length) {
    refuse_range(env, "memory", "has no room for the shares and the secret");
    return NULL;
  }
  const struct openssl *ssl = &environment->ssl;
  bool done = has_keys(environment) && (size_t)length == group->share_length &&
              exchange_answer(&environment->generators, ssl, group, memory.data, share, secret);
  if (done) {
    memcpy(memory.data, share, group->share_length);
    memcpy(memory.data + group->share_length, secret, group->secret_length);
    ssl->OPENSSL_cleanse(secret, sizeof secret);
  }
  return napi_get_boolean(env, done, &answer) == napi_ok ? answer : NULL;
}

static const char ED25519[] = "ed25519";

/* NULL for what is no public value. */
static EVP_PKEY *read_public(struct environment *environment, const struct group *group, struct bytes bytes) {
  const struct openssl *ssl = &environment->ssl;
  if (group != NULL) {
    if (bytes.length != group->share_length) return NULL;
    return exchange_public(&environment->generators, ssl, group, bytes.data);
  }
  EVP_PKEY *key = ssl->EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes.data, bytes.length);
  if (key == NULL) ssl->ERR_clear_error();
  return key;
}

static napi_value import_public_key(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[3];
  char name[MAX_NAME_LENGTH];
  struct bytes bytes;
  if (!read_arguments(env, info, 3, values) || !read_owner(env, values[0]) ||
      !read_name(env, values[1], "type", name) || !read_bytes(env, values[2], "bytes", &bytes))
    return NULL;
  const struct group *group = group_named(name);
  /* A key of X25519 verifies nothing. */
  bool is_type = group == NULL ? strcmp(name, ED25519) == 0 : group->curve != NULL;
  if (!is_type) {
    refuse_value(env, "type", "is no type of such keys");
    return NULL;
  }
  if (!has_keys(environment)) return NULL;
  struct pair pair = { .ssl = &environment->ssl, .key = read_public(environment, group, bytes) };
  return pair.key == NULL ? NULL : give_key(env, values[0], keys_add_pair(&environment->keys, &pair), PAIR_MEMORY);
}

/* NULL: it has thrown. */
static const struct scheme *read_scheme(napi_env env, napi_value value, const struct pair *pair) {
  int64_t code;
  if (!read_number(env, value, "scheme", MAX_SCHEME_CODE, &code)) return NULL;
  const struct scheme *scheme = scheme_of((int)code);
  if (scheme == NULL) {
    refuse_value(env, "scheme", "is no scheme");
    return NULL;
  }
  if (scheme_fits(scheme, pair)) return scheme;
  refuse_value(env, "key", "is for another purpose");
  return NULL;
}

static napi_value verify(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[4], answer;
  struct bytes bytes, signature;
  if (!read_arguments(env, info, 4, values)) return NULL;
  struct key_slot *slot = read_key(env, values[0], KEY_PAIR);
  const struct scheme *scheme = slot == NULL ? NULL : read_scheme(env, values[1], &slot->pair);
  if (scheme == NULL || !read_bytes(env, values[2], "bytes", &bytes) ||
      !read_bytes(env, values[3], "signature", &signature))
    return NULL;
  struct text text = { bytes.data, bytes.length };
  bool is_good = signature_verify(&slot->pair, &environment->hashes, scheme, text,
                                  (struct text){ signature.data, signature.length });
  return napi_get_boolean(env, is_good, &answer) == napi_ok ? answer : NULL;
}

static napi_value sign(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[4], answer;
  struct bytes text, out;
  if (!read_arguments(env, info, 4, values)) return NULL;
  struct key_slot *slot = read_key(env, values[0], KEY_PAIR);
  const struct scheme *scheme = slot == NULL ? NULL : read_scheme(env, values[1], &slot->pair);
  if (scheme == NULL || !read_bytes(env, values[2], "bytes", &text) || !read_bytes(env, values[3], "out", &out))
    return NULL;
  if (out.length < MAX_SIGNATURE_LENGTH) {
    refuse_range(env, "out", "has no room for a signature");
    return NULL;
  }
  size_t length = signature_make(&slot->pair, &environment->hashes, scheme, (struct text){ text.data, text.length }, out.data);
  return napi_create_int64(env, (int64_t)length, &answer) == napi_ok ? answer : NULL;
}

bool add_pair_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "importPrivateKey", NULL, import_private_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "generateKey", NULL, generate_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "deriveSecret", NULL, derive_secret, NULL, NULL, NULL, napi_enumerable, NULL },
    { "answerExchange", NULL, answer_exchange, NULL, NULL, NULL, napi_enumerable, NULL },
    { "importPublicKey", NULL, import_public_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "verify", NULL, verify, NULL, NULL, NULL, napi_enumerable, NULL },
    { "sign", NULL, sign, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
