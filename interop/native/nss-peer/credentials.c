#include "credentials.h"

#include <certdb.h>

#include <nssb64.h>
#include <nspr.h>
#include <pk11pub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"

#define MAX_FILE 16384

/* The first PEM block of a file, decoded; the caller frees `data`. */
static SECItem read_pem(const char *file) {
    static char text[MAX_FILE];
    FILE *stream = fopen(file, "r");
    if (stream == NULL) refuse("cannot read %s", file);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    char *begin = strstr(text, "-----BEGIN");
    char *body = begin == NULL ? NULL : strchr(begin, '\n');
    char *end = body == NULL ? NULL : strstr(body, "-----END");
    if (end == NULL) refuse("%s is not PEM", file);
    *end = '\0';
    SECItem item = {siBuffer, NULL, 0};
    if (NSSBase64_DecodeBuffer(NULL, &item, body, (unsigned)strlen(body)) == NULL) refuse("%s is not base64", file);
    return item;
}

static CERTCertificate *load_certificate(const char *file) {
    SECItem der = read_pem(file);
    CERTCertificate *certificate = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &der, NULL, PR_FALSE, PR_TRUE);
    if (certificate == NULL) refuse("%s: %s", file, PR_ErrorToName(PR_GetError()));
    free(der.data);
    return certificate;
}

static SECKEYPrivateKey *load_key(const char *file) {
    SECItem der = read_pem(file);
    SECKEYPrivateKey *key = NULL;
    PK11SlotInfo *slot = PK11_GetInternalKeySlot();
    SECStatus status = PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &der, NULL, NULL, PR_FALSE, PR_FALSE,
                                                                KU_ALL, &key, NULL);
    if (status != SECSuccess) refuse("%s: %s", file, PR_ErrorToName(PR_GetError()));
    PK11_FreeSlot(slot);
    free(der.data);
    return key;
}

Credentials load_credentials(const char *cert_file, const char *key_file) {
    return (Credentials){load_certificate(cert_file), load_key(key_file)};
}

void trust_ca(const char *file) {
    const unsigned int flags = CERTDB_VALID_CA | CERTDB_TRUSTED_CA | CERTDB_TRUSTED_CLIENT_CA;
    CERTCertTrust trust = {.sslFlags = flags, .emailFlags = 0, .objectSigningFlags = 0};
    if (CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), load_certificate(file), &trust) != SECSuccess) {
        refuse("%s: %s", file, PR_ErrorToName(PR_GetError()));
    }
}
