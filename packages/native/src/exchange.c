#include "exchange.h"

#include <string.h>

static const struct group KNOWN[GROUPS] = {
  { "x25519", "X25519", NULL, 253, 32, 32 },
  { "secp256r1", "EC", "P-256", 256, 65, 32 },
  { "secp384r1", "EC", "P-384", 384, 97, 48 },
  { "secp521r1", "EC", "P-521", 521, 133, 66 },
};

const struct group *group_named(const char *name) {
  for (size_t i = 0; i < GROUPS; i++) {
    if (strcmp(KNOWN[i].name, name) == 0) return &KNOWN[i];
  }
  return NULL;
}

const struct group *group_of(const struct openssl *ssl, const EVP_PKEY *key) {
  for (size_t i = 0; i < GROUPS; i++) {
    if (ssl->EVP_PKEY_is_a(key, KNOWN[i].type) == 1 && ssl->EVP_PKEY_get_bits(key) == KNOWN[i].bits)
      return &KNOWN[i];
  }
  return NULL;
}

static EVP_PKEY_CTX *new_generator(const struct openssl *ssl, const struct group *group) {
  EVP_PKEY_CTX *context = ssl->EVP_PKEY_CTX_new_from_name(NULL, group->type, NULL);
  bool done = context != NULL && ssl->EVP_PKEY_keygen_init(context) == 1 &&
              (group->curve == NULL || ssl->EVP_PKEY_CTX_set_group_name(context, group->curve) == 1);
  if (done) return context;
  ssl->EVP_PKEY_CTX_free(context);
  return NULL;
}

EVP_PKEY *exchange_generate(struct generators *generators, const struct openssl *ssl, const struct group *group) {
  EVP_PKEY_CTX **generator = &generators->of[group - KNOWN];
  EVP_PKEY *key = NULL;
  if (*generator == NULL) *generator = new_generator(ssl, group);
  if (*generator == NULL || ssl->EVP_PKEY_generate(*generator, &key) != 1) {
    ssl->ERR_clear_error();
    return NULL;
  }
  return key;
}

void generators_close(struct generators *generators, const struct openssl *ssl) {
  for (size_t i = 0; i < GROUPS; i++) {
    if (generators->of[i] != NULL) ssl->EVP_PKEY_CTX_free(generators->of[i]);
    if (generators->models[i] != NULL) ssl->EVP_PKEY_free(generators->models[i]);
    if (generators->peers[i] != NULL) ssl->EVP_PKEY_free(generators->peers[i]);
  }
  *generators = (struct generators){ 0 };
}

bool exchange_share(const struct openssl *ssl, const struct group *group, const EVP_PKEY *key, unsigned char *out) {
  size_t length = 0;
  bool done = ssl->EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", out, group->share_length, &length) == 1 &&
              length == group->share_length;
  if (!done) ssl->ERR_clear_error();
  return done;
}

/* RFC 8446 §4.2.8.2: only uncompressed points. */
enum { UNCOMPRESSED = 4 };

/* A key that has the group's parameters, for a share. NULL: OpenSSL failed. */
static EVP_PKEY *new_public(struct generators *generators, const struct openssl *ssl, const struct group *group) {
  EVP_PKEY **model = &generators->models[group - KNOWN];
  if (*model == NULL) *model = exchange_generate(generators, ssl, group);
  EVP_PKEY *key = *model == NULL ? NULL : ssl->EVP_PKEY_new();
  if (key != NULL && ssl->EVP_PKEY_copy_parameters(key, *model) == 1) return key;
  if (key != NULL) ssl->EVP_PKEY_free(key);
  return NULL;
}

/* False for what is no public value of the group. */
static bool fill_public(const struct openssl *ssl, const struct group *group, EVP_PKEY *key, const unsigned char *share) {
  return (group->curve == NULL || share[0] == UNCOMPRESSED) &&
         ssl->EVP_PKEY_set1_encoded_public_key(key, share, group->share_length) == 1;
}

EVP_PKEY *exchange_public(struct generators *generators, const struct openssl *ssl, const struct group *group,
                          const unsigned char *share) {
  EVP_PKEY *key = new_public(generators, ssl, group);
  if (key != NULL && fill_public(ssl, group, key, share)) return key;
  if (key != NULL) ssl->EVP_PKEY_free(key);
  ssl->ERR_clear_error();
  return NULL;
}

/* In constant time. */
static bool is_zero(const unsigned char *bytes, size_t length) {
  unsigned char seen = 0;
  for (size_t i = 0; i < length; i++) seen |= bytes[i];
  return seen == 0;
}

/* OpenSSL looks names up for each new key, so all shares of a group come into the same one. */
static EVP_PKEY *peer_of(struct generators *generators, const struct openssl *ssl, const struct group *group,
                         const unsigned char *share) {
  EVP_PKEY **peer = &generators->peers[group - KNOWN];
  if (*peer == NULL) *peer = new_public(generators, ssl, group);
  return *peer != NULL && fill_public(ssl, group, *peer, share) ? *peer : NULL;
}

bool exchange_derive(struct generators *generators, const struct openssl *ssl, const struct group *group, EVP_PKEY *key,
                     const unsigned char *share, unsigned char *out) {
  size_t length = group->secret_length;
  EVP_PKEY *peer = peer_of(generators, ssl, group, share);
  EVP_PKEY_CTX *context = peer == NULL ? NULL : ssl->EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  /* The point is on the curve, whose order is prime: to check its order too would cost as much as the exchange. */
  bool done = context != NULL && ssl->EVP_PKEY_derive_init(context) == 1 &&
              ssl->EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1 &&
              ssl->EVP_PKEY_derive(context, out, &length) == 1 && length == group->secret_length &&
              (group->curve != NULL || !is_zero(out, length));
  ssl->EVP_PKEY_CTX_free(context);
  if (!done) {
    ssl->OPENSSL_cleanse(out, group->secret_length);
    ssl->ERR_clear_error();
  }
  return done;
}

bool exchange_answer(struct generators *generators, const struct openssl *ssl, const struct group *group,
                     const unsigned char *share, unsigned char *out, unsigned char *secret) {
  EVP_PKEY *key = exchange_generate(generators, ssl, group);
  bool done = key != NULL && exchange_share(ssl, group, key, out) &&
              exchange_derive(generators, ssl, group, key, share, secret);
  if (key != NULL) ssl->EVP_PKEY_free(key);
  return done;
}
