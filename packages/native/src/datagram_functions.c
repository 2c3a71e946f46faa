#include "datagram_functions.h"

#ifndef __linux__
bool add_datagram_functions(napi_env env, napi_value exports) {
  (void)env, (void)exports;
  return true;
}
#else
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
static struct datagram_socket *read_socket(napi_env env, napi_value value) {
  int64_t number;
  if (!read_number(env, value, "socket", MAX_SOCKET_NUMBER, &number)) return NULL;
  struct datagram_socket *found = sockets_find(&environment_of(env)->sockets, number);
  if (found == NULL) napi_throw_error(env, "ERR_INVALID_STATE", "The socket is closed");
  return found;
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

static napi_value duplicate_socket(napi_env env, napi_callback_info info) {
  napi_value value;
  int descriptor;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct datagram_socket *from = read_socket(env, value);
  if (from == NULL) return NULL;
  int error = datagrams_duplicate(from, &descriptor);
  return number_of(env, error == 0 ? descriptor : -error);
}

static napi_value close_duplicate(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int64_t descriptor;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct datagram_socket *of = read_socket(env, values[0]);
  if (of != NULL && read_number(env, values[1], "descriptor", INT32_MAX, &descriptor))
    datagrams_close_duplicate(of, (int)descriptor);
  return NULL;
}

static napi_value keep_address(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct datagram_socket *kept = read_socket(env, value);
  return kept == NULL ? NULL : number_of(env, -datagrams_keep_address(kept));
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
  int error = datagrams_receive(from, memory.data, (size_t)most, &received);
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
    { "duplicateSocket", NULL, duplicate_socket, NULL, NULL, NULL, napi_enumerable, NULL },
    { "closeDuplicate", NULL, close_duplicate, NULL, NULL, NULL, napi_enumerable, NULL },
    { "keepAddress", NULL, keep_address, NULL, NULL, NULL, napi_enumerable, NULL },
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
