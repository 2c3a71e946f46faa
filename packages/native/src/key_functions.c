#include "key_functions.h"

#include "ownership.h"

#include <string.h>

enum { MAX_NAME_LENGTH = 32 };

const struct algorithm *read_algorithm(napi_env env, napi_value value) {
  char name[MAX_NAME_LENGTH];
  size_t length;
  if (napi_get_value_string_latin1(env, value, name, sizeof name, &length) != napi_ok) {
    refuse_type(env, "name", "must be of type string");
    return NULL;
  }
  const struct algorithm *algorithm = algorithm_named(name);
  if (algorithm != NULL && strlen(algorithm->name) == length) return algorithm;
  refuse_value(env, "name", "is no algorithm");
  return NULL;
}

static napi_value create_key(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[3];
  struct bytes key;
  if (!read_arguments(env, info, 3, values) || !read_owner(env, values[0])) return NULL;
  const struct algorithm *algorithm = read_algorithm(env, values[1]);
  if (algorithm == NULL || !read_bytes_of(env, values[2], "key", algorithm->key_length, &key)) return NULL;
  if (!environment->has_ssl) return NULL;
  int64_t number = keys_open(&environment->keys, &environment->ssl, algorithm, key.data);
  return give_key(env, values[0], number, CIPHER_MEMORY);
}

/* NULL: it has thrown. `seals`: a key for texts, not for masks. */
static const struct cipher *read_cipher(napi_env env, napi_value value, bool seals) {
  struct key_slot *slot = read_key(env, value, KEY_OF_CIPHER);
  if (slot == NULL) return NULL;
  if ((slot->cipher.schedules->algorithm->tag_length > 0) == seals) return &slot->cipher;
  refuse_value(env, "key", "is for another purpose");
  return NULL;
}

/* OpenSSL failed with good arguments, which takes a lack of memory. */
static napi_value cipher_failed(napi_env env) {
  napi_throw_error(env, "ERR_CRYPTO_OPERATION_FAILED", "OpenSSL failed");
  return NULL;
}

static napi_value seal(napi_env env, napi_callback_info info) {
  napi_value values[6];
  struct bytes nonce, aad, bytes;
  int64_t offset, length;
  if (!read_arguments(env, info, 6, values)) return NULL;
  const struct cipher *cipher = read_cipher(env, values[0], true);
  if (cipher == NULL || !read_bytes_of(env, values[1], "nonce", NONCE_LENGTH, &nonce) ||
      !read_bytes(env, values[2], "aad", &aad) || !read_bytes(env, values[3], "bytes", &bytes) ||
      !read_number(env, values[4], "offset", MAX_TEXT_LENGTH, &offset) ||
      !read_number(env, values[5], "length", MAX_TEXT_LENGTH, &length))
    return NULL;
  if (aad.length > MAX_TEXT_LENGTH) {
    refuse_range(env, "aad", "is too long");
    return NULL;
  }
  if ((uint64_t)offset + (uint64_t)length + cipher->schedules->algorithm->tag_length > bytes.length) {
    refuse_range(env, "bytes", "has no room for the text and its tag");
    return NULL;
  }
  if (!cipher_seal(cipher, nonce.data, aad.data, aad.length, bytes.data + offset, (size_t)length))
    return cipher_failed(env);
  return NULL;
}

/* OpenSSL's modes read behind where they write: in place, or apart, is what they can. */
static bool is_apart(const unsigned char *in, const unsigned char *out, size_t length) {
  uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
  return a == b || a + length <= b || b + length <= a;
}

