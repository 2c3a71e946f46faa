/* Firefox's NSS as a peer: flags, commands and output as in ../peer-kit/src/lib.rs. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netdb.h>
#include <nspr.h>
#include <nss.h>
#include <pk11pub.h>
#include <poll.h>
#include <private/pprio.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "credentials.h"
#include "flags.h"

#define EXPORTER_LABEL "EXPORTER-interop"
#define EXPORTER_LENGTH 32
#define LINGER_MS 1000
#define MAX_LINE 65536

typedef struct {
    Flags flags;
    Credentials own;
    PRFileDesc *ssl;
    int socket;
    bool established;
    bool closing;
    struct timespec closed_at;
    char typed[MAX_LINE];
    size_t typed_length;
    bool input_open;
} Peer;

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "error=%s: %s\n", what, PR_ErrorToName(PR_GetError()));
    exit(1);
}

static void check(SECStatus status, const char *what) {
    if (status != SECSuccess) fail(what);
}

static _Noreturn void finish(void) {
    report("closed", "yes");
    exit(0);
}

/* --- the socket ------------------------------------------------------------------------------------------------ */

static struct addrinfo *resolve(const Flags *flags) {
    char port[8];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
    snprintf(port, sizeof port, "%u", flags->port);
    if (getaddrinfo(flags->host, port, &hints, &found) != 0) refuse("%s is not an address", flags->host);
    return found;
}

/* A server is bound to the first client that it hears of, whose datagram stays in the socket. */
static void accept_first_client(int fd) {
    struct sockaddr_storage own;
    struct sockaddr_storage from;
    socklen_t length = sizeof own;
    char port[8];
    char byte;
    getsockname(fd, (struct sockaddr *)&own, &length);
    getnameinfo((struct sockaddr *)&own, length, NULL, 0, port, sizeof port, NI_NUMERICSERV | NI_DGRAM);
    report("port", port);
    length = sizeof from;
    if (recvfrom(fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&from, &length) < 0) refuse("no client");
    connect(fd, (struct sockaddr *)&from, length);
}

static int open_socket(const Flags *flags) {
    struct addrinfo *address = resolve(flags);
    int fd = socket(address->ai_family, SOCK_DGRAM, 0);
    if (flags->server) {
        if (bind(fd, address->ai_addr, address->ai_addrlen) != 0) refuse("the port is in use");
        accept_first_client(fd);
    } else if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        refuse("cannot connect");
    }
    freeaddrinfo(address);
    return fd;
}

/* --- what NSS asks and tells ----------------------------------------------------------------------------------- */

static void on_alert_sent(const PRFileDesc *fd, void *arg, const SSLAlert *alert) {
    (void)fd, (void)arg;
    report("alert-sent", alert_name(alert->description));
}

static void on_alert_received(const PRFileDesc *fd, void *arg, const SSLAlert *alert) {
    (void)fd, (void)arg;
    report("alert-received", alert_name(alert->description));
}

static SECStatus give_credentials(void *arg, PRFileDesc *fd, CERTDistNames *names, CERTCertificate **certificate,
                                  SECKEYPrivateKey **key) {
    Peer *peer = arg;
    (void)fd, (void)names;
    if (peer->own.certificate == NULL) return SECFailure;
    *certificate = CERT_DupCertificate(peer->own.certificate);
    *key = SECKEY_CopyPrivateKey(peer->own.key);
    return SECSuccess;
}

static SSLHelloRetryRequestAction demand_cookie(PRBool first, const PRUint8 *client_token, unsigned int client_length,
                                                PRUint8 *token, unsigned int *length, unsigned int max, void *arg) {
    (void)client_token, (void)client_length, (void)token, (void)max, (void)arg;
    *length = 0;
    return first ? ssl_hello_retry_request : ssl_hello_retry_accept;
}

/* --- configuration --------------------------------------------------------------------------------------------- */

static bool contains(const Codes *codes, uint16_t code) {
    for (unsigned at = 0; at < codes->count; at++) {
        if (codes->code[at] == code) return true;
    }
    return false;
}

static void set_suites(PRFileDesc *ssl, const Codes *suites) {
    const PRUint16 *all = SSL_GetImplementedCiphers();
    for (int at = 0; at < SSL_GetNumImplementedCiphers(); at++) {
        SSL_CipherPrefSet(ssl, all[at], contains(suites, all[at]));
    }
}

/* NSS sends shares for the first groups of its list. */
static void set_groups(PRFileDesc *ssl, const Codes *groups, const Codes *shares) {
    SSLNamedGroup ordered[2 * MAX_NAMES];
    unsigned count = 0;
    for (unsigned at = 0; at < shares->count; at++) ordered[count++] = (SSLNamedGroup)shares->code[at];
    for (unsigned at = 0; at < groups->count; at++) {
        if (!contains(shares, groups->code[at])) ordered[count++] = (SSLNamedGroup)groups->code[at];
    }
    if (count > 0) check(SSL_NamedGroupConfig(ssl, ordered, count), "groups");
    if (shares->count > 1) check(SSL_SendAdditionalKeyShares(ssl, shares->count - 1), "key shares");
}

