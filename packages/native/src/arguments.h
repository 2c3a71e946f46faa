/* Arguments of functions that JavaScript calls, checked. A function that returns false has thrown. */
#ifndef DATAGRAM_TLS_ARGUMENTS_H
#define DATAGRAM_TLS_ARGUMENTS_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>

/* The memory of a Uint8Array. It is valid until JavaScript runs again, and never NULL. */
struct bytes {
  unsigned char *data;
  size_t length;
};

/* False unless there are exactly `count` arguments. */
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);

/*
 * Refuses what is no Uint8Array, and shared memory: another thread could change a text between the check of its tag
 * and its use. The array of a detached or shrunk buffer is shorter, which the checks of lengths see.
 */
bool read_bytes(napi_env env, napi_value value, const char *name, struct bytes *bytes);
bool read_bytes_of(napi_env env, napi_value value, const char *name, size_t length, struct bytes *bytes);

/* A whole number from 0 to `most`. */
bool read_number(napi_env env, napi_value value, const char *name, int64_t most, int64_t *number);

/* Each throws and returns false. `what` completes "`name` …". */
bool refuse_type(napi_env env, const char *name, const char *what);
bool refuse_value(napi_env env, const char *name, const char *what);
bool refuse_range(napi_env env, const char *name, const char *what);

/* Node-API failed: the process is short of memory, or an exception is pending. */
bool failed(napi_env env);

#endif
