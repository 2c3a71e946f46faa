/*
 * Signatures over EVP, without JavaScript. A scheme is named by its code in TLS (RFC 8446 §4.2.3), where
 * ECDSA means its hash with a key of any curve (RFC 8422 §5.4). OpenSSL takes signatures of ECDSA in strict DER alone.
 */
#ifndef DATAGRAM_TLS_SIGNATURES_H
#define DATAGRAM_TLS_SIGNATURES_H

#include "hashes.h"
#include "pairs.h"

struct scheme {
  int code;
  const char *type;     /* OpenSSL's, of its keys */
  size_t digest_length; /* 0: the message itself is signed */
};

/* NULL for an unknown code. */
const struct scheme *scheme_of(int code);
bool scheme_fits(const struct scheme *scheme, const struct pair *pair);
/* In DER, with the curve P-521: two numbers of 66 bytes, each with a sign byte and a frame. */
enum { MAX_SIGNATURE_LENGTH = 141 };

/*
 * Its length; 0 for a scheme of EdDSA, for a key without a private half, and when OpenSSL fails. `out` has room for
 * MAX_SIGNATURE_LENGTH.
 */
size_t signature_make(struct pair *pair, struct hashes *hashes, const struct scheme *scheme, struct text text,
                      unsigned char *out);
/* False for what is no signature of it, and when OpenSSL fails. */
bool signature_verify(const struct pair *pair, struct hashes *hashes, const struct scheme *scheme, struct text text,
                      struct text signature);

#endif
