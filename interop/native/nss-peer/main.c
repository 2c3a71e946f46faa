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
#define MAX_EARLY 4096

typedef struct {
    Flags flags;
    Credentials own;
    PRFileDesc *ssl;
    int socket;
    /* Of a server. */
    int listener;
    bool established;
    bool finished;
    bool closing;
    bool early_sent;
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

static void finish(Peer *peer) {
    if (!peer->finished) report("closed", "yes");
    peer->finished = true;
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

static uint16_t port_of(int fd) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    char port[8];
    getsockname(fd, (struct sockaddr *)&own, &length);
    getnameinfo((struct sockaddr *)&own, length, NULL, 0, port, sizeof port, NI_NUMERICSERV | NI_DGRAM);
    return (uint16_t)atoi(port);
}

static int listening_socket(Flags *flags) {
    const int yes = 1;
    struct addrinfo *address = resolve(flags);
    int fd = socket(address->ai_family, SOCK_DGRAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0) refuse("the port is in use");
    freeaddrinfo(address);
    flags->port = port_of(fd);
    return fd;
}

/* A server's session is bound to the first client that it hears of, whose datagrams stay in the socket; those of the next
 * client wait in another. */
static int accept_client(Peer *peer) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char byte;
    int fd = peer->listener;
    if (recvfrom(fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&from, &length) < 0) refuse("no client");
    connect(fd, (struct sockaddr *)&from, length);
    peer->listener = listening_socket(&peer->flags);
    return fd;
}

static int connected_socket(const Flags *flags) {
    struct addrinfo *address = resolve(flags);
    int fd = socket(address->ai_family, SOCK_DGRAM, 0);
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) refuse("cannot connect");
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
    bool remembers = flags->psk != NULL || flags->sessions > 1;
    SSL_OptionSet(peer->ssl, SSL_NO_CACHE, !remembers);
    SSL_OptionSet(peer->ssl, SSL_ENABLE_SESSION_TICKETS, remembers && flags->tickets);
    SSL_OptionSet(peer->ssl, SSL_ENABLE_0RTT_DATA, flags->early != NULL);
    /* NSS has the message in DTLS as well, unlike RFC 9147 5.6. A server could not do without it, and takes no early data
     * where it has no memory of replays. */
    SSL_OptionSet(peer->ssl, SSL_SUPPRESS_END_OF_EARLY_DATA, !flags->server);
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
    if (info.resumed) report("reused", "yes");
    if (peer->flags.early != NULL) report("early-data", info.earlyDataAccepted ? "accepted" : "refused");
    CERTCertificate *theirs = SSL_PeerCertificate(peer->ssl);
    if (peer->flags.server && theirs != NULL) report("client-verified", "yes");
    report_exporter(peer->ssl);
    report("established", "yes");
}

static bool early_data_accepted(Peer *peer) {
    SSLChannelInfo info;
    check(SSL_GetChannelInfo(peer->ssl, &info, sizeof info), "SSL_GetChannelInfo");
    return info.earlyDataAccepted;
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

static void send_line(Peer *peer, const char *line) {
    char message[MAX_EARLY];
    int length = snprintf(message, sizeof message, "%s\n", line);
    send_message(peer, message, (size_t)length);
}

static void receive_messages(Peer *peer) {
    char message[MAX_LINE];
    for (;;) {
        PRInt32 length = PR_Recv(peer->ssl, message, sizeof message, 0, PR_INTERVAL_NO_TIMEOUT);
        if (length == 0) {
            shut(peer);
            finish(peer);
            return;
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

/* Once its ClientHello is out, a client that may says its line in early data. */
static void say_early(Peer *peer) {
    SSLPreliminaryChannelInfo info;
    if (peer->flags.server || peer->flags.early == NULL || peer->early_sent) return;
    if (SSL_GetPreliminaryChannelInfo(peer->ssl, &info, sizeof info) != SECSuccess || info.maxEarlyDataSize == 0) return;
    peer->early_sent = true;
    send_line(peer, peer->flags.early);
}

/* What was refused is said again, as an application has to. */
static void on_established(Peer *peer) {
    peer->established = true;
    report_session(peer);
    if (!peer->flags.server && peer->flags.early != NULL && !early_data_accepted(peer)) send_line(peer, peer->flags.early);
}

static void advance(Peer *peer) {
    if (!peer->established) {
        if (SSL_ForceHandshake(peer->ssl) == SECSuccess) {
            on_established(peer);
        } else if (PR_GetError() != PR_WOULD_BLOCK_ERROR && PR_GetError() != PR_CONNECT_REFUSED_ERROR) {
            fail("handshake");
        } else {
            say_early(peer);
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
        if (passed >= LINGER_MS) {
            finish(peer);
            return 0;
        }
        if (LINGER_MS - passed < wait) wait = LINGER_MS - passed;
    }
    return wait;
}

static void run(Peer *peer) {
    peer->socket = peer->flags.server ? accept_client(peer) : connected_socket(&peer->flags);
    open_session(peer);
    while (!peer->finished) {
        advance(peer);
        if (peer->finished) break;
        struct pollfd ready[] = {{.fd = peer->socket, .events = POLLIN},
                                 {.fd = peer->input_open ? 0 : -1, .events = POLLIN}};
        poll(ready, 2, milliseconds_to_wait(peer));
        if (ready[1].revents != 0) read_input(peer);
    }
    PR_Close(peer->ssl);
}

/* With the same flags, certificates and input, for another session. */
static Peer successor(const Peer *peer) {
    return (Peer){.flags = peer->flags, .own = peer->own, .listener = peer->listener, .input_open = peer->input_open};
}

static void begin_server(Peer *peer) {
    char port[8];
    check(SSL_ConfigServerSessionIDCache(0, 0, 0, NULL), "session cache");
    peer->listener = listening_socket(&peer->flags);
    snprintf(port, sizeof port, "%u", peer->flags.port);
    report("port", port);
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
    if (peer.flags.server) begin_server(&peer);
    for (unsigned session = 0; session < peer.flags.sessions; session++) {
        run(&peer);
        peer = successor(&peer);
    }
    return 0;
}
