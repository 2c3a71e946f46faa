#include "hash_functions.h"

#include <string.h>

/* More than any handshake has. Output is made on the stack, of which Windows gives no more than a page at a time. */
enum { MAX_INPUT_LENGTH = 0xffffff, MAX_OUTPUT_LENGTH = 1024 };

/* NULL: it has thrown. */
static struct hash *read_hash(napi_env env, napi_value value) {
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

/*
 * The next HkdfLabel of `labels` (RFC 8446 §7.1): the length of its output, then a label and a context, each behind one byte
 * for its length. False where none is whole.
 */
static bool next_label(struct text *labels, struct text *label, size_t *length) {
  const unsigned char *bytes = labels->bytes;
  size_t end = 3;
  for (int part = 0; part < 2; part++) {
    if (end > labels->length) return false;
    end += bytes[end - 1] + (part == 0 ? 1u : 0u);
  }
  if (end > labels->length) return false;
  *label = (struct text){ bytes, end };
  *length = (size_t)bytes[0] << 8 | bytes[1];
  *labels = (struct text){ bytes + end, labels->length - end };
  return true;
}

/* False: it has thrown. `all`: the length of all outputs. */
static bool measure_labels(napi_env env, struct text labels, size_t *all) {
  struct text label;
  size_t length;
  *all = 0;
  while (labels.length > 0) {
    if (!next_label(&labels, &label, &length)) return refuse_value(env, "memory", "has no whole labels");
    *all += length;
    if (*all > MAX_OUTPUT_LENGTH) return refuse_range(env, "memory", "asks for too long outputs");
  }
  return true;
}

static napi_value expand_labels(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct work work;
  unsigned char made[MAX_OUTPUT_LENGTH];
  size_t all, length;
  if (!read_arguments(env, info, 4, values) || !read_work(env, values, "keyLength", "labelsLength", &work) ||
      !measure_labels(env, work.text, &all) || !has_room(env, &work, all))
    return NULL;
  struct text labels = work.text, label;
  bool done = true;
  for (size_t at = 0; done && next_label(&labels, &label, &length); at += length)
    done = hash_expand(work.hash, work.key, label, made + at, length);
  return finish(env, &work, done, made, all);
}

bool add_hash_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "hasHash", NULL, has_hash, NULL, NULL, NULL, napi_enumerable, NULL },
    { "digest", NULL, digest, NULL, NULL, NULL, napi_enumerable, NULL },
    { "hmac", NULL, hmac, NULL, NULL, NULL, napi_enumerable, NULL },
    { "prf", NULL, prf, NULL, NULL, NULL, napi_enumerable, NULL },
    { "hkdfExpand", NULL, hkdf_expand, NULL, NULL, NULL, napi_enumerable, NULL },
    { "expandLabels", NULL, expand_labels, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
