/* The ciphers of records, and of their numbers, over EVP, without JavaScript. */
#ifndef DATAGRAM_TLS_CIPHERS_H
#define DATAGRAM_TLS_CIPHERS_H

#include "schedules.h"

enum { SAMPLE_LENGTH = 16, MAX_TAG_LENGTH = 16 };

/* The length of a CCM text has three bytes beside a nonce of twelve (RFC 3610 §2). No record comes near it. */
enum { MAX_TEXT_LENGTH = 0xffffff };

/* NULL for an unknown name. */
const struct algorithm *algorithm_named(const char *name);

/* That of the record numbers beside an AEAD (RFC 9147 §4.2.3). */
const struct algorithm *mask_of(const struct algorithm *algorithm);

/* The known algorithms are numbered from 0. */
enum { ALGORITHMS = 10 };
size_t algorithm_number(const struct algorithm *algorithm);

/* One key, which is wiped when it is closed. */
struct cipher {
  struct schedules *schedules;
  uint32_t place; /* no other open key of these schedules has it */
  unsigned char key[MAX_KEY_LENGTH];
};

/* False when OpenSSL has no memory. `key` has the algorithm's length. */
bool cipher_open(struct cipher *cipher, struct schedules *schedules, uint32_t place, const unsigned char *key);
void cipher_close(struct cipher *cipher);

/* Encrypts `length` bytes of `text` in place and writes the tag behind them. On failure both are wiped. */
bool cipher_seal(const struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                 unsigned char *text, size_t length);

/*
 * Decrypts `length` bytes of `sealed`, behind which its tag stands, into `out`, which is `sealed` itself or apart from
 * it. False for what is not authentic: `out` is wiped then.
 */
bool cipher_unseal(const struct cipher *cipher, const unsigned char *nonce, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *out);

/* `out` has SAMPLE_LENGTH bytes. */
bool cipher_mask(const struct cipher *cipher, const unsigned char *sample, unsigned char *out);

#endif
