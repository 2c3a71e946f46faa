#include "hashes.h"

#include <string.h>

static const struct {
  const char *fetched; /* OpenSSL's */
  size_t length;
  size_t block;
} KNOWN[HASHES] = { { "SHA2-256", 32, 64 }, { "SHA2-384", 48, 128 }, { "SHA2-512", 64, 128 } };

static bool open_hash(struct hash *hash, const struct openssl *ssl, size_t index) {
  /* The context has its own reference. */
  EVP_MD *md = ssl->EVP_MD_fetch(NULL, KNOWN[index].fetched, NULL);
  EVP_MD_CTX *context = ssl->EVP_MD_CTX_new();
  bool done = md != NULL && context != NULL && ssl->EVP_DigestInit_ex(context, md, NULL) == 1;
  ssl->EVP_MD_free(md);
  if (done) {
    *hash = (struct hash){ ssl, context, KNOWN[index].length, KNOWN[index].block };
  } else {
    ssl->EVP_MD_CTX_free(context);
    ssl->ERR_clear_error();
  }
  return done;
}

struct hash *hash_of_length(struct hashes *hashes, const struct openssl *ssl, size_t length) {
  for (size_t i = 0; i < HASHES; i++) {
    if (KNOWN[i].length != length) continue;
    struct hash *hash = &hashes->of[i];
    return hash->context != NULL || open_hash(hash, ssl, i) ? hash : NULL;
  }
  return NULL;
}

void hashes_close(struct hashes *hashes, const struct openssl *ssl) {
  for (size_t i = 0; i < HASHES; i++) {
    if (hashes->of[i].context != NULL) ssl->EVP_MD_CTX_free(hashes->of[i].context);
  }
  *hashes = (struct hashes){ 0 };
}

static bool update(struct hash *hash, const unsigned char *bytes, size_t length) {
  return length == 0 || hash->ssl->EVP_DigestUpdate(hash->context, bytes, length) == 1;
}

/* Wherever the last text ended. */
static bool begin(struct hash *hash) {
  return hash->ssl->EVP_DigestInit_ex(hash->context, NULL, NULL) == 1;
}

static bool end(struct hash *hash, unsigned char *out) {
  unsigned int written = 0;
  return hash->ssl->EVP_DigestFinal_ex(hash->context, out, &written) == 1 && written == hash->length;
}

static bool done_or_clear(struct hash *hash, bool done) {
  if (!done) hash->ssl->ERR_clear_error();
  return done;
}

bool hash_digest(struct hash *hash, const unsigned char *bytes, size_t length, unsigned char *out) {
  return done_or_clear(hash, begin(hash) && update(hash, bytes, length) && end(hash, out));
}

/* A key of HMAC, padded to a block for each of its two hashes. */
struct hmac {
  struct hash *hash;
  unsigned char inner[MAX_BLOCK_LENGTH];
  unsigned char outer[MAX_BLOCK_LENGTH];
};

enum { INNER_PAD = 0x36, OUTER_PAD = 0x5c };

static bool open_hmac(struct hmac *hmac, struct hash *hash, struct text key) {
  unsigned char padded[MAX_BLOCK_LENGTH] = { 0 };
  hmac->hash = hash;
  if (key.length > hash->block) {
    if (!hash_digest(hash, key.bytes, key.length, padded)) return false;
  } else {
    memcpy(padded, key.bytes, key.length);
  }
  for (size_t i = 0; i < hash->block; i++) {
    hmac->inner[i] = padded[i] ^ INNER_PAD;
    hmac->outer[i] = padded[i] ^ OUTER_PAD;
  }
  hash->ssl->OPENSSL_cleanse(padded, sizeof padded);
  return true;
}

static void close_hmac(struct hmac *hmac) {
  hmac->hash->ssl->OPENSSL_cleanse(hmac, sizeof *hmac);
}

/* Of the parts, one after the other; `out` may be one of them. */
static bool hmac_of(struct hmac *hmac, const struct text *parts, size_t count, unsigned char *out) {
  struct hash *hash = hmac->hash;
  unsigned char first[MAX_DIGEST_LENGTH];
  bool done = begin(hash) && update(hash, hmac->inner, hash->block);
  for (size_t i = 0; done && i < count; i++) done = update(hash, parts[i].bytes, parts[i].length);
  done = done && end(hash, first) && begin(hash) && update(hash, hmac->outer, hash->block) &&
         update(hash, first, hash->length) && end(hash, out);
  hash->ssl->OPENSSL_cleanse(first, sizeof first);
  return done_or_clear(hash, done);
}

bool hash_hmac(struct hash *hash, struct text key, struct text text, unsigned char *out) {
  struct hmac hmac;
  bool done = open_hmac(&hmac, hash, key) && hmac_of(&hmac, &text, 1, out);
  close_hmac(&hmac);
  return done;
}

/* The last block may be cut. */
static size_t give(const struct hash *hash, const unsigned char *block, unsigned char *out, size_t left) {
  size_t length = left < hash->length ? left : hash->length;
  memcpy(out, block, length);
  return length;
}

bool hash_prf(struct hash *hash, struct text secret, struct text seed, unsigned char *out, size_t length) {
  struct hmac hmac;
  unsigned char a[MAX_DIGEST_LENGTH], block[MAX_DIGEST_LENGTH];
  struct text input[] = { { a, hash->length }, seed };
  bool done = open_hmac(&hmac, hash, secret) && hmac_of(&hmac, &seed, 1, a);
  for (size_t at = 0; done && at < length;) {
    done = hmac_of(&hmac, input, 2, block);
    if (done) at += give(hash, block, out + at, length - at);
    if (done && at < length) done = hmac_of(&hmac, input, 1, a);
  }
  hash->ssl->OPENSSL_cleanse(a, sizeof a);
  hash->ssl->OPENSSL_cleanse(block, sizeof block);
  close_hmac(&hmac);
  return done;
}

bool hash_expand(struct hash *hash, struct text prk, struct text info, unsigned char *out, size_t length) {
  struct hmac hmac;
  unsigned char block[MAX_DIGEST_LENGTH], counter = 0;
  struct text input[] = { { block, 0 }, info, { &counter, 1 } };
  bool done = open_hmac(&hmac, hash, prk);
  for (size_t at = 0; done && at < length;) {
    counter++;
    done = hmac_of(&hmac, input, 3, block);
    input[0].length = hash->length;
    if (done) at += give(hash, block, out + at, length - at);
  }
  hash->ssl->OPENSSL_cleanse(block, sizeof block);
  close_hmac(&hmac);
  return done;
}
