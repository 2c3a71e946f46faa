#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <cert.h>
#include <keyhi.h>

typedef struct {
    CERTCertificate *certificate;
    SECKEYPrivateKey *key;
} Credentials;

/* Reads PEM files into NSS, which keeps them in memory only. */
Credentials load_credentials(const char *cert_file, const char *key_file);
/* Trusts a CA for servers and for clients. */
void trust_ca(const char *file);

#endif
