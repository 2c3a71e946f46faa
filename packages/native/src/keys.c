#include "keys.h"

#include <stdlib.h>
#include <string.h>

/* A number is a generation, which counts the keys, and the place of the slot. */
enum { PLACE_BITS = 22, MAX_SLOTS = 1 << PLACE_BITS, FIRST_SLOTS = 16 };
#define NO_SLOT UINT32_MAX

/* No copy of a key stays behind, as it would with `realloc`. */
static bool grow(struct keys *keys, const struct openssl *ssl) {
  uint32_t capacity = keys->capacity == 0 ? FIRST_SLOTS : keys->capacity * 2;
  size_t size = keys->capacity * sizeof *keys->slots;
  struct key_slot *slots = capacity > MAX_SLOTS ? NULL : calloc(capacity, sizeof *slots);
  if (slots == NULL) return false;
  if (size > 0) {
    memcpy(slots, keys->slots, size);
    ssl->OPENSSL_cleanse(keys->slots, size);
    free(keys->slots);
  }
  for (uint32_t place = keys->capacity; place < capacity; place++)
    slots[place].next_free = place + 1 < capacity ? place + 1 : NO_SLOT;
  keys->first_free = keys->capacity;
  keys->slots = slots;
  keys->capacity = capacity;
  return true;
}

/* NULL when no memory or number is left. The slot is free until it is taken. */
static struct key_slot *free_slot(struct keys *keys, const struct openssl *ssl) {
  if (keys->generation >= MAX_KEY_NUMBER >> PLACE_BITS) return NULL;
  if ((keys->capacity == 0 || keys->first_free == NO_SLOT) && !grow(keys, ssl)) return NULL;
  return &keys->slots[keys->first_free];
}

static int64_t take(struct keys *keys, struct key_slot *slot, enum key_kind kind) {
  int64_t place = slot - keys->slots;
  keys->first_free = slot->next_free;
  slot->kind = kind;
  slot->number = ++keys->generation << PLACE_BITS | place;
  return slot->number;
}

struct schedules *keys_schedules(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm) {
  struct schedules **schedules = &keys->schedules[algorithm_number(algorithm)];
  if (*schedules == NULL) *schedules = schedules_new(ssl, algorithm);
  return *schedules;
}

int64_t keys_open(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm,
                  const unsigned char *key) {
  struct schedules *schedules = keys_schedules(keys, ssl, algorithm);
  struct key_slot *slot = schedules == NULL ? NULL : free_slot(keys, ssl);
  if (slot == NULL || !cipher_open(&slot->cipher, schedules, keys->first_free, key)) return 0;
  return take(keys, slot, KEY_OF_CIPHER);
}

int64_t keys_open_records(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm,
                          bool encrypts_numbers, uint16_t epoch, const unsigned char *secrets) {
  struct schedules *schedules = keys_schedules(keys, ssl, algorithm);
  struct schedules *masks = encrypts_numbers ? keys_schedules(keys, ssl, mask_of(algorithm)) : NULL;
  bool has_all = schedules != NULL && (masks != NULL || !encrypts_numbers);
  struct key_slot *slot = has_all ? free_slot(keys, ssl) : NULL;
  if (slot == NULL) return 0;
  if (!record_key_open(&slot->records, schedules, masks, keys->first_free, epoch, secrets)) return 0;
  return take(keys, slot, KEY_OF_RECORDS);
}

int64_t keys_add_pair(struct keys *keys, const struct pair *pair) {
  struct key_slot *slot = free_slot(keys, pair->ssl);
  if (slot == NULL) {
    struct pair unused = *pair;
    pair_close(&unused);
    return 0;
  }
  slot->pair = *pair;
  return take(keys, slot, KEY_PAIR);
}

struct key_slot *keys_find(struct keys *keys, int64_t number) {
  size_t place = (size_t)(number & (MAX_SLOTS - 1));
  return number > 0 && place < keys->capacity && keys->slots[place].number == number ? &keys->slots[place] : NULL;
}

static void close_slot(struct key_slot *slot) {
  switch (slot->kind) {
    case KEY_OF_CIPHER:
      cipher_close(&slot->cipher);
      break;
    case KEY_OF_RECORDS:
      record_key_close(&slot->records);
      break;
    case KEY_PAIR:
      pair_close(&slot->pair);
      break;
  }
  slot->number = 0;
}

bool keys_close(struct keys *keys, int64_t number) {
  struct key_slot *slot = keys_find(keys, number);
  if (slot == NULL) return false;
  close_slot(slot);
  slot->next_free = keys->first_free;
  keys->first_free = (uint32_t)(slot - keys->slots);
  return true;
}

void keys_close_all(struct keys *keys) {
  for (uint32_t place = 0; place < keys->capacity; place++) {
    if (keys->slots[place].number != 0) close_slot(&keys->slots[place]);
  }
  free(keys->slots);
  for (size_t i = 0; i < ALGORITHMS; i++) schedules_free(keys->schedules[i]);
  *keys = (struct keys){ 0 };
}
