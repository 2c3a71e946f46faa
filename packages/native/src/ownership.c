#include "ownership.h"

#include <stdlib.h>

/* About what OpenSSL allocates for a key: the garbage collector is told. */
enum { KEY_MEMORY = 1024 };

struct ownership {
  struct environment *environment;
  int64_t number;
};

static void on_owner_collected(napi_env env, void *data, void *hint) {
  (void)hint;
  struct ownership *ownership = data;
  int64_t memory;
  keys_close(&ownership->environment->keys, ownership->number);
  environment_release(ownership->environment);
  free(ownership);
  napi_adjust_external_memory(env, -KEY_MEMORY, &memory);
}

/* Whatever becomes of the owner, the key is closed with it. */
static bool give_to(napi_env env, napi_value owner, struct environment *environment, int64_t number) {
  struct ownership *ownership = malloc(sizeof *ownership);
  int64_t memory;
  if (ownership == NULL) return false;
  *ownership = (struct ownership){ environment, number };
  if (napi_add_finalizer(env, owner, ownership, on_owner_collected, NULL, NULL) != napi_ok) {
    free(ownership);
    return false;
  }
  environment->uses++;
  napi_adjust_external_memory(env, KEY_MEMORY, &memory);
  return true;
}

bool read_owner(napi_env env, napi_value value) {
  napi_valuetype type;
  return (napi_typeof(env, value, &type) == napi_ok && type == napi_object) ||
         refuse_type(env, "owner", "must be of type object");
}

napi_value give_key(napi_env env, napi_value owner, int64_t number) {
  struct environment *environment = environment_of(env);
  napi_value given;
  if (number == 0) return NULL;
  if (give_to(env, owner, environment, number) && napi_create_int64(env, number, &given) == napi_ok) return given;
  keys_close(&environment->keys, number);
  failed(env);
  return NULL;
}

struct key_slot *read_key(napi_env env, napi_value value, enum key_kind kind) {
  int64_t number;
  if (!read_number(env, value, "key", MAX_KEY_NUMBER, &number)) return NULL;
  struct key_slot *slot = keys_find(&environment_of(env)->keys, number);
  if (slot == NULL) {
    napi_throw_error(env, "ERR_INVALID_STATE", "The key is closed");
    return NULL;
  }
  if (slot->kind == kind) return slot;
  refuse_value(env, "key", "is for another purpose");
  return NULL;
}
