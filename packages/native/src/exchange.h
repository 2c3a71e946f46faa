/*
 * (EC)DHE over EVP, without JavaScript. OpenSSL refuses points that are not on their curve, and all of these curves have
 * the cofactor 1 but X25519, whose all-zero secrets are refused (RFC 8446 §7.4.2).
 */
#ifndef DATAGRAM_TLS_EXCHANGE_H
#define DATAGRAM_TLS_EXCHANGE_H

#include "openssl.h"

enum { GROUPS = 4, MAX_SHARE_LENGTH = 133, MAX_SECRET_LENGTH = 66 };

struct group {
  const char *name; /* the library's */
  const char *type; /* OpenSSL's */
  const char *curve; /* NULL for X25519, which is a type of its own */
  int bits;
  size_t share_length;
  size_t secret_length;
};

/* NULL for an unknown name. */
const struct group *group_named(const char *name);
/* NULL for a key of no group. */
const struct group *group_of(const struct openssl *ssl, const EVP_PKEY *key);

/*
 * For each group that was needed: what makes key pairs, a pair whose parameters others take over, and a public key that is
 * filled with the share of each peer.
 */
struct generators {
  EVP_PKEY_CTX *of[GROUPS];
  EVP_PKEY *models[GROUPS];
  EVP_PKEY *peers[GROUPS];
};

/* NULL when this OpenSSL lacks the group, or has no memory. */
EVP_PKEY *exchange_generate(struct generators *generators, const struct openssl *ssl, const struct group *group);
/* The public key of a share, which has the group's length. NULL for what is no public value, and without memory. */
EVP_PKEY *exchange_public(struct generators *generators, const struct openssl *ssl, const struct group *group,
                          const unsigned char *share);
void generators_close(struct generators *generators, const struct openssl *ssl);

/* `out` has the length of the group's share. */
bool exchange_share(const struct openssl *ssl, const struct group *group, const EVP_PKEY *key, unsigned char *out);
/*
 * False for a share that is no valid public value, and when OpenSSL fails. `share` and `out` have the group's lengths;
 * `out` is wiped on failure.
 */
bool exchange_derive(struct generators *generators, const struct openssl *ssl, const struct group *group, EVP_PKEY *key,
                     const unsigned char *share, unsigned char *out);
/*
 * Answers `share` with a key pair that is made for it and closed: its own share goes to `out`. False as above, `secret` is
 * wiped then.
 */
bool exchange_answer(struct generators *generators, const struct openssl *ssl, const struct group *group,
                     const unsigned char *share, unsigned char *out, unsigned char *secret);

#endif
