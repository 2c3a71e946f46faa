/*
 * Wakes JavaScript when a socket can be read or written, by a handle of libuv in the event loop of the environment. libuv is
 * the runtime's own, found by name as OpenSSL is; its handles stay opaque. Linux alone.
 */
#ifndef DATAGRAM_TLS_WAKEUPS_H
#define DATAGRAM_TLS_WAKEUPS_H

#include "arguments.h"

/* Those of libuv. */
enum { CAN_READ = 1, CAN_WRITE = 2, ALL_EVENTS = 3 };

struct wakeup;

/* Told that the environment ends: the owner closes the wakeup. */
typedef void wakeup_ending(napi_env env, int64_t number);
/* Whether the descriptor is still the one of `wakeup_new`. */
typedef bool wakeup_intact(napi_env env, int64_t number);

/*
 * `function` is called with what the socket can do. It waits for nothing before `wakeup_wait`. `number` is for `ending`.
 * NULL: the runtime has no such libuv, or no memory.
 */
struct wakeup *wakeup_new(napi_env env, int descriptor, napi_value function, int64_t number, wakeup_ending *ending,
                          wakeup_intact *intact);
/* Waits for these events; `descriptor` is still the one of `wakeup_new`. Returns 0 or an error of the system. */
int wakeup_wait(struct wakeup *wakeup, int events);
/* Whether it keeps the event loop running. */
void wakeup_keep_running(struct wakeup *wakeup, bool keeps);
/* Before the descriptor is closed. NULL is none. */
void wakeup_close(struct wakeup *wakeup);

#endif
