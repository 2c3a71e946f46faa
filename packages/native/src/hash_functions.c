#include "hash_functions.h"

#include <string.h>

/* More than any handshake has. Output is made on the stack, of which Windows gives no more than a page at a time. */
enum { MAX_INPUT_LENGTH = 0xffffff, MAX_OUTPUT_LENGTH = 1024 };

struct hash *read_hash(napi_env env, napi_value value) {
  struct environment *environment = environment_of(env);
  int64_t length;
  if (!read_number(env, value, "hash", MAX_DIGEST_LENGTH, &length)) return NULL;
  bool is_there = environment->has_ssl && environment->ssl.has_digests;
  struct hash *hash = is_there ? hash_of_length(&environment->hashes, &environment->ssl, (size_t)length) : NULL;
  if (hash == NULL) refuse_value(env, "hash", "is no hash");
  return hash;
}

static napi_value has_hash(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value value, answer;
  int64_t length;
  if (!read_arguments(env, info, 1, &value) || !read_number(env, value, "hash", MAX_DIGEST_LENGTH, &length))
    return NULL;
  bool is_there = environment->has_ssl && environment->ssl.has_digests &&
                  hash_of_length(&environment->hashes, &environment->ssl, (size_t)length) != NULL;
  return napi_get_boolean(env, is_there, &answer) == napi_ok ? answer : NULL;
}

/* OpenSSL failed with good arguments, which takes a lack of memory. */
static napi_value hash_failed(napi_env env) {
  napi_throw_error(env, "ERR_CRYPTO_OPERATION_FAILED", "OpenSSL failed");
  return NULL;
}

static napi_value digest(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct bytes bytes, out;
  int64_t length;
  if (!read_arguments(env, info, 4, values)) return NULL;
  struct hash *hash = read_hash(env, values[0]);
  if (hash == NULL || !read_bytes(env, values[1], "bytes", &bytes) ||
      !read_number(env, values[2], "length", (int64_t)MAX_INPUT_LENGTH, &length) ||
      !read_bytes(env, values[3], "out", &out))
    return NULL;
  if ((size_t)length > bytes.length) {
    refuse_range(env, "length", "is more than there is");
    return NULL;
  }
  if (out.length < hash->length) {
    refuse_range(env, "out", "has no room for the digest");
    return NULL;
  }
  return hash_digest(hash, bytes.data, (size_t)length, out.data) ? NULL : hash_failed(env);
}

/* A key and a text at the start of memory, where the output goes. */
struct work {
  struct hash *hash;
  struct bytes memory;
  struct text key;
  struct text text;
};

/* `values`: the hash, the memory, and both lengths. */
static bool read_work(napi_env env, napi_value *values, const char *key_name, const char *text_name,
                      struct work *work) {
  int64_t key_length, text_length;
  work->hash = read_hash(env, values[0]);
  if (work->hash == NULL || !read_bytes(env, values[1], "memory", &work->memory) ||
      !read_number(env, values[2], key_name, (int64_t)MAX_INPUT_LENGTH, &key_length) ||
      !read_number(env, values[3], text_name, (int64_t)MAX_INPUT_LENGTH, &text_length))
    return false;
  work->key = (struct text){ work->memory.data, (size_t)key_length };
  work->text = (struct text){ work->memory.data + key_length, (size_t)text_length };
  return work->key.length + work->text.length <= work->memory.length ||
         refuse_range(env, "memory", "is shorter than its parts");
}

static bool has_room(napi_env env, const struct work *work, size_t length) {
  return length <= work->memory.length || refuse_range(env, "memory", "has no room for the output");
}

/* Writes `made` where the input was, and wipes both. */
static napi_value finish(napi_env env, const struct work *work, bool done, unsigned char *made, size_t length) {
  const struct openssl *ssl = work->hash->ssl;
  ssl->OPENSSL_cleanse(work->memory.data, work->key.length + work->text.length);
  if (done) memcpy(work->memory.data, made, length);
  ssl->OPENSSL_cleanse(made, length);
  return done ? NULL : hash_failed(env);
}

static napi_value hmac(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct work work;
  unsigned char made[MAX_DIGEST_LENGTH];
  if (!read_arguments(env, info, 4, values) || !read_work(env, values, "keyLength", "textLength", &work) ||
      !has_room(env, &work, work.hash->length))
    return NULL;
  bool done = hash_hmac(work.hash, work.key, work.text, made);
  return finish(env, &work, done, made, work.hash->length);
}

