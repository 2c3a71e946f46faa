/* The command line of every foreign peer, and IANA's names for the numbers on the wire. */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_NAMES 8

typedef struct {
    uint16_t code[MAX_NAMES];
    unsigned count;
} Codes;

typedef struct {
    bool server;
    const char *host;
    uint16_t port;
    /* 0x303 and 0x304, as NSS numbers DTLS 1.2 and 1.3. */
    uint16_t min_version;
    uint16_t max_version;
    /* PEM files, or NULL. */
    const char *cert;
    const char *key;
    const char *ca;
    const char *name;
    const char *keylog;
    /* `ID:HEX`, DTLS 1.3 only: the pre-shared key that takes the place of certificates, or NULL. */
    const char *psk;
    /* What a client says in early data, or NULL. A server that has any allows it in its tickets, and then refuses it. */
    const char *early;
    /* How many follow one another: a server's of as many clients, a client's with one server. */
    unsigned sessions;
    bool tickets;
    Codes suites;
    Codes groups;
    Codes shares;
    bool cookie;
} Flags;

Flags parse_flags(int argc, char **argv);
const char *suite_name(uint16_t code);
const char *group_name(uint16_t code);
const char *alert_name(uint8_t code);
/* Prints one fact. */
void report(const char *key, const char *value);
/* Ends the program before a session began. */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
