#include "derived_functions.h"

#include "hash_functions.h"
#include "key_functions.h"

#include <string.h>

/* Of each part. */
#define MAX_PART_LENGTH INT64_C(0xffffff)

struct work {
  struct hash *hash;
  const struct algorithm *algorithm;
  struct bytes memory;
  size_t length; /* of the sealed text */
  struct text root;
  struct text info;
  struct text aad;
};

static bool read_work(napi_env env, napi_callback_info info, struct work *work) {
  napi_value values[7];
  int64_t length, root, information, aad;
  if (!read_arguments(env, info, 7, values)) return false;
  work->hash = read_hash(env, values[0]);
  work->algorithm = work->hash == NULL ? NULL : read_algorithm(env, values[1]);
  if (work->algorithm == NULL || !read_bytes(env, values[2], "memory", &work->memory) ||
      !read_number(env, values[3], "length", MAX_PART_LENGTH, &length) ||
      !read_number(env, values[4], "rootLength", MAX_PART_LENGTH, &root) ||
      !read_number(env, values[5], "infoLength", MAX_PART_LENGTH, &information) ||
      !read_number(env, values[6], "aadLength", MAX_PART_LENGTH, &aad))
    return false;
  if (work->algorithm->tag_length == 0) return refuse_value(env, "name", "seals nothing");
  if (length < (int64_t)work->algorithm->tag_length) return refuse_range(env, "length", "has no room for a tag");
  if ((uint64_t)(length + root + information + aad) > work->memory.length)
    return refuse_range(env, "memory", "is shorter than its parts");
  work->length = (size_t)length;
  work->root = (struct text){ work->memory.data + length, (size_t)root };
  work->info = (struct text){ work->root.bytes + root, (size_t)information };
  work->aad = (struct text){ work->info.bytes + information, (size_t)aad };
  return true;
}

/* With the key that is made for the text; so is its nonce. False when OpenSSL fails. */
static bool begin(napi_env env, const struct work *work, struct cipher *cipher, unsigned char *nonce) {
  struct environment *environment = environment_of(env);
  unsigned char made[MAX_KEY_LENGTH + NONCE_LENGTH];
  size_t key_length = work->algorithm->key_length;
  struct schedules *schedules = keys_schedules(&environment->keys, &environment->ssl, work->algorithm);
  bool done = schedules != NULL && hash_expand(work->hash, work->root, work->info, made, key_length + NONCE_LENGTH) &&
              cipher_open(cipher, schedules, ONE_TIME_PLACE, made);
  if (done) memcpy(nonce, made + key_length, NONCE_LENGTH);
  environment->ssl.OPENSSL_cleanse(made, sizeof made);
  return done;
}

/* Leaves the first `length` bytes. */
static void finish(const struct work *work, size_t length) {
  size_t end = work->length + work->root.length + work->info.length + work->aad.length;
  work->hash->ssl->OPENSSL_cleanse(work->memory.data + length, end - length);
}

static napi_value seal_derived(napi_env env, napi_callback_info info) {
  struct work work;
  struct cipher cipher;
  unsigned char nonce[NONCE_LENGTH];
  if (!read_work(env, info, &work)) return NULL;
  size_t length = work.length - work.algorithm->tag_length;
  bool done = begin(env, &work, &cipher, nonce);
  if (done) {
    done = cipher_seal(&cipher, nonce, work.aad.bytes, work.aad.length, work.memory.data, length);
    cipher_close(&cipher);
  }
  finish(&work, done ? work.length : 0);
  if (!done) napi_throw_error(env, "ERR_CRYPTO_OPERATION_FAILED", "OpenSSL failed");
  return NULL;
}

static napi_value open_derived(napi_env env, napi_callback_info info) {
  struct work work;
  struct cipher cipher;
  unsigned char nonce[NONCE_LENGTH];
  napi_value answer;
  if (!read_work(env, info, &work)) return NULL;
  unsigned char *text = work.memory.data;
  size_t length = work.length - work.algorithm->tag_length;
  bool is_authentic = begin(env, &work, &cipher, nonce);
  if (is_authentic) {
    is_authentic = cipher_unseal(&cipher, nonce, work.aad.bytes, work.aad.length, text, length, text);
    cipher_close(&cipher);
  }
  finish(&work, is_authentic ? length : 0);
  return napi_get_boolean(env, is_authentic, &answer) == napi_ok ? answer : NULL;
}

bool add_derived_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "sealDerived", NULL, seal_derived, NULL, NULL, NULL, napi_enumerable, NULL },
    { "openDerived", NULL, open_derived, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
