/* What the module has in one environment: the main thread or a worker. Nothing is shared between them. */
#ifndef DATAGRAM_TLS_ENVIRONMENT_H
#define DATAGRAM_TLS_ENVIRONMENT_H

#include "arguments.h"
#include "exchange.h"
#include "hashes.h"
#include "keys.h"
#ifdef __linux__
#include "sockets.h"
#endif

struct environment {
  struct openssl ssl;
  bool has_ssl;
  struct keys keys;
  struct hashes hashes;
  struct generators generators;
#ifdef __linux__
  struct sockets sockets;
#endif
  /* The environment itself, and each owner of a key or a socket: their finalizers come in any order when a worker ends. */
  size_t uses;
};

/* NULL: it has thrown. */
struct environment *environment_new(napi_env env);
struct environment *environment_of(napi_env env);
void environment_release(struct environment *environment);

#endif
