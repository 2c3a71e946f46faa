#include "pairs.h"

#include "exchange.h"

bool pair_import(struct pair *pair, const struct openssl *ssl, const unsigned char *der, size_t length) {
  EVP_PKEY *key = NULL;
  const unsigned char *end = der;
  if (ssl->d2i_AutoPrivateKey_ex(&key, &end, (long)length, NULL, NULL) == NULL) {
    ssl->ERR_clear_error();
    return false;
  }
  *pair = (struct pair){ .ssl = ssl, .key = key, .group = group_of(ssl, key) };
  return true;
}

void pair_close(struct pair *pair) {
  if (pair->signer != NULL) pair->ssl->EVP_PKEY_CTX_free(pair->signer);
  pair->ssl->EVP_PKEY_free(pair->key);
  *pair = (struct pair){ 0 };
}