/* NSS knows one key of a socket, and goes without certificates when both sides have it. */
static void set_psk(PRFileDesc *ssl, const char *psk) {
    unsigned char bytes[64];
    SECItem key = {siBuffer, bytes, 0};
    const char *colon = strrchr(psk, ':');
    if (colon == NULL) refuse("--psk needs ID:HEX");
    for (const char *at = colon + 1; key.len < sizeof bytes && sscanf(at, "%2hhx", &bytes[key.len]) == 1; at += 2) key.len++;
    PK11SlotInfo *slot = PK11_GetInternalSlot();
    PK11SymKey *imported = PK11_ImportSymKey(slot, CKM_HKDF_KEY_GEN, PK11_OriginUnwrap, CKA_DERIVE, &key, NULL);
    if (imported == NULL) fail("PK11_ImportSymKey");
    check(SSL_AddExternalPsk(ssl, imported, (const PRUint8 *)psk, (unsigned)(colon - psk), ssl_hash_sha256), "psk");
    PK11_FreeSymKey(imported);
    PK11_FreeSlot(slot);
}

static void configure_server(Peer *peer) {
    check(SSL_ConfigServerCert(peer->ssl, peer->own.certificate, peer->own.key, NULL, 0), "server certificate");
    if (peer->flags.ca != NULL) {
        SSL_OptionSet(peer->ssl, SSL_REQUEST_CERTIFICATE, PR_TRUE);
        SSL_OptionSet(peer->ssl, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS);
    }
    if (peer->flags.cookie) check(SSL_HelloRetryRequestCallback(peer->ssl, demand_cookie, NULL), "cookie");
}

static void configure_client(Peer *peer) {
    check(SSL_SetURL(peer->ssl, peer->flags.name), "server name");
    check(SSL_GetClientAuthDataHook(peer->ssl, give_credentials, peer), "client certificate");
}

static void open_session(Peer *peer) {
    const Flags *flags = &peer->flags;
    const SSLVersionRange versions = {flags->min_version, flags->max_version};
    PRSocketOptionData nonblocking = {.option = PR_SockOpt_Nonblocking, .value.non_blocking = PR_TRUE};
    PRFileDesc *udp = PR_ImportUDPSocket(peer->socket);
    PR_SetSocketOption(udp, &nonblocking);
    peer->ssl = DTLS_ImportFD(NULL, udp);
    if (peer->ssl == NULL) fail("DTLS_ImportFD");
    check(SSL_VersionRangeSet(peer->ssl, &versions), "versions");
    /* Without a cache NSS leaves out psk_key_exchange_modes, which an external key needs, too (RFC 8446 4.2.9). */
    SSL_OptionSet(peer->ssl, SSL_NO_CACHE, flags->psk == NULL);
    SSL_OptionSet(peer->ssl, SSL_ENABLE_EXTENDED_MASTER_SECRET, PR_TRUE);
    if (flags->suites.count > 0) set_suites(peer->ssl, &flags->suites);
    set_groups(peer->ssl, &flags->groups, &flags->shares);
    SSL_AlertSentCallback(peer->ssl, on_alert_sent, NULL);
    SSL_AlertReceivedCallback(peer->ssl, on_alert_received, NULL);
    if (flags->psk != NULL) set_psk(peer->ssl, flags->psk);
    if (flags->server) configure_server(peer);
    else configure_client(peer);
    check(SSL_ResetHandshake(peer->ssl, flags->server), "SSL_ResetHandshake");
}

/* --- the session ----------------------------------------------------------------------------------------------- */

/* NSS has none for the suites of DTLS 1.2 with SHA-384. */
static void report_exporter(PRFileDesc *ssl) {
    unsigned char secret[EXPORTER_LENGTH];
    char hex[2 * EXPORTER_LENGTH + 1];
    SECStatus status = SSL_ExportKeyingMaterial(ssl, EXPORTER_LABEL, sizeof EXPORTER_LABEL - 1, PR_FALSE, NULL, 0,
                                                secret, sizeof secret);
    if (status != SECSuccess) return;
    for (int at = 0; at < EXPORTER_LENGTH; at++) snprintf(hex + 2 * at, 3, "%02x", secret[at]);
    report("exporter", hex);
}

static void report_session(Peer *peer) {
    SSLChannelInfo info;
    check(SSL_GetChannelInfo(peer->ssl, &info, sizeof info), "SSL_GetChannelInfo");
    report("version", info.protocolVersion == SSL_LIBRARY_VERSION_TLS_1_3 ? "DTLSv1.3" : "DTLSv1.2");
    report("suite", suite_name(info.cipherSuite));
    report("group", group_name((uint16_t)info.keaGroup));
    CERTCertificate *theirs = SSL_PeerCertificate(peer->ssl);
    if (peer->flags.server && theirs != NULL) report("client-verified", "yes");
    report_exporter(peer->ssl);
    report("established", "yes");
}

