/* A private or public key of an asymmetric algorithm. */
#ifndef DATAGRAM_TLS_PAIRS_H
#define DATAGRAM_TLS_PAIRS_H

#include "openssl.h"

struct pair {
  const struct openssl *ssl;
  EVP_PKEY *key;
  EVP_PKEY_CTX *signer; /* NULL: it has signed nothing yet */
  const struct group *group; /* NULL: no key exchange is possible with it, as with a public key */
};

/* PKCS#8 in DER. False for what is no such key, and without memory. */
bool pair_import(struct pair *pair, const struct openssl *ssl, const unsigned char *der, size_t length);
void pair_close(struct pair *pair);

#endif