static napi_value open_sealed(napi_env env, napi_callback_info info) {
  napi_value values[5], answer;
  struct bytes nonce, aad, sealed, out;
  if (!read_arguments(env, info, 5, values)) return NULL;
  const struct cipher *cipher = read_cipher(env, values[0], true);
  if (cipher == NULL || !read_bytes_of(env, values[1], "nonce", NONCE_LENGTH, &nonce) ||
      !read_bytes(env, values[2], "aad", &aad) || !read_bytes(env, values[3], "sealed", &sealed) ||
      !read_bytes(env, values[4], "out", &out))
    return NULL;
  size_t tag_length = cipher->schedules->algorithm->tag_length;
  if (aad.length > MAX_TEXT_LENGTH || sealed.length > MAX_TEXT_LENGTH) {
    refuse_range(env, "sealed", "is too long");
    return NULL;
  }
  size_t length = sealed.length < tag_length ? 0 : sealed.length - tag_length;
  if (out.length < length) {
    refuse_range(env, "out", "has no room for the text");
    return NULL;
  }
  if (!is_apart(sealed.data, out.data, length)) {
    refuse_value(env, "out", "overlaps the sealed text");
    return NULL;
  }
  bool is_authentic = sealed.length >= tag_length && cipher_unseal(cipher, nonce.data, aad.data, aad.length,
                                                                   sealed.data, length, out.data);
  return napi_get_boolean(env, is_authentic, &answer) == napi_ok ? answer : NULL;
}

/* NULL: it has thrown. */
static struct record_key *read_record_key(napi_env env, napi_value value) {
  struct key_slot *slot = read_key(env, value, KEY_OF_RECORDS);
  return slot == NULL ? NULL : &slot->records;
}

static napi_value create_record_key(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  napi_value values[4];
  struct bytes secrets;
  int64_t epoch;
  if (!read_arguments(env, info, 4, values) || !read_owner(env, values[0])) return NULL;
  const struct algorithm *algorithm = read_algorithm(env, values[1]);
  if (algorithm == NULL || !read_number(env, values[2], "epoch", UINT16_MAX, &epoch) ||
      !read_bytes(env, values[3], "secrets", &secrets))
    return NULL;
  if (algorithm->tag_length == 0) {
    refuse_value(env, "name", "is no AEAD");
    return NULL;
  }
  bool encrypts_numbers = secrets.length == record_secrets_length(algorithm, true);
  if (!encrypts_numbers && secrets.length != record_secrets_length(algorithm, false)) {
    refuse_range(env, "secrets", "has the wrong length");
    return NULL;
  }
  if (!environment->has_ssl) return NULL;
  int64_t number = keys_open_records(&environment->keys, &environment->ssl, algorithm, encrypts_numbers,
                                     (uint16_t)epoch, secrets.data);
  return give_key(env, values[0], number, CIPHER_MEMORY);
}

static napi_value use_connection_id(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct bytes cid;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct record_key *key = read_record_key(env, values[0]);
  if (key == NULL || !read_bytes(env, values[1], "cid", &cid)) return NULL;
  if (cid.length > MAX_CID_LENGTH) {
    refuse_range(env, "cid", "is too long");
    return NULL;
  }
  if (!record_use_cid(key, cid.data, cid.length)) failed(env);
  return NULL;
}

static napi_value seal_record(napi_env env, napi_callback_info info) {
  napi_value values[6];
  struct bytes bytes;
  int64_t type, sequence, offset, length;
  if (!read_arguments(env, info, 6, values)) return NULL;
  const struct record_key *key = read_record_key(env, values[0]);
  if (key == NULL || !read_number(env, values[1], "type", UINT8_MAX, &type) ||
      !read_number(env, values[2], "sequence", MAX_RECORD_NUMBER, &sequence) ||
      !read_bytes(env, values[3], "bytes", &bytes) ||
      !read_number(env, values[4], "offset", MAX_TEXT_LENGTH, &offset) ||
      !read_number(env, values[5], "length", MAX_CONTENT_LENGTH, &length))
    return NULL;
  if ((uint64_t)(offset + length) + record_overhead(key) > bytes.length) {
    refuse_range(env, "bytes", "has no room for the record");
    return NULL;
  }
  if (!record_seal(key, (unsigned char)type, sequence, bytes.data + offset, (size_t)length))
    return cipher_failed(env);
  return NULL;
}

