/*
 * Hashes, HMAC (RFC 2104), the PRF of TLS 1.2 (RFC 5246 §5) and HKDF-Expand (RFC 5869 §2.3) over EVP, without
 * JavaScript. One context for each hash serves all texts: nothing is allocated for one of them.
 */
#ifndef DATAGRAM_TLS_HASHES_H
#define DATAGRAM_TLS_HASHES_H

#include "openssl.h"

enum { MAX_DIGEST_LENGTH = 64, MAX_BLOCK_LENGTH = 128, HASHES = 3 };

/* One hash, open once it was needed. */
struct hash {
  const struct openssl *ssl;
  EVP_MD_CTX *context;
  size_t length; /* of a digest */
  size_t block;
};

struct hashes {
  struct hash of[HASHES];
};

struct text {
  const unsigned char *bytes;
  size_t length;
};

/* A hash is named by the length of its digest: 32, 48 or 64 bytes. NULL: there is none, or no memory. */
struct hash *hash_of_length(struct hashes *hashes, const struct openssl *ssl, size_t length);
void hashes_close(struct hashes *hashes, const struct openssl *ssl);

/* Each is false when OpenSSL fails, for lack of memory. `out` has room for what it says, and may overlap the input. */
bool hash_digest(struct hash *hash, const unsigned char *bytes, size_t length, unsigned char *out);
bool hash_hmac(struct hash *hash, struct text key, struct text text, unsigned char *out);
/* P_hash: `length` bytes. */
bool hash_prf(struct hash *hash, struct text secret, struct text seed, unsigned char *out, size_t length);
/* `length` bytes, of at most 255 digests: the counter is one byte. */
bool hash_expand(struct hash *hash, struct text prk, struct text info, unsigned char *out, size_t length);

#endif
