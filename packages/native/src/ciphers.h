/* The ciphers of records over EVP, without JavaScript. One key schedule serves all records of a key. */
#ifndef DATAGRAM_TLS_CIPHERS_H
#define DATAGRAM_TLS_CIPHERS_H

#include "openssl.h"

enum { NONCE_LENGTH = 12, SAMPLE_LENGTH = 16, MAX_KEY_LENGTH = 32, MAX_TAG_LENGTH = 16 };

/* The length of a CCM text has three bytes beside a nonce of twelve (RFC 3610 §2). No record comes near it. */
enum { MAX_TEXT_LENGTH = 0xffffff };

/*
 * AEADs for records, and AES for the masks of their numbers in DTLS 1.3 (RFC 9147 §4.2.3). A mask of ChaCha20 costs
 * JavaScript no more than a call of this module.
 */
enum kind { KIND_GCM, KIND_CCM, KIND_CHACHA, KIND_AES_MASK };

struct algorithm {
  const char *name;     /* the library's */
  const char *fetched;  /* OpenSSL's */
  enum kind kind;
  size_t key_length;
  size_t tag_length;
};

/* NULL for an unknown name. */
const struct algorithm *algorithm_named(const char *name);

enum direction { DIRECTION_OPEN = 0, DIRECTION_SEAL = 1 };

/* One key, which is wiped when it is closed. */
struct cipher {
  const struct openssl *ssl;
  const struct algorithm *algorithm;
  EVP_CIPHER_CTX *context;
  /* The context is made for one direction: OpenSSL chooses functions by it. A key of a record has only one. */
  enum direction direction;
  unsigned char key[MAX_KEY_LENGTH];
};

/* False when this OpenSSL lacks the algorithm, or has no memory. `key` has the algorithm's length. */
bool cipher_open(struct cipher *cipher, const struct openssl *ssl, const struct algorithm *algorithm,
                 const unsigned char *key);
void cipher_close(struct cipher *cipher);

/* Encrypts `length` bytes of `text` in place and writes the tag behind them. On failure both are wiped. */
bool cipher_seal(struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                 unsigned char *text, size_t length);

/*
 * Decrypts `length` bytes of `sealed`, behind which its tag stands, into `out`, which is `sealed` itself or apart from
 * it. False for what is not authentic: `out` is wiped then.
 */
bool cipher_unseal(struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *out);

/* `out` has SAMPLE_LENGTH bytes. */
bool cipher_mask(struct cipher *cipher, const unsigned char *sample, unsigned char *out);

#endif
