/*
 * The open keys of one environment (the main thread, or a worker). JavaScript has a number for each, which is never
 * used again: a number that is wrong or of a closed key finds nothing, and no pointer comes from outside.
 */
#ifndef DATAGRAM_TLS_KEYS_H
#define DATAGRAM_TLS_KEYS_H

#include "pairs.h"
#include "records.h"

#include <stdint.h>

enum key_kind { KEY_OF_CIPHER, KEY_OF_RECORDS, KEY_PAIR };

/* 136 bytes: two keys of records of each session are in memory, and some of them in the processor's cache. */
struct key_slot {
  int64_t number; /* 0: free */
  enum key_kind kind;
  uint32_t next_free;
  union {
    struct cipher cipher;
    struct record_key records;
    struct pair pair;
  };
};

struct keys {
  /* NULL: no key of this algorithm was open yet. */
  struct schedules *schedules[ALGORITHMS];
  struct key_slot *slots;
  uint32_t capacity;
  uint32_t first_free;
  int64_t generation;
};

/* Numbers stay exact in JavaScript. */
#define MAX_KEY_NUMBER INT64_C(0x1fffffffffffff)

/* Those of an algorithm. NULL when this OpenSSL lacks it, or has no memory. */
struct schedules *keys_schedules(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm);
/* A place in schedules that no open key has: of a key that is closed before anything else happens. */
#define ONE_TIME_PLACE UINT32_MAX

/* 0 when this OpenSSL lacks the algorithm, or no memory or number is left. `key` has the algorithm's length. */
int64_t keys_open(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm,
                  const unsigned char *key);
/* The same for records. `secrets`: as long as `record_secrets_length` says. 0 also for an AEAD that has no records of that kind. */
int64_t keys_open_records(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm,
                          bool encrypts_numbers, uint16_t epoch, const unsigned char *secrets);
/* 0 when no memory or number is left; the pair is closed then. */
int64_t keys_add_pair(struct keys *keys, const struct pair *pair);
/* NULL for a number that no open key has. The key stays where it is until the next one is opened. */
struct key_slot *keys_find(struct keys *keys, int64_t number);
/* False for a number that no open key has. */
bool keys_close(struct keys *keys, int64_t number);
void keys_close_all(struct keys *keys);

#endif