static void shut(Peer *peer) {
    if (peer->closing) return;
    peer->closing = true;
    clock_gettime(CLOCK_MONOTONIC, &peer->closed_at);
    PR_Shutdown(peer->ssl, PR_SHUTDOWN_SEND);
}

static void send_message(Peer *peer, const char *message, size_t length) {
    if (PR_Send(peer->ssl, message, (PRInt32)length, 0, PR_INTERVAL_NO_TIMEOUT) < 0) fail("PR_Send");
}

static void receive_messages(Peer *peer) {
    char message[MAX_LINE];
    for (;;) {
        PRInt32 length = PR_Recv(peer->ssl, message, sizeof message, 0, PR_INTERVAL_NO_TIMEOUT);
        if (length == 0) {
            shut(peer);
            finish();
        }
        if (length < 0) {
            if (PR_GetError() == PR_WOULD_BLOCK_ERROR) return;
            /* ICMP's word that the other program is gone is not the session's. */
            if (PR_GetError() == PR_CONNECT_REFUSED_ERROR) continue;
            fail("PR_Recv");
        }
        fwrite(message, 1, (size_t)length, stdout);
        fflush(stdout);
        if (peer->flags.server) send_message(peer, message, (size_t)length);
    }
}

static void advance(Peer *peer) {
    if (!peer->established) {
        if (SSL_ForceHandshake(peer->ssl) == SECSuccess) {
            peer->established = true;
            report_session(peer);
        } else if (PR_GetError() != PR_WOULD_BLOCK_ERROR && PR_GetError() != PR_CONNECT_REFUSED_ERROR) {
            fail("handshake");
        }
    }
    if (peer->established) receive_messages(peer);
}

static void update_keys(Peer *peer, bool request) {
    if (SSL_KeyUpdate(peer->ssl, request) != SECSuccess) fail("SSL_KeyUpdate");
    report("key-update", request ? "requested" : "sent");
}

static void obey(Peer *peer, const char *line, size_t length) {
    if (strncmp(line, "/close\n", length) == 0) shut(peer);
    else if (strncmp(line, "/update\n", length) == 0) update_keys(peer, false);
    else if (strncmp(line, "/update-request\n", length) == 0) update_keys(peer, true);
    else send_message(peer, line, length);
}

static void read_input(Peer *peer) {
    ssize_t length = read(0, peer->typed + peer->typed_length, sizeof peer->typed - peer->typed_length);
    if (length <= 0) {
        peer->input_open = false;
        shut(peer);
        return;
    }
    peer->typed_length += (size_t)length;
    char *end;
    while ((end = memchr(peer->typed, '\n', peer->typed_length)) != NULL) {
        size_t line = (size_t)(end - peer->typed) + 1;
        obey(peer, peer->typed, line);
        peer->typed_length -= line;
        memmove(peer->typed, end + 1, peer->typed_length);
    }
}

static int milliseconds_to_wait(Peer *peer) {
    PRIntervalTime timeout;
    int wait = 1000;
    if (DTLS_GetHandshakeTimeout(peer->ssl, &timeout) == SECSuccess) {
        int timer = (int)PR_IntervalToMilliseconds(timeout) + 1;
        if (timer < wait) wait = timer;
    }
    if (peer->closing) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int passed = (int)((now.tv_sec - peer->closed_at.tv_sec) * 1000 + (now.tv_nsec - peer->closed_at.tv_nsec) / 1000000);
        if (passed >= LINGER_MS) finish();
        if (LINGER_MS - passed < wait) wait = LINGER_MS - passed;
    }
    return wait;
}

static void run(Peer *peer) {
    for (;;) {
        advance(peer);
        struct pollfd ready[] = {{.fd = peer->socket, .events = POLLIN},
                                 {.fd = peer->input_open ? 0 : -1, .events = POLLIN}};
        poll(ready, 2, milliseconds_to_wait(peer));
        if (ready[1].revents != 0) read_input(peer);
    }
}

int main(int argc, char **argv) {
    static Peer peer = {.input_open = true};
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        printf("NSS %s\n", NSS_GetVersion());
        return 0;
    }
    peer.flags = parse_flags(argc, argv);
    if (peer.flags.keylog != NULL) setenv("SSLKEYLOGFILE", peer.flags.keylog, 1);
    check(NSS_NoDB_Init(NULL), "NSS_NoDB_Init");
    check(NSS_SetDomesticPolicy(), "NSS_SetDomesticPolicy");
    if (peer.flags.ca != NULL) trust_ca(peer.flags.ca);
    if (peer.flags.cert != NULL) peer.own = load_credentials(peer.flags.cert, peer.flags.key);
    peer.socket = open_socket(&peer.flags);
    open_session(&peer);
    run(&peer);
}
