#include "ownership.h"

#include <stdlib.h>

struct ownership {
  struct environment *environment;
  closer *close;
  int64_t number;
  int64_t memory;
};

static void tell_collector(napi_env env, int64_t change) {
  int64_t all;
  if (change != 0) napi_adjust_external_memory(env, change, &all);
}

static void on_owner_collected(napi_env env, void *data, void *hint) {
  (void)hint;
  struct ownership ownership = *(struct ownership *)data;
  free(data);
  ownership.close(ownership.environment, ownership.number);
  environment_release(ownership.environment);
  tell_collector(env, -ownership.memory);
}

/* Whatever becomes of the owner, the number is closed with it. */
static bool add_ownership(napi_env env, napi_value owner, const struct ownership *made) {
  struct ownership *ownership = malloc(sizeof *ownership);
  if (ownership == NULL) return false;
  *ownership = *made;
  if (napi_add_finalizer(env, owner, ownership, on_owner_collected, NULL, NULL) != napi_ok) {
    free(ownership);
    return false;
  }
  made->environment->uses++;
  tell_collector(env, made->memory);
  return true;
}

napi_value give_to(napi_env env, napi_value owner, int64_t number, closer *close, int64_t memory) {
  struct ownership made = { environment_of(env), close, number, memory };
  napi_value given;
  if (add_ownership(env, owner, &made) && napi_create_int64(env, number, &given) == napi_ok) return given;
  close(made.environment, number);
  failed(env);
  return NULL;
}

bool read_owner(napi_env env, napi_value value) {
  napi_valuetype type;
  return (napi_typeof(env, value, &type) == napi_ok && type == napi_object) ||
         refuse_type(env, "owner", "must be of type object");
}

static void close_key(struct environment *environment, int64_t number) {
  keys_close(&environment->keys, number);
}

napi_value give_key(napi_env env, napi_value owner, int64_t number, int64_t memory) {
  return number == 0 ? NULL : give_to(env, owner, number, close_key, memory);
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
