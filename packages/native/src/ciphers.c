#include "ciphers.h"

#include <string.h>

static const struct algorithm ALGORITHMS[] = {
  { "aes-128-gcm", "AES-128-GCM", KIND_GCM, 16, 16 },
  { "aes-256-gcm", "AES-256-GCM", KIND_GCM, 32, 16 },
  { "chacha20-poly1305", "ChaCha20-Poly1305", KIND_CHACHA, 32, 16 },
  { "aes-128-ccm", "AES-128-CCM", KIND_CCM, 16, 16 },
  { "aes-256-ccm", "AES-256-CCM", KIND_CCM, 32, 16 },
  { "aes-128-ccm-8", "AES-128-CCM", KIND_CCM, 16, 8 },
  { "aes-256-ccm-8", "AES-256-CCM", KIND_CCM, 32, 8 },
  { "aes-128-mask", "AES-128-ECB", KIND_AES_MASK, 16, 0 },
  { "aes-256-mask", "AES-256-ECB", KIND_AES_MASK, 32, 0 },
};

const struct algorithm *algorithm_named(const char *name) {
  for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++) {
    if (strcmp(ALGORITHMS[i].name, name) == 0) return &ALGORITHMS[i];
  }
  return NULL;
}

/* The parameters that belong before the key. */
static bool prepare(struct cipher *cipher, const EVP_CIPHER *fetched) {
  const struct openssl *ssl = cipher->ssl;
  EVP_CIPHER_CTX *context = cipher->context;
  if (ssl->EVP_CipherInit_ex(context, fetched, NULL, NULL, NULL, DIRECTION_SEAL) != 1) return false;
  switch (cipher->algorithm->kind) {
    case KIND_CCM:
      /* Both lengths stand in the first block. */
      return ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_IV_LENGTH, NONCE_LENGTH, NULL) == 1 &&
             ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_TAG, (int)cipher->algorithm->tag_length, NULL) == 1;
    case KIND_AES_MASK:
      /* Each sample is one block. */
      return ssl->EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    default:
      return true;
  }
}

static bool set_direction(struct cipher *cipher, enum direction direction) {
  cipher->direction = direction;
  return cipher->ssl->EVP_CipherInit_ex(cipher->context, NULL, NULL, cipher->key, NULL, direction) == 1;
}

bool cipher_open(struct cipher *cipher, const struct openssl *ssl, const struct algorithm *algorithm,
                 const unsigned char *key) {
  *cipher = (struct cipher){ .ssl = ssl, .algorithm = algorithm, .context = ssl->EVP_CIPHER_CTX_new() };
  memcpy(cipher->key, key, algorithm->key_length);
  /* The context has its own reference. */
  EVP_CIPHER *fetched = ssl->EVP_CIPHER_fetch(NULL, algorithm->fetched, NULL);
  bool done = cipher->context != NULL && fetched != NULL && prepare(cipher, fetched) &&
              set_direction(cipher, DIRECTION_SEAL);
  ssl->EVP_CIPHER_free(fetched);
  if (!done) {
    cipher_close(cipher);
    ssl->ERR_clear_error();
  }
  return done;
}

void cipher_close(struct cipher *cipher) {
  cipher->ssl->EVP_CIPHER_CTX_free(cipher->context);
  cipher->context = NULL;
  cipher->ssl->OPENSSL_cleanse(cipher->key, sizeof cipher->key);
}

/* What comes before the text of one record. The key stays. `tag`: the one to check, or NULL to make one. */
static bool begin(struct cipher *cipher, unsigned char *tag, const unsigned char *nonce, const unsigned char *aad,
                  size_t aad_length, size_t length) {
  const struct openssl *ssl = cipher->ssl;
  EVP_CIPHER_CTX *context = cipher->context;
  int tag_length = (int)cipher->algorithm->tag_length;
  enum direction direction = tag == NULL ? DIRECTION_SEAL : DIRECTION_OPEN;
  int written;
  if (direction != cipher->direction && !set_direction(cipher, direction)) return false;
  if (ssl->EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, direction) != 1) return false;
  if (tag != NULL && ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_TAG, tag_length, tag) != 1) return false;
  /* CCM needs the length of the text before the associated data (RFC 3610 §2.2). */
  if (cipher->algorithm->kind == KIND_CCM &&
      ssl->EVP_CipherUpdate(context, NULL, &written, NULL, (int)length) != 1)
    return false;
  return aad_length == 0 || ssl->EVP_CipherUpdate(context, NULL, &written, aad, (int)aad_length) == 1;
}

bool cipher_seal(struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                 unsigned char *text, size_t length) {
  const struct openssl *ssl = cipher->ssl;
  size_t tag_length = cipher->algorithm->tag_length;
  int written = 0;
  bool done = begin(cipher, NULL, nonce, aad, aad_length, length) &&
              ssl->EVP_CipherUpdate(cipher->context, text, &written, text, (int)length) == 1 &&
              (size_t)written == length && ssl->EVP_CipherFinal_ex(cipher->context, text + length, &written) == 1 &&
              ssl->EVP_CIPHER_CTX_ctrl(cipher->context, AEAD_GET_TAG, (int)tag_length, text + length) == 1;
  if (!done) {
    ssl->OPENSSL_cleanse(text, length + tag_length);
    ssl->ERR_clear_error();
  }
  return done;
}

/* CCM checks the tag before it gives the text; the others give the text and check at the end. */
static bool unseal(struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *tag, unsigned char *out) {
  const struct openssl *ssl = cipher->ssl;
  int written = 0;
  return begin(cipher, tag, nonce, aad, aad_length, length) &&
         ssl->EVP_CipherUpdate(cipher->context, out, &written, sealed, (int)length) == 1 &&
         (size_t)written == length &&
         (cipher->algorithm->kind == KIND_CCM ||
          ssl->EVP_CipherFinal_ex(cipher->context, out + length, &written) == 1);
}

bool cipher_unseal(struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *out) {
  /* OpenSSL takes the tag as changeable memory, which the caller's is not. */
  unsigned char tag[MAX_TAG_LENGTH];
  memcpy(tag, sealed + length, cipher->algorithm->tag_length);
  if (unseal(cipher, nonce, aad, aad_length, sealed, length, tag, out)) return true;
  cipher->ssl->OPENSSL_cleanse(out, length);
  cipher->ssl->ERR_clear_error();
  return false;
}

bool cipher_mask(struct cipher *cipher, const unsigned char *sample, unsigned char *out) {
  int written = 0;
  return cipher->ssl->EVP_CipherUpdate(cipher->context, out, &written, sample, SAMPLE_LENGTH) == 1 &&
         written == SAMPLE_LENGTH;
}
