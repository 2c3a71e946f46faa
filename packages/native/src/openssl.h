/*
 * The runtime's own OpenSSL. Node exports its functions from its binary; they are looked up there by name, so that a
 * process has one OpenSSL, which is updated with Node. Nothing here is linked to OpenSSL or uses its headers: the
 * types below stay opaque, and the functions are part of the stable interface of OpenSSL 3.
 */
#ifndef DATAGRAM_TLS_OPENSSL_H
#define DATAGRAM_TLS_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;

/* A value with a name. An array of them ends with one without a name. */
typedef struct {
  const char *name;
  unsigned int type;
  void *bytes;
  size_t length;
  size_t written;
} OSSL_PARAM;

/* A type of OSSL_PARAM. */
enum { OCTET_STRING = 5 };

/* Return type, name, parameters. */
#define OPENSSL_FUNCTIONS(F)                                                                                  \
  F(unsigned long, OpenSSL_version_num, (void))                                                               \
  F(void, OPENSSL_cleanse, (void *bytes, size_t length))                                                      \
  F(void, ERR_clear_error, (void))                                                                            \
  F(EVP_CIPHER *, EVP_CIPHER_fetch, (void *library, const char *name, const char *properties))                \
  F(void, EVP_CIPHER_free, (EVP_CIPHER * cipher))                                                             \
  F(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void))                                                             \
  F(void, EVP_CIPHER_CTX_free, (EVP_CIPHER_CTX * context))                                                    \
  F(int, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * context, int command, int number, void *bytes))               \
  F(int, EVP_CIPHER_CTX_set_padding, (EVP_CIPHER_CTX * context, int padding))                                 \
  F(int, EVP_CIPHER_CTX_set_params, (EVP_CIPHER_CTX * context, const OSSL_PARAM *parameters))                 \
  F(int, EVP_CIPHER_CTX_get_params, (EVP_CIPHER_CTX * context, OSSL_PARAM * parameters))                      \
  F(int, EVP_CipherInit_ex,                                                                                   \
    (EVP_CIPHER_CTX * context, const EVP_CIPHER *cipher, void *engine, const unsigned char *key,              \
     const unsigned char *iv, int encrypt))                                                                   \
  F(int, EVP_CipherUpdate,                                                                                    \
    (EVP_CIPHER_CTX * context, unsigned char *out, int *written, const unsigned char *in, int length))        \
  F(int, EVP_CipherFinal_ex, (EVP_CIPHER_CTX * context, unsigned char *out, int *written))

#define OPENSSL_DIGEST_FUNCTIONS(F)                                                                           \
  F(EVP_MD *, EVP_MD_fetch, (void *library, const char *name, const char *properties))                        \
  F(void, EVP_MD_free, (EVP_MD * md))                                                                         \
  F(EVP_MD_CTX *, EVP_MD_CTX_new, (void))                                                                     \
  F(void, EVP_MD_CTX_free, (EVP_MD_CTX * context))                                                            \
  F(int, EVP_DigestInit_ex, (EVP_MD_CTX * context, const EVP_MD *md, void *engine))                           \
  F(int, EVP_DigestUpdate, (EVP_MD_CTX * context, const void *bytes, size_t length))                          \
  F(int, EVP_DigestFinal_ex, (EVP_MD_CTX * context, unsigned char *out, unsigned int *written))

#define OPENSSL_KEY_FUNCTIONS(F)                                                                              \
  F(EVP_PKEY *, EVP_PKEY_new, (void))                                                                         \
  F(void, EVP_PKEY_free, (EVP_PKEY * key))                                                                    \
  F(int, EVP_PKEY_copy_parameters, (EVP_PKEY * to, const EVP_PKEY *from))                                     \
  F(int, EVP_PKEY_is_a, (const EVP_PKEY *key, const char *type))                                              \
  F(int, EVP_PKEY_get_bits, (const EVP_PKEY *key))                                                            \
  F(int, EVP_PKEY_set1_encoded_public_key, (EVP_PKEY * key, const unsigned char *share, size_t length))       \
  F(int, EVP_PKEY_get_octet_string_param,                                                                     \
    (const EVP_PKEY *key, const char *name, unsigned char *out, size_t room, size_t *length))                 \
  F(EVP_PKEY *, d2i_AutoPrivateKey_ex,                                                                        \
    (EVP_PKEY * *key, const unsigned char **der, long length, void *library, const char *properties))         \
  F(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, (void *library, const char *name, const char *properties))    \
  F(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_pkey, (void *library, EVP_PKEY *key, const char *properties))       \
  F(void, EVP_PKEY_CTX_free, (EVP_PKEY_CTX * context))                                                        \
  F(int, EVP_PKEY_CTX_set_group_name, (EVP_PKEY_CTX * context, const char *name))                             \
  F(int, EVP_PKEY_keygen_init, (EVP_PKEY_CTX * context))                                                      \
  F(int, EVP_PKEY_generate, (EVP_PKEY_CTX * context, EVP_PKEY **key))                                         \
  F(int, EVP_PKEY_derive_init, (EVP_PKEY_CTX * context))                                                      \
  F(int, EVP_PKEY_derive_set_peer_ex, (EVP_PKEY_CTX * context, EVP_PKEY *peer, int validate))                 \
  F(int, EVP_PKEY_derive, (EVP_PKEY_CTX * context, unsigned char *secret, size_t *length))                    \
  F(EVP_PKEY *, EVP_PKEY_new_raw_public_key_ex,                                                               \
    (void *library, const char *type, const char *properties, const unsigned char *bytes, size_t length))     \
  F(int, EVP_PKEY_sign_init, (EVP_PKEY_CTX * context))                                                        \
  F(int, EVP_PKEY_sign,                                                                                       \
    (EVP_PKEY_CTX * context, unsigned char *signature, size_t *length, const unsigned char *digest,           \
     size_t digest_length))                                                                                   \
  F(int, EVP_PKEY_verify_init, (EVP_PKEY_CTX * context))                                                      \
  F(int, EVP_PKEY_verify,                                                                                     \
    (EVP_PKEY_CTX * context, const unsigned char *signature, size_t length, const unsigned char *digest,      \
     size_t digest_length))                                                                                   \
  F(int, EVP_DigestVerifyInit_ex,                                                                             \
    (EVP_MD_CTX * context, EVP_PKEY_CTX **key_context, const char *md, void *library, const char *properties, \
     EVP_PKEY *key, const void *parameters))                                                                  \
  F(int, EVP_DigestVerify,                                                                                    \
    (EVP_MD_CTX * context, const unsigned char *signature, size_t length, const unsigned char *text,          \
     size_t text_length))

/* Commands of EVP_CIPHER_CTX_ctrl. */
enum { AEAD_SET_IV_LENGTH = 0x9, AEAD_SET_TAG = 0x11 };

struct openssl {
#define MEMBER(result, name, parameters) result(*name) parameters;
  OPENSSL_FUNCTIONS(MEMBER)
  OPENSSL_DIGEST_FUNCTIONS(MEMBER)
  OPENSSL_KEY_FUNCTIONS(MEMBER)
#undef MEMBER
  /* All of the second and of the third group are there. */
  bool has_digests;
  bool has_keys;
};

/* False where the process exports no OpenSSL of version 3 or later, such as BoringSSL in other runtimes. */
bool find_openssl(struct openssl *functions);

#endif
