#include "datagram_functions.h"

#ifndef __linux__
bool add_datagram_functions(napi_env env, napi_value exports) {
  (void)env, (void)exports;
  return true;
}
#else
#include "hello_filter.h"
#include "ownership.h"

#include <errno.h>
#include <string.h>

/* Numbers stay exact in JavaScript. */
#define MAX_SOCKET_NUMBER INT64_C(0x1fffffffffffff)
enum { MAX_PORT = 0xffff, MAX_OFFSET = 0x7fffffff };

static napi_value number_of(napi_env env, int64_t number) {
  napi_value value;
  if (napi_create_int64(env, number, &value) == napi_ok) return value;
  failed(env);
  return NULL;
}

static bool read_address(napi_env env, napi_value value, char address[MAX_ADDRESS_LENGTH]) {
  size_t length;
  if (napi_get_value_string_latin1(env, value, address, MAX_ADDRESS_LENGTH, &length) != napi_ok)
    return refuse_type(env, "address", "must be of type string");
  return strlen(address) == length || refuse_value(env, "address", "is no IP literal");
}

/* NULL: it has thrown. */
static struct socket_slot *read_slot(napi_env env, napi_value value) {
  int64_t number;
  if (!read_number(env, value, "socket", MAX_SOCKET_NUMBER, &number)) return NULL;
  struct socket_slot *found = sockets_find(&environment_of(env)->sockets, number);
  if (found == NULL) napi_throw_error(env, "ERR_INVALID_STATE", "The socket is closed");
  return found;
}

static struct datagram_socket *read_socket(napi_env env, napi_value value) {
  struct socket_slot *slot = read_slot(env, value);
  return slot == NULL ? NULL : &slot->socket;
}

static void close_owned(struct environment *environment, int64_t number) {
  sockets_close(&environment->sockets, number);
}

static napi_value open_socket(napi_env env, napi_callback_info info) {
  struct environment *environment = environment_of(env);
  struct datagram_socket opened;
  napi_value values[4];
  char address[MAX_ADDRESS_LENGTH];
  int64_t port, flags;
  if (!read_arguments(env, info, 4, values) || !read_owner(env, values[0]) ||
      !read_address(env, values[1], address) || !read_number(env, values[2], "port", MAX_PORT, &port) ||
      !read_number(env, values[3], "flags", ALL_FLAGS, &flags))
    return NULL;
  int error = datagrams_open(&opened, address, (uint16_t)port, (int)flags);
  if (error != 0) return number_of(env, -error);
  int64_t number = sockets_add(&environment->sockets, &opened);
  if (number != 0) return give_to(env, values[0], number, close_owned, 0);
  datagrams_close(&opened);
  return number_of(env, -ENOMEM);
}

static void on_environment_ending(napi_env env, int64_t number) {
  sockets_close(&environment_of(env)->sockets, number);
}

static bool is_intact(napi_env env, int64_t number) {
  struct socket_slot *slot = sockets_find(&environment_of(env)->sockets, number);
  return slot != NULL && datagrams_is_intact(&slot->socket);
}

static napi_value watch_socket(napi_env env, napi_callback_info info) {
  napi_value values[2];
  napi_valuetype type;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct socket_slot *slot = read_slot(env, values[0]);
  if (slot == NULL) return NULL;
  if (napi_typeof(env, values[1], &type) != napi_ok || type != napi_function) {
    refuse_type(env, "onReady", "must be of type function");
    return NULL;
  }
  if (slot->wakeup != NULL) return number_of(env, -EALREADY);
  if (!datagrams_is_intact(&slot->socket)) return number_of(env, -EBADF);
  slot->wakeup = wakeup_new(env, slot->socket.descriptor, values[1], slot->number, on_environment_ending,
                            is_intact);
  return number_of(env, slot->wakeup == NULL ? -ENOSYS : -wakeup_wait(slot->wakeup, CAN_READ));
}

