/* One session of Mbed TLS 3 without its socket: what the caller, in Rust, needs of it. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/version.h>
#include <psa/crypto.h>

#define DATAGRAM_SIZE 20000

typedef void send_callback(void *context, const unsigned char *datagram, size_t length);

struct settings {
    int server, cookie, cid_length;
    const char *ca, *cert, *key, *name, *keylog;
    /* Ends in 0; NULL leaves the defaults. */
    const int *suites;
    const unsigned char *cid;
    /* NULL: no pre-shared key. */
    const unsigned char *psk;
    size_t psk_length;
    const char *psk_identity;
    send_callback *send;
    void *context;
};

struct peer {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config conf;
    mbedtls_ssl_cookie_ctx cookies;
    mbedtls_x509_crt ca, cert;
    mbedtls_pk_context key;
    const struct settings *settings;
    /* The datagram to be read, if there is one. */
    unsigned char in[DATAGRAM_SIZE];
    size_t in_length;
    /* Times of its timer, ms; 0 stands for none. */
    long long intermediate, end;
};

static int fill_random(void *unused, unsigned char *buffer, size_t length)
{
    (void) unused;
    return getrandom(buffer, length, 0) == (ssize_t) length ? 0 : -1;
}

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static int on_send(void *context, const unsigned char *datagram, size_t length)
{
    struct peer *peer = context;
    peer->settings->send(peer->settings->context, datagram, length);
    return (int) length;
}

