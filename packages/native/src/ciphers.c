#include "ciphers.h"

#include <string.h>

static const struct algorithm KNOWN[ALGORITHMS] = {
  { "aes-128-gcm", "AES-128-GCM", KIND_GCM, 16, 16 },
  { "aes-256-gcm", "AES-256-GCM", KIND_GCM, 32, 16 },
  { "chacha20-poly1305", "ChaCha20-Poly1305", KIND_CHACHA, 32, 16 },
  { "aes-128-ccm", "AES-128-CCM", KIND_CCM, 16, 16 },
  { "aes-256-ccm", "AES-256-CCM", KIND_CCM, 32, 16 },
  { "aes-128-ccm-8", "AES-128-CCM", KIND_CCM, 16, 8 },
  { "aes-256-ccm-8", "AES-256-CCM", KIND_CCM, 32, 8 },
  { "aes-128-mask", "AES-128-ECB", KIND_AES_MASK, 16, 0 },
  { "aes-256-mask", "AES-256-ECB", KIND_AES_MASK, 32, 0 },
  { "chacha20-mask", "ChaCha20", KIND_CHACHA_MASK, 32, 0 },
};

const struct algorithm *algorithm_named(const char *name) {
  for (size_t i = 0; i < ALGORITHMS; i++) {
    if (strcmp(KNOWN[i].name, name) == 0) return &KNOWN[i];
  }
  return NULL;
}

const struct algorithm *mask_of(const struct algorithm *algorithm) {
  enum kind kind = algorithm->kind == KIND_CHACHA ? KIND_CHACHA_MASK : KIND_AES_MASK;
  for (size_t i = 0; i < ALGORITHMS; i++) {
    if (KNOWN[i].kind == kind && KNOWN[i].key_length == algorithm->key_length) return &KNOWN[i];
  }
  return NULL;
}

size_t algorithm_number(const struct algorithm *algorithm) {
  return (size_t)(algorithm - KNOWN);
}

bool cipher_open(struct cipher *cipher, struct schedules *schedules, uint32_t place, const unsigned char *key) {
  *cipher = (struct cipher){ .schedules = schedules, .place = place };
  memcpy(cipher->key, key, schedules->algorithm->key_length);
  if (schedule_of(schedules, place, cipher->key, DIRECTION_SEAL, NULL) != NULL) return true;
  cipher_close(cipher);
  schedules->ssl->ERR_clear_error();
  return false;
}

void cipher_close(struct cipher *cipher) {
  schedule_forget(cipher->schedules, cipher->place);
  cipher->schedules->ssl->OPENSSL_cleanse(cipher->key, sizeof cipher->key);
}

static OSSL_PARAM parameter(const char *name, const void *bytes, size_t length) {
  return (OSSL_PARAM){ name, OCTET_STRING, (void *)bytes, length, 0 };
}

/*
 * AES-GCM takes its nonce and the tag to check in one call, which costs OpenSSL 3.0 half of one for each. A length of -1 says that the
 * nonce is a whole one, as EVP_CTRL_GCM_SET_IV_FIXED does.
 */
static EVP_CIPHER_CTX *begin_gcm(const struct cipher *cipher, unsigned char *tag, const unsigned char *nonce) {
  enum direction direction = tag == NULL ? DIRECTION_SEAL : DIRECTION_OPEN;
  EVP_CIPHER_CTX *context = schedule_of(cipher->schedules, cipher->place, cipher->key, direction, NULL);
  OSSL_PARAM parameters[3] = { parameter("tlsivfixed", nonce, (size_t)-1) };
  if (tag != NULL) parameters[1] = parameter("tag", tag, cipher->schedules->algorithm->tag_length);
  return context != NULL && cipher->schedules->ssl->EVP_CIPHER_CTX_set_params(context, parameters) == 1 ? context
                                                                                                         : NULL;
}

/* The same for the other AEADs. */
static EVP_CIPHER_CTX *begin_other(const struct cipher *cipher, unsigned char *tag, const unsigned char *nonce) {
  enum direction direction = tag == NULL ? DIRECTION_SEAL : DIRECTION_OPEN;
  EVP_CIPHER_CTX *context = schedule_of(cipher->schedules, cipher->place, cipher->key, direction, nonce);
  if (context == NULL || tag == NULL) return context;
  int tag_length = (int)cipher->schedules->algorithm->tag_length;
  return cipher->schedules->ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_TAG, tag_length, tag) == 1 ? context : NULL;
}

