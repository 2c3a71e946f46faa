/* Mbed TLS 2.28, DTLS 1.2. A session that waits for the next peer answers a ClientHello from an unvalidated address. */
#include "server.h"
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <stdlib.h>

struct session {
  mbedtls_ssl_context tls;
  mbedtls_timing_delay_context timer;
  struct sockaddr_in peer;
  int established;
};

static mbedtls_ssl_config config;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_source;
static mbedtls_ssl_cookie_ctx cookies;
static mbedtls_x509_crt chain;
static mbedtls_pk_context key;
static int suites[2];
/* Becomes the session of the next peer whose cookie holds. */
static struct session *listener;

const char *library_version(void) {
  return "Mbed TLS " MBEDTLS_VERSION_STRING;
}

static void check(int result, const char *what) {
  char text[128];
  if (result >= 0) return;
  mbedtls_strerror(result, text, sizeof text);
  fprintf(stderr, "%s: %s\n", what, text);
  exit(1);
}

/* ---- Transport: reads the datagram in hand, writes straight to the peer ---- */

static int receive(void *pointer, unsigned char *out, size_t capacity) {
  (void)pointer;
  int length = take_datagram(out, (int)capacity);
  return length > 0 ? length : MBEDTLS_ERR_SSL_WANT_READ;
}

static int transmit(void *pointer, const unsigned char *bytes, size_t length) {
  return send_datagram(&((struct session *)pointer)->peer, bytes, (int)length);
}

/* ---- Sessions ---- */

static struct session *create_session(void) {
  struct session *session = calloc(1, sizeof *session);
  if (!session) die("session");
  mbedtls_ssl_init(&session->tls);
  check(mbedtls_ssl_setup(&session->tls, &config), "mbedtls_ssl_setup");
  mbedtls_ssl_set_timer_cb(&session->tls, &session->timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
  mbedtls_ssl_set_bio(&session->tls, session, transmit, receive, NULL);
  mbedtls_ssl_set_mtu(&session->tls, MTU);
  return session;
}

void *session_accept(const struct sockaddr_in *from) {
  struct sockaddr_in address = {.sin_addr = from->sin_addr, .sin_port = from->sin_port};
  if (!listener) listener = create_session();
  listener->peer = *from;
  check(mbedtls_ssl_set_client_transport_id(&listener->tls, (unsigned char *)&address, sizeof address), "address");
  int result = mbedtls_ssl_handshake(&listener->tls);
  if (result != MBEDTLS_ERR_SSL_WANT_READ) {
    mbedtls_ssl_session_reset(&listener->tls);
    return NULL;
  }
  struct session *accepted = listener;
  listener = NULL;
  return accepted;
}

static int is_passing(int result) {
  return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

int session_serve(void *over) {
  static unsigned char message[DATAGRAM_MAX];
  struct session *session = over;
  if (!session->established) {
    int result = mbedtls_ssl_handshake(&session->tls);
    if (result != 0) return is_passing(result);
    session->established = 1;
  }
  for (;;) {
    int length = mbedtls_ssl_read(&session->tls, message, sizeof message);
    if (length <= 0) return is_passing(length);
    on_message(session, message, length);
  }
}

void session_send(void *over, const void *message, int length) {
  mbedtls_ssl_write(&((struct session *)over)->tls, message, (size_t)length);
}

void session_free(void *over) {
  struct session *session = over;
  mbedtls_ssl_close_notify(&session->tls);
  mbedtls_ssl_free(&session->tls);
  free(session);
}

/* ---- Configuration ---- */

static void set_identity(void) {
  static unsigned char psk[64];
  if (settings.psk) {
    size_t length = (size_t)psk_bytes(psk, sizeof psk);
    check(mbedtls_ssl_conf_psk(&config, psk, length, (const unsigned char *)"bench", 5), "mbedtls_ssl_conf_psk");
    return;
  }
  check(mbedtls_x509_crt_parse_file(&chain, settings.cert), settings.cert);
  check(mbedtls_pk_parse_keyfile(&key, settings.key, NULL), settings.key);
  check(mbedtls_ssl_conf_own_cert(&config, &chain, &key), "mbedtls_ssl_conf_own_cert");
}

void library_start(void) {
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random_source);
  check(mbedtls_ctr_drbg_seed(&random_source, mbedtls_entropy_func, &entropy, NULL, 0), "mbedtls_ctr_drbg_seed");
  mbedtls_ssl_config_init(&config);
  check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT),
        "mbedtls_ssl_config_defaults");
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_source);
  suites[0] = mbedtls_ssl_get_ciphersuite_id(settings.suite);
  if (suites[0] == 0) check(MBEDTLS_ERR_SSL_BAD_INPUT_DATA, settings.suite);
  mbedtls_ssl_conf_ciphersuites(&config, suites);
  mbedtls_ssl_cookie_init(&cookies);
  check(mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, &random_source), "mbedtls_ssl_cookie_setup");
  mbedtls_ssl_conf_dtls_cookies(&config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &cookies);
  set_identity();
}
