#include "signatures.h"

static const struct scheme KNOWN[] = {
  { 0x0403, "EC", 32 },
  { 0x0503, "EC", 48 },
  { 0x0603, "EC", 64 },
  { 0x0807, "ED25519", 0 },
};

const struct scheme *scheme_of(int code) {
  for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
    if (KNOWN[i].code == code) return &KNOWN[i];
  }
  return NULL;
}

bool scheme_fits(const struct scheme *scheme, const struct pair *pair) {
  return pair->ssl->EVP_PKEY_is_a(pair->key, scheme->type) == 1;
}

static bool verify_ecdsa(const struct pair *pair, struct hashes *hashes, const struct scheme *scheme,
                         struct text text, struct text signature) {
  const struct openssl *ssl = pair->ssl;
  unsigned char digest[MAX_DIGEST_LENGTH];
  struct hash *hash = hash_of_length(hashes, ssl, scheme->digest_length);
  if (hash == NULL || !hash_digest(hash, text.bytes, text.length, digest)) return false;
  EVP_PKEY_CTX *context = ssl->EVP_PKEY_CTX_new_from_pkey(NULL, pair->key, NULL);
  bool done = context != NULL && ssl->EVP_PKEY_verify_init(context) == 1 &&
              ssl->EVP_PKEY_verify(context, signature.bytes, signature.length, digest, hash->length) == 1;
  ssl->EVP_PKEY_CTX_free(context);
  return done;
}

/* It is made once for a key: with its names to look up it costs as much as a third of a signature. */
static EVP_PKEY_CTX *signer_of(struct pair *pair) {
  const struct openssl *ssl = pair->ssl;
  if (pair->signer != NULL) return pair->signer;
  EVP_PKEY_CTX *context = ssl->EVP_PKEY_CTX_new_from_pkey(NULL, pair->key, NULL);
  if (context != NULL && ssl->EVP_PKEY_sign_init(context) == 1) {
    pair->signer = context;
  } else {
    ssl->EVP_PKEY_CTX_free(context);
  }
  return pair->signer;
}

size_t signature_make(struct pair *pair, struct hashes *hashes, const struct scheme *scheme, struct text text,
                      unsigned char *out) {
  const struct openssl *ssl = pair->ssl;
  unsigned char digest[MAX_DIGEST_LENGTH];
  size_t length = MAX_SIGNATURE_LENGTH;
  if (scheme->digest_length == 0) return 0;
  struct hash *hash = hash_of_length(hashes, ssl, scheme->digest_length);
  EVP_PKEY_CTX *signer = hash == NULL ? NULL : signer_of(pair);
  if (signer != NULL && hash_digest(hash, text.bytes, text.length, digest) &&
      ssl->EVP_PKEY_sign(signer, out, &length, digest, hash->length) == 1)
    return length;
  ssl->ERR_clear_error();
  return 0;
}

/* EdDSA hashes the message behind other bytes, so it takes all of it. */
static bool verify_eddsa(const struct pair *pair, struct text text, struct text signature) {
  const struct openssl *ssl = pair->ssl;
  EVP_MD_CTX *context = ssl->EVP_MD_CTX_new();
  bool done = context != NULL &&
              ssl->EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, pair->key, NULL) == 1 &&
              ssl->EVP_DigestVerify(context, signature.bytes, signature.length, text.bytes, text.length) == 1;
  ssl->EVP_MD_CTX_free(context);
  return done;
}

bool signature_verify(const struct pair *pair, struct hashes *hashes, const struct scheme *scheme, struct text text,
                      struct text signature) {
  bool done = scheme->digest_length == 0 ? verify_eddsa(pair, text, signature)
                                         : verify_ecdsa(pair, hashes, scheme, text, signature);
  if (!done) pair->ssl->ERR_clear_error();
  return done;
}