/*
 * The context of one record, with what comes before its text; NULL when OpenSSL fails. `tag`: the one to check, or NULL to
 * make one.
 */
static EVP_CIPHER_CTX *begin(const struct cipher *cipher, unsigned char *tag, const unsigned char *nonce,
                             const unsigned char *aad, size_t aad_length, size_t length) {
  const struct openssl *ssl = cipher->schedules->ssl;
  const struct algorithm *algorithm = cipher->schedules->algorithm;
  EVP_CIPHER_CTX *context =
    algorithm->kind == KIND_GCM ? begin_gcm(cipher, tag, nonce) : begin_other(cipher, tag, nonce);
  int written;
  if (context == NULL) return NULL;
  /* CCM needs the length of the text before the associated data (RFC 3610 §2.2). */
  if (algorithm->kind == KIND_CCM && ssl->EVP_CipherUpdate(context, NULL, &written, NULL, (int)length) != 1)
    return NULL;
  bool done = aad_length == 0 || ssl->EVP_CipherUpdate(context, NULL, &written, aad, (int)aad_length) == 1;
  return done ? context : NULL;
}

bool cipher_seal(const struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                 unsigned char *text, size_t length) {
  const struct openssl *ssl = cipher->schedules->ssl;
  size_t tag_length = cipher->schedules->algorithm->tag_length;
  EVP_CIPHER_CTX *context = begin(cipher, NULL, nonce, aad, aad_length, length);
  int written = 0;
  OSSL_PARAM tag[2] = { parameter("tag", text + length, tag_length) };
  bool done = context != NULL && ssl->EVP_CipherUpdate(context, text, &written, text, (int)length) == 1 &&
              (size_t)written == length && ssl->EVP_CipherFinal_ex(context, text + length, &written) == 1 &&
              ssl->EVP_CIPHER_CTX_get_params(context, tag) == 1;
  if (!done) {
    ssl->OPENSSL_cleanse(text, length + tag_length);
    ssl->ERR_clear_error();
  }
  return done;
}

/* CCM checks the tag before it gives the text; the others give the text and check at the end. */
static bool unseal(const struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad,
                   size_t aad_length, const unsigned char *sealed, size_t length, unsigned char *tag,
                   unsigned char *out) {
  const struct openssl *ssl = cipher->schedules->ssl;
  EVP_CIPHER_CTX *context = begin(cipher, tag, nonce, aad, aad_length, length);
  int written = 0;
  return context != NULL && ssl->EVP_CipherUpdate(context, out, &written, sealed, (int)length) == 1 &&
         (size_t)written == length &&
         (cipher->schedules->algorithm->kind == KIND_CCM ||
          ssl->EVP_CipherFinal_ex(context, out + length, &written) == 1);
}

bool cipher_unseal(const struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *out) {
  const struct openssl *ssl = cipher->schedules->ssl;
  /* OpenSSL takes the tag as changeable memory, which the caller's is not. */
  unsigned char tag[MAX_TAG_LENGTH];
  memcpy(tag, sealed + length, cipher->schedules->algorithm->tag_length);
  if (unseal(cipher, nonce, aad, aad_length, sealed, length, tag, out)) return true;
  ssl->OPENSSL_cleanse(out, length);
  ssl->ERR_clear_error();
  return false;
}

bool cipher_mask(const struct cipher *cipher, const unsigned char *sample, unsigned char *out) {
  static const unsigned char zeros[SAMPLE_LENGTH];
  const struct openssl *ssl = cipher->schedules->ssl;
  bool is_stream = cipher->schedules->algorithm->kind == KIND_CHACHA_MASK;
  /* The sample of ChaCha20 is a counter and a nonce, as OpenSSL takes them; AES encrypts it. */
  const unsigned char *nonce = is_stream ? sample : NULL;
  EVP_CIPHER_CTX *context = schedule_of(cipher->schedules, cipher->place, cipher->key, DIRECTION_SEAL, nonce);
  int written = 0;
  return context != NULL &&
         ssl->EVP_CipherUpdate(context, out, &written, is_stream ? zeros : sample, SAMPLE_LENGTH) == 1 &&
         written == SAMPLE_LENGTH;
}