/* As key_functions.h says. */
static int64_t told(enum record_result result, int64_t expected, const struct opened_record *opened) {
  switch (result) {
    case RECORD_OPENED:
      return (opened->sequence - expected) * 0x800000 + (int64_t)(opened->length << 8 | opened->type);
    case RECORD_OLDER:
      return opened->sequence - expected - 1;
    default:
      return -1;
  }
}

static napi_value open_record(napi_env env, napi_callback_info info) {
  napi_value values[8], answer;
  struct bytes bytes, out;
  int64_t expected, start, body_start, end, at;
  if (!read_arguments(env, info, 8, values)) return NULL;
  const struct record_key *key = read_record_key(env, values[0]);
  if (key == NULL || !read_number(env, values[1], "expected", MAX_RECORD_NUMBER + 1, &expected) ||
      !read_bytes(env, values[2], "bytes", &bytes) ||
      !read_number(env, values[3], "start", MAX_TEXT_LENGTH, &start) ||
      !read_number(env, values[4], "bodyStart", MAX_TEXT_LENGTH, &body_start) ||
      !read_number(env, values[5], "end", MAX_TEXT_LENGTH, &end) || !read_bytes(env, values[6], "out", &out) ||
      !read_number(env, values[7], "at", MAX_TEXT_LENGTH, &at))
    return NULL;
  const unsigned char *record = bytes.data + start;
  struct record_text text;
  if (start > body_start || body_start > end || (uint64_t)end > bytes.length ||
      !record_find_text(key, record, (size_t)(body_start - start), (size_t)(end - body_start), &text)) {
    refuse_range(env, "end", "is of no record");
    return NULL;
  }
  if ((uint64_t)at + text.length > out.length) {
    refuse_range(env, "out", "has no room for the text");
    return NULL;
  }
  if (!is_apart(record + text.at, out.data + at, text.length)) {
    refuse_value(env, "out", "overlaps the sealed text");
    return NULL;
  }
  struct opened_record opened;
  enum record_result result =
    record_open(key, expected, record, (size_t)(body_start - start), text, out.data + at, &opened);
  return napi_create_int64(env, told(result, expected, &opened), &answer) == napi_ok ? answer : NULL;
}

static napi_value mask(napi_env env, napi_callback_info info) {
  napi_value values[3];
  struct bytes sample, out;
  if (!read_arguments(env, info, 3, values)) return NULL;
  const struct cipher *cipher = read_cipher(env, values[0], false);
  if (cipher == NULL || !read_bytes_of(env, values[1], "sample", SAMPLE_LENGTH, &sample) ||
      !read_bytes_of(env, values[2], "out", SAMPLE_LENGTH, &out))
    return NULL;
  /* Through memory of its own: the two arrays may overlap. */
  unsigned char made[SAMPLE_LENGTH];
  if (!cipher_mask(cipher, sample.data, made)) return cipher_failed(env);
  memcpy(out.data, made, sizeof made);
  return NULL;
}

static napi_value close_key(napi_env env, napi_callback_info info) {
  napi_value value;
  int64_t number;
  if (!read_arguments(env, info, 1, &value) || !read_number(env, value, "key", MAX_KEY_NUMBER, &number))
    return NULL;
  keys_close(&environment_of(env)->keys, number);
  return NULL;
}

bool add_key_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "createKey", NULL, create_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "seal", NULL, seal, NULL, NULL, NULL, napi_enumerable, NULL },
    { "open", NULL, open_sealed, NULL, NULL, NULL, napi_enumerable, NULL },
    { "createRecordKey", NULL, create_record_key, NULL, NULL, NULL, napi_enumerable, NULL },
    { "useConnectionId", NULL, use_connection_id, NULL, NULL, NULL, napi_enumerable, NULL },
    { "sealRecord", NULL, seal_record, NULL, NULL, NULL, napi_enumerable, NULL },
    { "openRecord", NULL, open_record, NULL, NULL, NULL, napi_enumerable, NULL },
    { "mask", NULL, mask, NULL, NULL, NULL, napi_enumerable, NULL },
    { "closeKey", NULL, close_key, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
