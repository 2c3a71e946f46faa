/*
 * UDP sockets whose datagrams come and go in batches, without JavaScript; Linux alone. A socket belongs to this module:
 * no other code knows its descriptor, so that none closes it or puts another file in its place but by force.
 */
#ifndef DATAGRAM_TLS_DATAGRAMS_H
#define DATAGRAM_TLS_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as the kernel has it, `sockaddr_in` or `sockaddr_in6`, in so many bytes; the rest are zeros. */
enum { NAME_LENGTH = 28 };

/* The longest datagram of UDP has 65,527 bytes (IPv6). */
enum { MAX_DATAGRAM = 0xffff };

/* Datagrams that are received at once, as many as libuv takes in a turn, and where they are written: entries, then room for each. */
enum {
  MAX_RECEIVED = 32,
  RECEIVED_ENTRY = 4 + NAME_LENGTH, /* uint32_t length; the sender */
  /* Not a power of two: datagrams would share the same sets of the processor's caches. */
  RECEIVED_ROOM = 0x10000 + 192,
  RECEIVED_LENGTH = MAX_RECEIVED * (RECEIVED_ENTRY + RECEIVED_ROOM)
};

/* Datagrams that are sent at once: an error, addresses, entries, then the bytes of the datagrams. */
enum {
  MAX_SENT = 256,
  MAX_NAMES = 1024,
  SENT_HEADER = 32, /* uint32_t error */
  SENT_NAME = 32,
  /* Each uint32_t: length; number of the address, or NO_NAME; offset among the bytes; what the caller knows it by. */
  SENT_ENTRY = 16,
  SENT_BYTES = 0x20000,
  SENT_LENGTH = SENT_HEADER + MAX_NAMES * SENT_NAME + MAX_SENT * SENT_ENTRY + SENT_BYTES
};

/* To the one peer of a connected socket. */
#define NO_NAME UINT32_MAX

enum { FLAG_IPV6_ONLY = 1, FLAG_REUSE_PORT = 2, ALL_FLAGS = 3 };

struct datagram_socket {
  int descriptor; /* -1: closed */
  int family;
  /* The kernel cuts a long datagram into segments of one length (UDP_SEGMENT, Linux 4.18). */
  bool segments;
  /* The file that the descriptor is of. */
  uint64_t device, inode;
};

/* Each returns 0 or an error of the system. `address` is an IP literal. */
int datagrams_open(struct datagram_socket *socket, const char *address, uint16_t port, int flags);
/* Closes no file that other code has put in its place. */
void datagrams_close(struct datagram_socket *socket);
/* The address that it is bound to; writes NAME_LENGTH bytes. */
int datagrams_own_name(const struct datagram_socket *socket, unsigned char *name);
/* It has one peer from now on: the kernel drops datagrams of others. `name`: NAME_LENGTH bytes. */
int datagrams_connect(struct datagram_socket *socket, const unsigned char *name);

enum datagram_option { TIME_TO_LIVE, RECEIVE_BUFFER, SEND_BUFFER, MIN_RECEIVE_BUFFER, DATAGRAM_OPTIONS };
int datagrams_set(const struct datagram_socket *socket, enum datagram_option option, int value);

/* Other code has not closed its descriptor, nor put another file in its place. */
bool datagrams_is_intact(const struct datagram_socket *socket);

struct receiver;

/*
 * Receives up to `most` datagrams, without waiting. `memory` has RECEIVED_LENGTH bytes. The length of a datagram that
 * was cut to its room is greater than RECEIVED_ROOM. A receiver serves any sockets and any memory; it is fastest where the
 * memory is that of the last call.
 */
int datagrams_receive(const struct datagram_socket *socket, struct receiver *receiver, unsigned char *memory,
                      size_t most, size_t *received);
/* NULL: no memory. */
struct receiver *receiver_new(void);
void receiver_free(struct receiver *receiver);

/*
 * Sends the datagrams of the entries from `*at` to `end`, as many as the system takes now. `memory` has SENT_LENGTH
 * bytes. `*at` is behind the last one that was sent; the error is that of the one there. The entries are put in order
 * first: those of one address together, where its first one stood, so that more of them go as one.
 */
int datagrams_send(struct datagram_socket *socket, unsigned char *memory, size_t *at, size_t end);

/* Whether all entries from 0 to `end` are of datagrams and addresses in `memory` that this socket can send. */
bool datagrams_may_send(const struct datagram_socket *socket, const unsigned char *memory, size_t end);

/* Writes NAME_LENGTH bytes. False for what is no IP literal. */
bool datagrams_encode_name(const char *address, uint16_t port, unsigned char *name);

/* With the scope of a link-local address, such as `fe80::1%eth0`. */
enum { MAX_ADDRESS_LENGTH = 64 };
bool datagrams_decode_name(const unsigned char *name, char address[MAX_ADDRESS_LENGTH]);

#endif
