/*
 * Lets the kernel drop ClientHellos before they cost us anything: what it drops wakes no thread and is not read. Linux alone.
 */
#ifndef DATAGRAM_TLS_HELLO_FILTER_H
#define DATAGRAM_TLS_HELLO_FILTER_H

#include "datagrams.h"

/* All ClientHellos are let through. */
enum { ALL_HELLOS = 0x10000 };

/*
 * Lets so many of ALL_HELLOS through from now on, each chosen at random, and whatever begins with no ClientHello in plaintext.
 * Returns 0 or an error of the system.
 */
int hello_filter_set(const struct datagram_socket *socket, uint32_t admitted);

/*
 * Counts the datagrams that the kernel has dropped since the socket was opened, modulo 2^32: by the filter, or because they found
 * no room. Returns 0 or an error of the system.
 */
int hello_filter_count(const struct datagram_socket *socket, uint32_t *dropped);

#endif
