/*
 * Batches of datagrams for JavaScript, on Linux; elsewhere there are none of these functions. Errors of the system are
 * their numbers, negative.
 *
 *   openSocket(owner, address, port, flags) → number
 *                                            a bound socket, closed with its owner. flags: 1 IPv6 only, 2 SO_REUSEPORT
 *   duplicateSocket(socket) → number         a descriptor for node:dgram, which closes it
 *   closeDuplicate(socket, descriptor)       where node:dgram did not take it; does nothing for any other file
 *   keepAddress(socket) → number             no other socket may be bound to its port
 *   receive(socket, memory, most) → number   datagrams, whose entries and bytes stand in `memory`
 *   send(socket, memory, from, to) → number  behind the last entry that was sent; below `to`, the error is in `memory`
 *   sendsSegments(socket) → boolean          false: the kernel or the device cannot, as far as is known
 *   encodeAddress(address, port, out, offset) → boolean
 *   decodeAddress(bytes, offset) → string    `undefined`: it has none
 *   closeSocket(socket)
 *
 * datagrams.h has the layout of `memory`.
 */
#ifndef DATAGRAM_TLS_DATAGRAM_FUNCTIONS_H
#define DATAGRAM_TLS_DATAGRAM_FUNCTIONS_H

#include "environment.h"

/* False: it has thrown. */
bool add_datagram_functions(napi_env env, napi_value exports);

#endif
