#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "wakeups.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;

/* Of libuv's types of handles, in the order that its interface keeps. */
enum { POLL_HANDLE = 8 };

/* Return type, name, parameters. */
#define UV_FUNCTIONS(F)                                                                                        \
  F(size_t, uv_handle_size, (int type))                                                                        \
  F(const char *, uv_handle_type_name, (int type))                                                             \
  F(int, uv_poll_init, (uv_loop_t * loop, uv_poll_t * handle, int descriptor))                                 \
  F(int, uv_poll_start, (uv_poll_t * handle, int events, void (*ready)(uv_poll_t *, int status, int events)))  \
  F(void, uv_close, (uv_handle_t * handle, void (*closed)(uv_handle_t *)))                                     \
  F(void, uv_ref, (uv_handle_t * handle))                                                                      \
  F(void, uv_unref, (uv_handle_t * handle))

struct uv {
#define MEMBER(result, name, parameters) result(*name) parameters;
  UV_FUNCTIONS(MEMBER)
#undef MEMBER
};

struct wakeup {
  struct uv uv;
  napi_env env;
  napi_ref function;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  int64_t number;
  wakeup_ending *ending;
  wakeup_intact *intact;
  int events;
  bool is_closed;
  /* libuv's handle, of a size that only libuv knows. */
  _Alignas(max_align_t) unsigned char handle[];
};

static uv_poll_t *handle_of(struct wakeup *wakeup) {
  return (uv_poll_t *)wakeup->handle;
}

static struct wakeup *wakeup_of(void *handle) {
  return (struct wakeup *)((unsigned char *)handle - offsetof(struct wakeup, handle));
}

static bool find_uv(struct uv *functions) {
#define LOOK_UP(result, name, parameters)                          \
  functions->name = (result(*) parameters)dlsym(RTLD_DEFAULT, #name); \
  if (functions->name == NULL) return false;
  UV_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  const char *name = functions->uv_handle_type_name(POLL_HANDLE);
  return name != NULL && strcmp(name, "poll") == 0;
}

/* As of an event of Node's own handles: an exception is uncaught. */
static void report_exception(napi_env env) {
  bool is_pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok)
    napi_fatal_exception(env, exception);
}

static void call(const struct wakeup *wakeup, int events) {
  napi_env env = wakeup->env;
  napi_value function, receiver, argument;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  /* The wakeup may be closed within, and is freed later. */
  if (napi_get_reference_value(env, wakeup->function, &function) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok && napi_create_int32(env, events, &argument) == napi_ok &&
      napi_make_callback(env, wakeup->context, receiver, function, 1, &argument, NULL) != napi_ok)
    report_exception(env);
  napi_close_handle_scope(env, scope);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  struct wakeup *wakeup = wakeup_of(handle);
  if (wakeup->is_closed) return;
  if (status >= 0) {
    call(wakeup, events);
    return;
  }
  /* An error of the socket, such as of an ICMP message. libuv has stopped the handle; to receive tells the error and clears it. */
  call(wakeup, CAN_READ);
  /* libuv ends the process where it is to wait for a descriptor that is none. */
  if (!wakeup->is_closed && wakeup->intact(wakeup->env, wakeup->number))
    wakeup->uv.uv_poll_start(handle, wakeup->events, on_ready);
}

static void on_closed(uv_handle_t *handle) {
  struct wakeup *wakeup = wakeup_of(handle);
  napi_remove_async_cleanup_hook(wakeup->hook);
  free(wakeup);
}

static void on_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct wakeup *wakeup = data;
  if (!wakeup->is_closed) wakeup->ending(wakeup->env, wakeup->number);
}

/* What it needs of Node-API. False: nothing of it is left. */
static bool connect_to_node(struct wakeup *wakeup, napi_value function) {
  napi_env env = wakeup->env;
  napi_value name;
  if (napi_create_string_utf8(env, "DATAGRAMSOCKET", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, function, 1, &wakeup->function) != napi_ok)
    return false;
  if (napi_async_init(env, NULL, name, &wakeup->context) == napi_ok) {
    if (napi_add_async_cleanup_hook(env, on_end, wakeup, &wakeup->hook) == napi_ok) return true;
    napi_async_destroy(env, wakeup->context);
  }
  napi_delete_reference(env, wakeup->function);
  return false;
}

static void disconnect_from_node(const struct wakeup *wakeup) {
  napi_async_destroy(wakeup->env, wakeup->context);
  napi_delete_reference(wakeup->env, wakeup->function);
}

struct wakeup *wakeup_new(napi_env env, int descriptor, napi_value function, int64_t number, wakeup_ending *ending,
                          wakeup_intact *intact) {
  struct uv uv;
  uv_loop_t *loop;
  if (!find_uv(&uv) || napi_get_uv_event_loop(env, &loop) != napi_ok) return NULL;
  struct wakeup *made = calloc(1, sizeof *made + uv.uv_handle_size(POLL_HANDLE));
  if (made == NULL) return NULL;
  made->uv = uv, made->env = env, made->number = number, made->ending = ending, made->intact = intact;
  if (!connect_to_node(made, function)) {
    free(made);
    return NULL;
  }
  if (uv.uv_poll_init(loop, handle_of(made), descriptor) == 0) return made;
  disconnect_from_node(made);
  napi_remove_async_cleanup_hook(made->hook);
  free(made);
  return NULL;
}

int wakeup_wait(struct wakeup *wakeup, int events) {
  wakeup->events = events;
  return -wakeup->uv.uv_poll_start(handle_of(wakeup), events, on_ready);
}

void wakeup_keep_running(struct wakeup *wakeup, bool keeps) {
  uv_handle_t *handle = (uv_handle_t *)wakeup->handle;
  if (keeps) wakeup->uv.uv_ref(handle);
  else wakeup->uv.uv_unref(handle);
}

void wakeup_close(struct wakeup *wakeup) {
  if (wakeup == NULL || wakeup->is_closed) return;
  wakeup->is_closed = true;
  disconnect_from_node(wakeup);
  wakeup->uv.uv_close((uv_handle_t *)wakeup->handle, on_closed);
}

#endif