/* libuv ends the process where it is to wait for a descriptor that is none. */
static int wait_intact(const struct socket_slot *slot, int events) {
  if (slot->wakeup == NULL) return EINVAL;
  return datagrams_is_intact(&slot->socket) ? wakeup_wait(slot->wakeup, events) : EBADF;
}

static napi_value await_socket(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int64_t events;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct socket_slot *slot = read_slot(env, values[0]);
  if (slot == NULL || !read_number(env, values[1], "events", ALL_EVENTS, &events)) return NULL;
  return number_of(env, -wait_intact(slot, (int)events));
}

static napi_value refer_socket(napi_env env, napi_callback_info info) {
  napi_value values[2];
  bool keeps;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct socket_slot *slot = read_slot(env, values[0]);
  if (slot == NULL) return NULL;
  if (napi_get_value_bool(env, values[1], &keeps) != napi_ok) refuse_type(env, "keeps", "must be of type boolean");
  else if (slot->wakeup != NULL) wakeup_keep_running(slot->wakeup, keeps);
  return NULL;
}

static napi_value set_socket(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int64_t option, value;
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct datagram_socket *set = read_socket(env, values[0]);
  if (set == NULL || !read_number(env, values[1], "option", DATAGRAM_OPTIONS - 1, &option) ||
      !read_number(env, values[2], "value", INT32_MAX, &value))
    return NULL;
  return number_of(env, -datagrams_set(set, (enum datagram_option)option, (int)value));
}

static napi_value admit_hellos(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int64_t admitted;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct datagram_socket *filtered = read_socket(env, values[0]);
  if (filtered == NULL || !read_number(env, values[1], "admitted", ALL_HELLOS, &admitted)) return NULL;
  return number_of(env, -hello_filter_set(filtered, (uint32_t)admitted));
}

static napi_value count_dropped(napi_env env, napi_callback_info info) {
  napi_value value;
  uint32_t dropped;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct datagram_socket *asked = read_socket(env, value);
  if (asked == NULL) return NULL;
  int error = hello_filter_count(asked, &dropped);
  return number_of(env, error == 0 ? (int64_t)dropped : -error);
}

static napi_value receive(napi_env env, napi_callback_info info) {
  napi_value values[3];
  struct bytes memory;
  int64_t most;
  size_t received;
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct datagram_socket *from = read_socket(env, values[0]);
  if (from == NULL || !read_bytes_of(env, values[1], "memory", RECEIVED_LENGTH, &memory) ||
      !read_number(env, values[2], "most", MAX_RECEIVED, &most))
    return NULL;
  struct sockets *sockets = &environment_of(env)->sockets;
  if (sockets->receiver == NULL) sockets->receiver = receiver_new();
  if (sockets->receiver == NULL) return number_of(env, -ENOMEM);
  int error = datagrams_receive(from, sockets->receiver, memory.data, (size_t)most, &received);
  return number_of(env, error == 0 ? (int64_t)received : -error);
}

static napi_value send_batch(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct bytes memory;
  int64_t from, to;
  if (!read_arguments(env, info, 4, values)) return NULL;
  struct datagram_socket *by = read_socket(env, values[0]);
  if (by == NULL || !read_bytes_of(env, values[1], "memory", SENT_LENGTH, &memory) ||
      !read_number(env, values[3], "to", MAX_SENT, &to) || !read_number(env, values[2], "from", to, &from))
    return NULL;
  if (!datagrams_may_send(by, memory.data, (size_t)to)) {
    refuse_value(env, "memory", "has entries that cannot be sent");
    return NULL;
  }
  size_t at = (size_t)from;
  uint32_t error = (uint32_t)datagrams_send(by, memory.data, &at, (size_t)to);
  memcpy(memory.data, &error, sizeof error);
  return number_of(env, (int64_t)at);
}

static napi_value sends_segments(napi_env env, napi_callback_info info) {
  napi_value value, answer;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct datagram_socket *asked = read_socket(env, value);
  return asked != NULL && napi_get_boolean(env, asked->segments, &answer) == napi_ok ? answer : NULL;
}

