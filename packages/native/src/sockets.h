/*
 * The open sockets of one environment. As with keys, JavaScript has a number for each, which is never used again: one
 * that is wrong or of a closed socket finds nothing.
 */
#ifndef DATAGRAM_TLS_SOCKETS_H
#define DATAGRAM_TLS_SOCKETS_H

#include "datagrams.h"
#include "wakeups.h"

struct socket_slot {
  struct datagram_socket socket;
  struct wakeup *wakeup; /* NULL: nothing waits */
  int64_t number; /* 0: free */
};

struct sockets {
  struct socket_slot *slots;
  size_t capacity;
  int64_t generation;
  struct receiver *receiver; /* NULL before it is needed */
};

/* 0: no memory or number is left. Takes `socket` over. */
int64_t sockets_add(struct sockets *sockets, const struct datagram_socket *socket);
/* NULL for a number that no open socket has. The socket stays where it is until the next `sockets_add`. */
struct socket_slot *sockets_find(const struct sockets *sockets, int64_t number);
/* Does nothing for a number that no open socket has. */
void sockets_close(struct sockets *sockets, int64_t number);
void sockets_close_all(struct sockets *sockets);

#endif
