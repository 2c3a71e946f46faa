#ifdef __linux__
#include "sockets.h"

#include <stdlib.h>

/* A number is a generation, which counts the sockets, and the place of the slot. */
enum { PLACE_BITS = 20, MAX_SLOTS = 1 << PLACE_BITS, FIRST_SLOTS = 4 };
#define MAX_GENERATION (INT64_C(0x1fffffffffffff) >> PLACE_BITS)

static bool grow(struct sockets *sockets) {
  size_t capacity = sockets->capacity == 0 ? FIRST_SLOTS : sockets->capacity * 2;
  struct socket_slot *slots = capacity > MAX_SLOTS ? NULL : realloc(sockets->slots, capacity * sizeof *slots);
  if (slots == NULL) return false;
  for (size_t place = sockets->capacity; place < capacity; place++) slots[place].number = 0;
  sockets->slots = slots;
  sockets->capacity = capacity;
  return true;
}

int64_t sockets_add(struct sockets *sockets, const struct datagram_socket *socket) {
  size_t place = 0;
  while (place < sockets->capacity && sockets->slots[place].number != 0) place++;
  if (sockets->generation == MAX_GENERATION || (place == sockets->capacity && !grow(sockets))) return 0;
  struct socket_slot *slot = &sockets->slots[place];
  slot->socket = *socket;
  slot->wakeup = NULL;
  slot->number = ++sockets->generation << PLACE_BITS | (int64_t)place;
  return slot->number;
}

struct socket_slot *sockets_find(const struct sockets *sockets, int64_t number) {
  size_t place = (size_t)(number & (MAX_SLOTS - 1));
  bool is_open = number > 0 && place < sockets->capacity && sockets->slots[place].number == number;
  return is_open ? &sockets->slots[place] : NULL;
}

static void close_slot(struct socket_slot *slot) {
  wakeup_close(slot->wakeup);
  datagrams_close(&slot->socket);
  slot->number = 0;
}

void sockets_close(struct sockets *sockets, int64_t number) {
  struct socket_slot *slot = sockets_find(sockets, number);
  if (slot != NULL) close_slot(slot);
}

void sockets_close_all(struct sockets *sockets) {
  for (size_t place = 0; place < sockets->capacity; place++) {
    if (sockets->slots[place].number != 0) close_slot(&sockets->slots[place]);
  }
  free(sockets->slots);
  receiver_free(sockets->receiver);
  *sockets = (struct sockets){ 0 };
}

#endif