static int on_receive(void *context, unsigned char *buffer, size_t size)
{
    struct peer *peer = context;
    size_t length = peer->in_length < size ? peer->in_length : size;
    if (length == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(buffer, peer->in, length);
    peer->in_length = 0;
    return (int) length;
}

static void set_timer(void *context, uint32_t intermediate, uint32_t end)
{
    struct peer *peer = context;
    peer->intermediate = now() + intermediate;
    peer->end = end == 0 ? 0 : now() + end;
}

static int get_timer(void *context)
{
    const struct peer *peer = context;
    if (peer->end == 0) return -1;
    return (peer->intermediate <= now()) + (peer->end <= now());
}

static void keep_secret(void *context, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t length,
                        const unsigned char client_random[32], const unsigned char server_random[32],
                        mbedtls_tls_prf_types prf)
{
    const struct peer *peer = context;
    (void) server_random;
    (void) prf;
    if (type != MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET || peer->settings->keylog == NULL) return;
    FILE *file = fopen(peer->settings->keylog, "a");
    if (file == NULL) return;
    fputs("CLIENT_RANDOM ", file);
    for (size_t at = 0; at < 32; at++) fprintf(file, "%02x", client_random[at]);
    fputc(' ', file);
    for (size_t at = 0; at < length; at++) fprintf(file, "%02x", secret[at]);
    fputc('\n', file);
    fclose(file);
}

static int set_credentials(struct peer *peer)
{
    const struct settings *settings = peer->settings;
    int result = 0;
    if (settings->psk != NULL) {
        result = mbedtls_ssl_conf_psk(&peer->conf, settings->psk, settings->psk_length,
                                      (const unsigned char *) settings->psk_identity, strlen(settings->psk_identity));
        if (result != 0) return result;
    }
    mbedtls_ssl_conf_authmode(&peer->conf, settings->ca == NULL ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (settings->ca != NULL) {
        result = mbedtls_x509_crt_parse_file(&peer->ca, settings->ca);
        mbedtls_ssl_conf_ca_chain(&peer->conf, &peer->ca, NULL);
    }
    if (result != 0 || settings->cert == NULL) return result;
    if ((result = mbedtls_x509_crt_parse_file(&peer->cert, settings->cert)) != 0) return result;
    if ((result = mbedtls_pk_parse_keyfile(&peer->key, settings->key, NULL, fill_random, NULL)) != 0) return result;
    return mbedtls_ssl_conf_own_cert(&peer->conf, &peer->cert, &peer->key);
}

static int configure(struct peer *peer)
{
    const struct settings *settings = peer->settings;
    int result = mbedtls_ssl_config_defaults(&peer->conf, settings->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                             MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (result != 0) return result;
    mbedtls_ssl_conf_rng(&peer->conf, fill_random, NULL);
    if (settings->suites != NULL) mbedtls_ssl_conf_ciphersuites(&peer->conf, settings->suites);
    if (settings->server && settings->cookie) {
        if ((result = mbedtls_ssl_cookie_setup(&peer->cookies, fill_random, NULL)) != 0) return result;
        mbedtls_ssl_conf_dtls_cookies(&peer->conf, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &peer->cookies);
    } else if (settings->server) {
        mbedtls_ssl_conf_dtls_cookies(&peer->conf, NULL, NULL, NULL);
    }
    if (settings->cid_length >= 0) {
        result = mbedtls_ssl_conf_cid(&peer->conf, (size_t) settings->cid_length, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE);
    }
    return result != 0 ? result : set_credentials(peer);
}

/* Cookies are made for it. Each address has a session of its own, with keys for cookies of its own. */
static int know_client(struct peer *peer)
{
    static const unsigned char client[] = "the client";
    return peer->settings->server ? mbedtls_ssl_set_client_transport_id(&peer->ssl, client, sizeof client) : 0;
}

static int set_cid(struct peer *peer)
{
    int length = peer->settings->cid_length;
    if (length < 0) return 0;
    return mbedtls_ssl_set_cid(&peer->ssl, MBEDTLS_SSL_CID_ENABLED, peer->settings->cid, (size_t) length);
}

/* NULL: it cannot be done, and `failure` is Mbed TLS's reason. The settings must outlive it. */
struct peer *peer_open(const struct settings *settings, int *failure)
{
    struct peer *peer = calloc(1, sizeof *peer);
    peer->settings = settings;
    psa_crypto_init();
    mbedtls_ssl_init(&peer->ssl);
    mbedtls_ssl_config_init(&peer->conf);
    mbedtls_ssl_cookie_init(&peer->cookies);
    mbedtls_x509_crt_init(&peer->ca);
    mbedtls_x509_crt_init(&peer->cert);
    mbedtls_pk_init(&peer->key);
    if ((*failure = configure(peer)) != 0 || (*failure = mbedtls_ssl_setup(&peer->ssl, &peer->conf)) != 0) return NULL;
    mbedtls_ssl_set_bio(&peer->ssl, peer, on_send, on_receive, NULL);
    mbedtls_ssl_set_timer_cb(&peer->ssl, peer, set_timer, get_timer);
    mbedtls_ssl_set_export_keys_cb(&peer->ssl, keep_secret, peer);
    if ((*failure = know_client(peer)) != 0 || (*failure = set_cid(peer)) != 0) return NULL;
    if (settings->name != NULL && (*failure = mbedtls_ssl_set_hostname(&peer->ssl, settings->name)) != 0) return NULL;
    return peer;
}

void peer_feed(struct peer *peer, const unsigned char *datagram, size_t length)
{
    peer->in_length = length < DATAGRAM_SIZE ? length : DATAGRAM_SIZE;
    memcpy(peer->in, datagram, peer->in_length);
}

/* 0: complete. 1: it waits. Else Mbed TLS's reason. */
int peer_handshake(struct peer *peer)
{
    int result = mbedtls_ssl_handshake(&peer->ssl);
    if (result == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
        result = mbedtls_ssl_session_reset(&peer->ssl);
        if (result == 0) result = know_client(peer);
        if (result == 0) result = set_cid(peer);
        return result == 0 ? 1 : result;
    }
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE ? 1 : result;
}

/* The length of a message; 0: there is none. A negative number is Mbed TLS's reason. */
int peer_read(struct peer *peer, unsigned char *buffer, size_t size)
{
    int result = mbedtls_ssl_read(&peer->ssl, buffer, size);
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE ? 0 : result;
}

int peer_write(struct peer *peer, const unsigned char *message, size_t length)
{
    return mbedtls_ssl_write(&peer->ssl, message, length);
}

int peer_close(struct peer *peer)
{
    return mbedtls_ssl_close_notify(&peer->ssl);
}

int peer_is_close_notify(int result)
{
    return result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
}

/* The description of the fatal alert that came, or -1. */
int peer_alert(const struct peer *peer, int result)
{
    return result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? peer->ssl.MBEDTLS_PRIVATE(in_msg)[1] : -1;
}

/* ms until its timer ends; -1: it has none. */
long long peer_wake(const struct peer *peer)
{
    if (peer->end == 0) return -1;
    return peer->end > now() ? peer->end - now() : 0;
}

/* The newest record number that was authentic. */
unsigned long long peer_newest(const struct peer *peer)
{
    return peer->ssl.MBEDTLS_PRIVATE(in_window_top);
}

int peer_suite(const struct peer *peer)
{
    return mbedtls_ssl_get_ciphersuite_id_from_ssl(&peer->ssl);
}

/* The length of a connection ID in use, or -1; `id` has room for 32 bytes. */
int peer_cid(struct peer *peer, int own, unsigned char *id)
{
    int enabled = MBEDTLS_SSL_CID_DISABLED;
    size_t length = 0;
    int result = own ? mbedtls_ssl_get_own_cid(&peer->ssl, &enabled, id, &length)
                     : mbedtls_ssl_get_peer_cid(&peer->ssl, &enabled, id, &length);
    return result == 0 && enabled == MBEDTLS_SSL_CID_ENABLED ? (int) length : -1;
}

void peer_reason(int result, char *text, size_t size)
{
    mbedtls_strerror(result, text, size);
}

const char *peer_version(void)
{
    return MBEDTLS_VERSION_STRING_FULL;
}
