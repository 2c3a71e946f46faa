#include "flags.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint16_t code;
    const char *name;
} Name;

static const Name GROUPS[] = {
    {0x17, "secp256r1"}, {0x18, "secp384r1"}, {0x1d, "x25519"}, {0x11ec, "X25519MLKEM768"}, {0, NULL},
};

static const Name SUITES[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256"},
    {0x1302, "TLS_AES_256_GCM_SHA384"},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
    {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0, NULL},
};

static const Name ALERTS[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {0, NULL},
};

static const char *name_of(const Name *table, uint16_t code) {
    static char number[8];
    for (; table->name != NULL; table++) {
        if (table->code == code) return table->name;
    }
    snprintf(number, sizeof number, "%u", code);
    return number;
}

const char *suite_name(uint16_t code) { return name_of(SUITES, code); }
const char *group_name(uint16_t code) { return name_of(GROUPS, code); }
const char *alert_name(uint8_t code) { return name_of(ALERTS, code); }

void report(const char *key, const char *value) { fprintf(stderr, "%s=%s\n", key, value); }

void refuse(const char *format, ...) {
    char reason[256];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    report("error", reason);
    exit(2);
}

static uint16_t code_of(const Name *table, const char *name) {
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) return table->code;
    }
    refuse("NSS has no %s", name);
}

static Codes codes_of(const Name *table, char *list) {
    Codes codes = {.count = 0};
    for (char *name = strtok(list, ","); name != NULL; name = strtok(NULL, ",")) {
        if (codes.count == MAX_NAMES) refuse("too many names");
        codes.code[codes.count++] = code_of(table, name);
    }
    return codes;
}

static void set_version(Flags *flags, const char *value) {
    if (strcmp(value, "1.2") == 0) flags->max_version = 0x303;
    else if (strcmp(value, "1.3") == 0) flags->min_version = 0x304;
    else if (strcmp(value, "any") != 0) refuse("unknown version %s", value);
}

static void set_flag(Flags *flags, const char *flag, char *value) {
    if (strcmp(flag, "--host") == 0) flags->host = value;
    else if (strcmp(flag, "--port") == 0) flags->port = (uint16_t)atoi(value);
    else if (strcmp(flag, "--version") == 0) set_version(flags, value);
    else if (strcmp(flag, "--cert") == 0) flags->cert = value;
    else if (strcmp(flag, "--key") == 0) flags->key = value;
    else if (strcmp(flag, "--ca") == 0) flags->ca = value;
    else if (strcmp(flag, "--name") == 0) flags->name = value;
    else if (strcmp(flag, "--keylog") == 0) flags->keylog = value;
    else if (strcmp(flag, "--psk") == 0) flags->psk = value;
    else if (strcmp(flag, "--suites") == 0) flags->suites = codes_of(SUITES, value);
    else if (strcmp(flag, "--groups") == 0) flags->groups = codes_of(GROUPS, value);
    else if (strcmp(flag, "--shares") == 0) flags->shares = codes_of(GROUPS, value);
    else if (strcmp(flag, "--early") == 0) flags->early = value;
    else if (strcmp(flag, "--sessions") == 0) flags->sessions = (unsigned)atoi(value);
    else if (strcmp(flag, "--tickets") == 0) flags->tickets = strcmp(value, "yes") == 0;
    else if (strcmp(flag, "--cookie") == 0) flags->cookie = strcmp(value, "yes") == 0;
    else refuse("NSS has no use for %s", flag);
}

Flags parse_flags(int argc, char **argv) {
    Flags flags = {.host = "127.0.0.1", .min_version = 0x303, .max_version = 0x304, .sessions = 1, .tickets = true};
    if (argc < 2) refuse("the first argument is client or server");
    flags.server = strcmp(argv[1], "server") == 0;
    for (int at = 2; at < argc; at += 2) {
        if (at + 1 == argc) refuse("%s needs a value", argv[at]);
        set_flag(&flags, argv[at], argv[at + 1]);
    }
    return flags;
}
