#include "schedules.h"

#include <stdlib.h>

struct schedules *schedules_new(const struct openssl *ssl, const struct algorithm *algorithm) {
  EVP_CIPHER *fetched = ssl->EVP_CIPHER_fetch(NULL, algorithm->fetched, NULL);
  struct schedules *schedules = fetched == NULL ? NULL : calloc(1, sizeof *schedules);
  if (schedules == NULL) {
    ssl->EVP_CIPHER_free(fetched);
    ssl->ERR_clear_error();
    return NULL;
  }
  schedules->ssl = ssl;
  schedules->algorithm = algorithm;
  schedules->fetched = fetched;
  return schedules;
}

void schedules_free(struct schedules *schedules) {
  if (schedules == NULL) return;
  for (size_t i = 0; i < RECENT_SCHEDULES; i++) schedules->ssl->EVP_CIPHER_CTX_free(schedules->recent[i].context);
  schedules->ssl->EVP_CIPHER_free(schedules->fetched);
  free(schedules);
}

/* The parameters that belong before the key. */
static bool prepare(const struct schedules *schedules, EVP_CIPHER_CTX *context) {
  const struct openssl *ssl = schedules->ssl;
  if (ssl->EVP_CipherInit_ex(context, schedules->fetched, NULL, NULL, NULL, DIRECTION_SEAL) != 1) return false;
  switch (schedules->algorithm->kind) {
    case KIND_CCM:
      /* Both lengths stand in the first block. */
      return ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_IV_LENGTH, NONCE_LENGTH, NULL) == 1 &&
             ssl->EVP_CIPHER_CTX_ctrl(context, AEAD_SET_TAG, (int)schedules->algorithm->tag_length, NULL) == 1;
    case KIND_AES_MASK:
      /* Each sample is one block. */
      return ssl->EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    default:
      return true;
  }
}

static void drop(const struct schedules *schedules, struct schedule *schedule) {
  schedules->ssl->EVP_CIPHER_CTX_free(schedule->context);
  *schedule = (struct schedule){ .direction = NO_DIRECTION };
}

/* Without a key. */
static bool make(const struct schedules *schedules, struct schedule *schedule) {
  *schedule = (struct schedule){ .context = schedules->ssl->EVP_CIPHER_CTX_new(), .direction = NO_DIRECTION };
  if (schedule->context != NULL && prepare(schedules, schedule->context)) return true;
  drop(schedules, schedule);
  return false;
}

/* A schedule serves both directions, but for CCM OpenSSL chooses functions by it when it gets the key. */
static bool serves(const struct schedules *schedules, const struct schedule *schedule, enum direction direction) {
  return schedule->direction == direction ||
         (schedule->direction != NO_DIRECTION && schedules->algorithm->kind != KIND_CCM);
}

EVP_CIPHER_CTX *schedule_of(struct schedules *schedules, uint32_t place, const unsigned char *key,
                            enum direction direction, const unsigned char *nonce) {
  struct schedule *schedule = &schedules->recent[place % RECENT_SCHEDULES];
  if (schedule->context == NULL && !make(schedules, schedule)) return NULL;
  bool has_key = schedule->place == place && serves(schedules, schedule, direction);
  if (has_key && nonce == NULL && schedule->direction == direction) return schedule->context;
  if (schedules->ssl->EVP_CipherInit_ex(schedule->context, NULL, NULL, has_key ? NULL : key, nonce, direction) != 1) {
    drop(schedules, schedule);
    return NULL;
  }
  schedule->place = place;
  schedule->direction = direction;
  return schedule->context;
}

void schedule_forget(struct schedules *schedules, uint32_t place) {
  struct schedule *schedule = &schedules->recent[place % RECENT_SCHEDULES];
  static const unsigned char zeros[MAX_KEY_LENGTH];
  if (schedule->context == NULL || schedule->direction == NO_DIRECTION || schedule->place != place) return;
  schedule->direction = NO_DIRECTION;
  /* ChaCha20 keeps a part of its key stream besides, which a new key leaves. */
  bool is_chacha =
    schedules->algorithm->kind == KIND_CHACHA || schedules->algorithm->kind == KIND_CHACHA_MASK;
  if (is_chacha || schedules->ssl->EVP_CipherInit_ex(schedule->context, NULL, NULL, zeros, NULL, DIRECTION_SEAL) != 1)
    drop(schedules, schedule);
}