/* Both derive `length` bytes. */
static napi_value derive(napi_env env, napi_value *values, struct work *work,
                         bool (*by)(struct hash *, struct text, struct text, unsigned char *, size_t)) {
  unsigned char made[MAX_OUTPUT_LENGTH];
  int64_t length;
  if (!read_number(env, values[4], "length", MAX_OUTPUT_LENGTH, &length) || !has_room(env, work, (size_t)length)) return NULL;
  bool done = by(work->hash, work->key, work->text, made, (size_t)length);
  return finish(env, work, done, made, (size_t)length);
}

static napi_value prf(napi_env env, napi_callback_info info) {
  napi_value values[5];
  struct work work;
  if (!read_arguments(env, info, 5, values) || !read_work(env, values, "secretLength", "seedLength", &work))
    return NULL;
  return derive(env, values, &work, hash_prf);
}

static napi_value hkdf_expand(napi_env env, napi_callback_info info) {
  napi_value values[5];
  struct work work;
  if (!read_arguments(env, info, 5, values) || !read_work(env, values, "keyLength", "infoLength", &work))
    return NULL;
  return derive(env, values, &work, hash_expand);
}

enum derivation_kind { BY_EXPAND, BY_HMAC, DERIVATION_KINDS };

/* One of several derivations. */
struct step {
  size_t from; /* 0: the key; n: the output of the nth step */
  enum derivation_kind kind;
  size_t length;
  struct text text;
};

/* More than a handshake has at once. */
enum { STEP_HEAD_LENGTH = 6, MAX_STEPS = 31 };

static size_t read_u16(const unsigned char *bytes) {
  return (size_t)bytes[0] << 8 | bytes[1];
}

/* The next one of `steps`. False where none is whole. */
static bool next_step(struct text *steps, struct step *step) {
  const unsigned char *bytes = steps->bytes;
  if (steps->length < STEP_HEAD_LENGTH || bytes[1] >= DERIVATION_KINDS) return false;
  *step = (struct step){ bytes[0], (enum derivation_kind)bytes[1], read_u16(bytes + 2),
                         { bytes + STEP_HEAD_LENGTH, read_u16(bytes + 4) } };
  size_t end = STEP_HEAD_LENGTH + step->text.length;
  if (end > steps->length) return false;
  *steps = (struct text){ bytes + end, steps->length - end };
  return true;
}

/* False: it has thrown. `all`: the length of all outputs. */
static bool measure_steps(napi_env env, const struct work *work, size_t *all) {
  struct text steps = work->text;
  struct step step;
  *all = 0;
  for (size_t number = 0; steps.length > 0; number++) {
    if (number == MAX_STEPS) return refuse_range(env, "memory", "has too many steps");
    if (!next_step(&steps, &step)) return refuse_value(env, "memory", "has no whole steps");
    if (step.from > number) return refuse_value(env, "memory", "has a step from a later one");
    if (step.kind == BY_HMAC && step.length != work->hash->length)
      return refuse_value(env, "memory", "has an HMAC of another length");
    *all += step.length;
    if (*all > MAX_OUTPUT_LENGTH) return refuse_range(env, "memory", "asks for too long outputs");
  }
  return true;
}

static bool take_step(struct hash *hash, struct text key, const struct step *step, unsigned char *out) {
  return step->kind == BY_HMAC ? hash_hmac(hash, key, step->text, out)
                               : hash_expand(hash, key, step->text, out, step->length);
}

static napi_value derive_all(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct work work;
  struct step step;
  struct text outputs[MAX_STEPS + 1];
  unsigned char made[MAX_OUTPUT_LENGTH];
  size_t all;
  if (!read_arguments(env, info, 4, values) || !read_work(env, values, "keyLength", "stepsLength", &work) ||
      !measure_steps(env, &work, &all) || !has_room(env, &work, all))
    return NULL;
  struct text steps = work.text;
  bool done = true;
  outputs[0] = work.key;
  for (size_t number = 1, at = 0; done && next_step(&steps, &step); number++) {
    done = take_step(work.hash, outputs[step.from], &step, made + at);
    outputs[number] = (struct text){ made + at, step.length };
    at += step.length;
  }
  return finish(env, &work, done, made, all);
}

bool add_hash_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "hasHash", NULL, has_hash, NULL, NULL, NULL, napi_enumerable, NULL },
    { "digest", NULL, digest, NULL, NULL, NULL, napi_enumerable, NULL },
    { "hmac", NULL, hmac, NULL, NULL, NULL, napi_enumerable, NULL },
    { "prf", NULL, prf, NULL, NULL, NULL, napi_enumerable, NULL },
    { "hkdfExpand", NULL, hkdf_expand, NULL, NULL, NULL, napi_enumerable, NULL },
    { "deriveAll", NULL, derive_all, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
