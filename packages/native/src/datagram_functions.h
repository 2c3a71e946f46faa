/*
 * Batches of datagrams for JavaScript, on Linux; elsewhere there are none of these functions. Errors of the system are
 * their numbers, negative.
 *
 *   openSocket(owner, address, port, flags) → number
 *                                            a bound socket, closed with its owner. flags: 1 IPv6 only, 2 SO_REUSEPORT
 *   watchSocket(socket, onReady) → number    `onReady(events)` is called when it can be read: bit 1, or written: bit 2.
 *                                            ENOSYS: the runtime has no libuv
 *   awaitSocket(socket, events) → number     what `onReady` is called for from now on
 *   referSocket(socket, keeps)               whether it keeps the process running
 *   setSocket(socket, option, value) → number
 *                                            option: 0 time to live; 1, 2 bytes of the buffer to receive, to send; 3 the
 *                                            least to receive
 *   admitHellos(socket, admitted) → number   so many of 65,536 ClientHellos are let through from now on, chosen at random; the
 *                                            kernel drops the others
 *   countDropped(socket) → number            datagrams that the kernel has dropped, by that or for lack of room; modulo 2^32
 *   ownAddress(socket, out, offset) → number
 *   connectSocket(socket, bytes, offset) → number
 *                                            has this one peer from now on
 *   receive(socket, memory, most) → number   datagrams, whose entries and bytes stand in `memory`
 *   send(socket, memory, from, to) → number  behind the last entry that was sent; below `to`, the error is in `memory`
 *   sendsSegments(socket) → boolean          false: the kernel or the device cannot, as far as is known
 *   encodeAddress(address, port, out, offset) → boolean
 *   decodeAddress(bytes, offset) → string    `undefined`: it has none
 *   closeSocket(socket)
 *
 * hello_filter.h says what is a ClientHello, and datagrams.h has the layout of `memory`.
 */
#ifndef DATAGRAM_TLS_DATAGRAM_FUNCTIONS_H
#define DATAGRAM_TLS_DATAGRAM_FUNCTIONS_H

#include "environment.h"

/* False: it has thrown. */
bool add_datagram_functions(napi_env env, napi_value exports);

#endif
