/*
 * The key schedules of one algorithm, of the keys that were used last. OpenSSL's context of a key takes 1.2 KB, in twenty
 * lines of the processor's cache. With very many keys they come from memory, which takes longer than the 0.15 µs in which
 * a schedule is made anew. So a key is kept as its bytes alone, and the keys share some contexts.
 */
#ifndef DATAGRAM_TLS_SCHEDULES_H
#define DATAGRAM_TLS_SCHEDULES_H

#include "openssl.h"

#include <stdint.h>

/* AEADs for records, and what masks their numbers in DTLS 1.3 (RFC 9147 §4.2.3). */
enum kind { KIND_GCM, KIND_CCM, KIND_CHACHA, KIND_AES_MASK, KIND_CHACHA_MASK };

struct algorithm {
  const char *name;    /* the library's */
  const char *fetched; /* OpenSSL's */
  enum kind kind;
  size_t key_length;
  size_t tag_length;
};

enum direction { DIRECTION_OPEN = 0, DIRECTION_SEAL = 1, NO_DIRECTION };

enum { NONCE_LENGTH = 12, MAX_KEY_LENGTH = 32 };

struct schedule {
  EVP_CIPHER_CTX *context; /* NULL: not made yet */
  uint32_t place;          /* of its key */
  /* The one that it was used in last; NO_DIRECTION: it has no key. */
  enum direction direction;
};

/* The keys of two hundred open sessions, or their contexts, 300 KB. */
enum { RECENT_SCHEDULES = 256 };

struct schedules {
  const struct openssl *ssl;
  const struct algorithm *algorithm;
  EVP_CIPHER *fetched;
  struct schedule recent[RECENT_SCHEDULES];
};

/* NULL when this OpenSSL lacks the algorithm, or has no memory. */
struct schedules *schedules_new(const struct openssl *ssl, const struct algorithm *algorithm);
/* Does nothing for NULL. */
void schedules_free(struct schedules *schedules);

/*
 * The context of the key, for this direction and with a nonce unless that is NULL. No other key has the key's place before
 * schedule_forget. NULL when OpenSSL fails, which takes a lack of memory.
 */
EVP_CIPHER_CTX *schedule_of(struct schedules *schedules, uint32_t place, const unsigned char *key,
                            enum direction direction, const unsigned char *nonce);
/* The key at this place is closed. Its schedule is wiped, most cheaply by that of a key of zeros: the context is used again. */
void schedule_forget(struct schedules *schedules, uint32_t place);

#endif
