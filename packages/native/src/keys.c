#include "keys.h"

#include <stdlib.h>
#include <string.h>

/* A number is a generation, which counts the keys, and the place of the slot. */
enum { PLACE_BITS = 22, MAX_SLOTS = 1 << PLACE_BITS, FIRST_SLOTS = 16 };
#define NO_SLOT SIZE_MAX

/* No copy of a key stays behind, as it would with `realloc`. */
static bool grow(struct keys *keys, const struct openssl *ssl) {
  size_t capacity = keys->capacity == 0 ? FIRST_SLOTS : keys->capacity * 2;
  size_t size = keys->capacity * sizeof *keys->slots;
  struct key_slot *slots = capacity > MAX_SLOTS ? NULL : calloc(capacity, sizeof *slots);
  if (slots == NULL) return false;
  if (size > 0) {
    memcpy(slots, keys->slots, size);
    ssl->OPENSSL_cleanse(keys->slots, size);
    free(keys->slots);
  }
  for (size_t place = keys->capacity; place < capacity; place++)
    slots[place].next_free = place + 1 < capacity ? place + 1 : NO_SLOT;
  keys->first_free = keys->capacity;
  keys->slots = slots;
  keys->capacity = capacity;
  return true;
}

int64_t keys_open(struct keys *keys, const struct openssl *ssl, const struct algorithm *algorithm,
                  const unsigned char *key) {
  int64_t generation = keys->generation + 1;
  if (generation > MAX_KEY_NUMBER >> PLACE_BITS) return 0;
  if ((keys->capacity == 0 || keys->first_free == NO_SLOT) && !grow(keys, ssl)) return 0;
  size_t place = keys->first_free;
  struct key_slot *slot = &keys->slots[place];
  if (!cipher_open(&slot->cipher, ssl, algorithm, key)) return 0;
  keys->first_free = slot->next_free;
  keys->generation = generation;
  slot->number = generation << PLACE_BITS | (int64_t)place;
  return slot->number;
}

static struct key_slot *slot_of(struct keys *keys, int64_t number) {
  size_t place = (size_t)(number & (MAX_SLOTS - 1));
  return number > 0 && place < keys->capacity && keys->slots[place].number == number ? &keys->slots[place] : NULL;
}

struct cipher *keys_find(struct keys *keys, int64_t number) {
  struct key_slot *slot = slot_of(keys, number);
  return slot == NULL ? NULL : &slot->cipher;
}

bool keys_close(struct keys *keys, int64_t number) {
  struct key_slot *slot = slot_of(keys, number);
  if (slot == NULL) return false;
  cipher_close(&slot->cipher);
  slot->number = 0;
  slot->next_free = keys->first_free;
  keys->first_free = (size_t)(slot - keys->slots);
  return true;
}

void keys_close_all(struct keys *keys) {
  for (size_t place = 0; place < keys->capacity; place++) {
    if (keys->slots[place].number != 0) cipher_close(&keys->slots[place].cipher);
  }
  free(keys->slots);
  *keys = (struct keys){ 0 };
}
