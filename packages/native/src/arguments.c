#include "arguments.h"

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, NULL) != napi_ok) return failed(env);
  if (given == count) return true;
  napi_throw_type_error(env, "ERR_MISSING_ARGS", "wrong number of arguments");
  return false;
}

bool read_bytes(napi_env env, napi_value value, const char *name, struct bytes *bytes) {
  static unsigned char nothing[1];
  napi_typedarray_type type;
  napi_value buffer;
  void *data;
  bool is_own = false;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, &data, &buffer, NULL) != napi_ok ||
      type != napi_uint8_array)
    return refuse_type(env, name, "must be an instance of Uint8Array");
  if (napi_is_arraybuffer(env, buffer, &is_own) != napi_ok || !is_own)
    return refuse_value(env, name, "must not be shared memory");
  bytes->data = bytes->length == 0 ? nothing : data;
  return true;
}

bool read_bytes_of(napi_env env, napi_value value, const char *name, size_t length, struct bytes *bytes) {
  if (!read_bytes(env, value, name, bytes)) return false;
  return bytes->length == length || refuse_range(env, name, "has the wrong length");
}

bool read_number(napi_env env, napi_value value, const char *name, int64_t most, int64_t *number) {
  double given;
  if (napi_get_value_double(env, value, &given) != napi_ok) return refuse_type(env, name, "must be a number");
  if (!(given >= 0 && given <= (double)most)) return refuse_range(env, name, "is out of range");
  *number = (int64_t)given;
  return (double)*number == given || refuse_range(env, name, "must be a whole number");
}

enum { MESSAGE_LENGTH = 128 };

/* Appends as much of `text` as there is room for. */
static size_t append(char *message, size_t at, const char *text) {
  while (*text != '\0' && at < MESSAGE_LENGTH - 1) message[at++] = *text++;
  message[at] = '\0';
  return at;
}

static void compose(char *message, const char *name, const char *what) {
  size_t at = append(message, 0, "The argument '");
  at = append(message, at, name);
  at = append(message, at, "' ");
  append(message, at, what);
}

bool refuse_type(napi_env env, const char *name, const char *what) {
  char message[MESSAGE_LENGTH];
  compose(message, name, what);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}

bool refuse_value(napi_env env, const char *name, const char *what) {
  char message[MESSAGE_LENGTH];
  compose(message, name, what);
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
  return false;
}

bool refuse_range(napi_env env, const char *name, const char *what) {
  char message[MESSAGE_LENGTH];
  compose(message, name, what);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
  return false;
}

bool failed(napi_env env) {
  bool is_pending = false;
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && !is_pending)
    napi_throw_error(env, "ERR_OPERATION_FAILED", "Node-API failed");
  return false;
}
