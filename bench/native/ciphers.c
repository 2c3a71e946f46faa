/*
 * The floor of a record of any of very many clients, as a server in C has it: OpenSSL's AES-128-GCM with a context for
 * each key. One record of 64 bytes is opened and one is sealed.
 *
 *   ciphers CLIENTS USED    prints the median CPU of such a pair, in µs, of USED clients out of CLIENTS
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 64, TAG = 16, NONCE = 12, AAD = 13, KEY = 16, TURN = 2000, TURNS = 31, WARM_UP = 5 };

static unsigned char nonce[NONCE], aad[AAD], text[SIZE], sealed[SIZE + TAG];

static _Noreturn void die(const char *what) {
  fprintf(stderr, "ciphers: %s\n", what);
  exit(1);
}

static void check(int done) {
  if (done != 1) die("OpenSSL failed");
}

static EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher, const unsigned char *key, int seals) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context == NULL) die("no memory");
  check(EVP_CipherInit_ex(context, cipher, NULL, key, NULL, seals));
  return context;
}

static void seal(EVP_CIPHER_CTX *context, unsigned char *out) {
  int written;
  check(EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, 1));
  check(EVP_CipherUpdate(context, NULL, &written, aad, AAD));
  check(EVP_CipherUpdate(context, out, &written, text, SIZE));
  check(EVP_CipherFinal_ex(context, out + SIZE, &written));
  check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, out + SIZE));
}

static void unseal(EVP_CIPHER_CTX *context, unsigned char *out) {
  int written;
  check(EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, 0));
  check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + SIZE));
  check(EVP_CipherUpdate(context, NULL, &written, aad, AAD));
  check(EVP_CipherUpdate(context, out, &written, sealed, SIZE));
  check(EVP_CipherFinal_ex(context, out + SIZE, &written));
}

static double cpu(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* xorshift */
static uint32_t random_below(uint32_t count) {
  static uint64_t state = 0x9e3779b97f4a7c15;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)(state >> 32) % count;
}

static int compare(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(int count, char **given) {
  if (count != 3) die("usage: ciphers CLIENTS USED");
  uint32_t clients = (uint32_t)atoi(given[1]), used = (uint32_t)atoi(given[2]);
  if (clients == 0 || used == 0 || used > clients) die("USED is of CLIENTS");
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
  EVP_CIPHER_CTX **contexts = calloc(2 * (size_t)clients, sizeof *contexts);
  if (cipher == NULL || contexts == NULL) die("no memory, or no AES-128-GCM");
  const unsigned char key[KEY] = { 9 };
  for (size_t i = 0; i < 2 * (size_t)clients; i++) contexts[i] = new_context(cipher, key, i % 2 == 1);
  seal(contexts[1], sealed);
  double costs[TURNS];
  unsigned char out[SIZE + TAG];
  for (int turn = -WARM_UP; turn < TURNS; turn++) {
    double before = cpu();
    for (int i = 0; i < TURN; i++) {
      size_t client = random_below(used);
      unseal(contexts[2 * client], out);
      seal(contexts[2 * client + 1], out);
    }
    if (turn >= 0) costs[turn] = (cpu() - before) / TURN;
  }
  qsort(costs, TURNS, sizeof *costs, compare);
  printf("%.3f\n", costs[TURNS / 2]);
  return 0;
}