/* NULL: it has thrown. */
static unsigned char *read_name(napi_env env, napi_value array, napi_value at, const char *name) {
  struct bytes bytes;
  int64_t offset;
  if (!read_bytes(env, array, name, &bytes) || !read_number(env, at, "offset", MAX_OFFSET, &offset)) return NULL;
  if ((uint64_t)offset + NAME_LENGTH <= bytes.length) return bytes.data + offset;
  refuse_range(env, name, "has no room for an address");
  return NULL;
}

static napi_value own_address(napi_env env, napi_callback_info info) {
  napi_value values[3];
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct datagram_socket *of = read_socket(env, values[0]);
  unsigned char *name = of == NULL ? NULL : read_name(env, values[1], values[2], "out");
  return name == NULL ? NULL : number_of(env, -datagrams_own_name(of, name));
}

static napi_value connect_socket(napi_env env, napi_callback_info info) {
  napi_value values[3];
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct datagram_socket *connected = read_socket(env, values[0]);
  unsigned char *name = connected == NULL ? NULL : read_name(env, values[1], values[2], "bytes");
  return name == NULL ? NULL : number_of(env, -datagrams_connect(connected, name));
}

static napi_value encode_address(napi_env env, napi_callback_info info) {
  napi_value values[4], answer;
  char address[MAX_ADDRESS_LENGTH];
  int64_t port;
  if (!read_arguments(env, info, 4, values) || !read_address(env, values[0], address) ||
      !read_number(env, values[1], "port", MAX_PORT, &port))
    return NULL;
  unsigned char *name = read_name(env, values[2], values[3], "out");
  if (name == NULL) return NULL;
  bool is_encoded = datagrams_encode_name(address, (uint16_t)port, name);
  return napi_get_boolean(env, is_encoded, &answer) == napi_ok ? answer : NULL;
}

static napi_value decode_address(napi_env env, napi_callback_info info) {
  napi_value values[2], text;
  char address[MAX_ADDRESS_LENGTH];
  if (!read_arguments(env, info, 2, values)) return NULL;
  unsigned char *name = read_name(env, values[0], values[1], "bytes");
  if (name == NULL || !datagrams_decode_name(name, address)) return NULL;
  return napi_create_string_latin1(env, address, NAPI_AUTO_LENGTH, &text) == napi_ok ? text : NULL;
}

static napi_value close_socket(napi_env env, napi_callback_info info) {
  napi_value value;
  int64_t number;
  if (read_arguments(env, info, 1, &value) && read_number(env, value, "socket", MAX_SOCKET_NUMBER, &number))
    sockets_close(&environment_of(env)->sockets, number);
  return NULL;
}

bool add_datagram_functions(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
    { "openSocket", NULL, open_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "watchSocket", NULL, watch_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "awaitSocket", NULL, await_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "referSocket", NULL, refer_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "setSocket", NULL, set_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "admitHellos", NULL, admit_hellos, NULL, NULL, NULL, napi_enumerable, NULL },
    { "countDropped", NULL, count_dropped, NULL, NULL, NULL, napi_enumerable, NULL },
    { "ownAddress", NULL, own_address, NULL, NULL, NULL, napi_enumerable, NULL },
    { "connectSocket", NULL, connect_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "receive", NULL, receive, NULL, NULL, NULL, napi_enumerable, NULL },
    { "send", NULL, send_batch, NULL, NULL, NULL, napi_enumerable, NULL },
    { "sendsSegments", NULL, sends_segments, NULL, NULL, NULL, napi_enumerable, NULL },
    { "encodeAddress", NULL, encode_address, NULL, NULL, NULL, napi_enumerable, NULL },
    { "decodeAddress", NULL, decode_address, NULL, NULL, NULL, napi_enumerable, NULL },
    { "closeSocket", NULL, close_socket, NULL, NULL, NULL, napi_enumerable, NULL },
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok ||
         failed(env);
}
#endif
