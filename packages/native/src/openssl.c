#include "openssl.h"

#ifdef _WIN32
#include <windows.h>

static void *look_up(const char *name) {
  return (void *)GetProcAddress(GetModuleHandleW(NULL), name);
}
#else
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include <dlfcn.h>

/* Also finds the functions of a Node that is linked to its system's OpenSSL. */
static void *look_up(const char *name) {
  return dlsym(RTLD_DEFAULT, name);
}
#endif

enum { OPENSSL_3 = 0x30000000 };

#define LOOK_UP(result, name, parameters)                          \
  functions->name = (result(*) parameters)look_up(#name);          \
  if (functions->name == NULL) return false;

static bool find_digests(struct openssl *functions) {
  OPENSSL_DIGEST_FUNCTIONS(LOOK_UP)
  return true;
}

static bool find_keys(struct openssl *functions) {
  OPENSSL_KEY_FUNCTIONS(LOOK_UP)
  return true;
}

bool find_openssl(struct openssl *functions) {
  OPENSSL_FUNCTIONS(LOOK_UP)
  functions->has_digests = find_digests(functions);
  functions->has_keys = find_keys(functions);
  return functions->OpenSSL_version_num() >= OPENSSL_3;
}
