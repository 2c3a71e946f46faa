#include "environment.h"

#include <stdlib.h>

static void finalize(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct environment *environment = data;
  keys_close_all(&environment->keys);
#ifdef __linux__
  sockets_close_all(&environment->sockets);
#endif
  hashes_close(&environment->hashes, &environment->ssl);
  generators_close(&environment->generators, &environment->ssl);
  environment_release(environment);
}

struct environment *environment_new(napi_env env) {
  struct environment *environment = calloc(1, sizeof *environment);
  if (environment == NULL) {
    failed(env);
    return NULL;
  }
  environment->uses = 1;
  environment->has_ssl = find_openssl(&environment->ssl);
  if (napi_set_instance_data(env, environment, finalize, NULL) == napi_ok) return environment;
  environment_release(environment);
  failed(env);
  return NULL;
}

struct environment *environment_of(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}

void environment_release(struct environment *environment) {
  if (--environment->uses == 0) free(environment);
}
