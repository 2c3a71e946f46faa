/* GnuTLS 3, DTLS 1.2. It answers a ClientHello from an unvalidated address without state. */
#include "server.h"
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct session {
  gnutls_session_t tls;
  struct sockaddr_in peer;
  int established;
};

static gnutls_certificate_credentials_t certificates;
static gnutls_psk_server_credentials_t keys;
static gnutls_priority_t priority;
static gnutls_datum_t cookie_key;

const char *library_version(void) {
  static char text[64];
  snprintf(text, sizeof text, "GnuTLS %s", gnutls_check_version(NULL));
  return text;
}

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "%s: %s\n", what, gnutls_strerror(result));
  exit(1);
}

/* ---- Transport: reads the datagram in hand, writes straight to the peer ---- */

static ssize_t pull(gnutls_transport_ptr_t pointer, void *out, size_t capacity) {
  struct session *session = pointer;
  int length = take_datagram(out, (int)capacity);
  if (length > 0) return length;
  gnutls_transport_set_errno(session->tls, EAGAIN);
  return -1;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned int milliseconds) {
  (void)pointer, (void)milliseconds;
  return 1;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *bytes, size_t length) {
  return send_datagram(&((struct session *)pointer)->peer, bytes, (int)length);
}

static ssize_t push_cookie(gnutls_transport_ptr_t pointer, const void *bytes, size_t length) {
  return send_datagram(pointer, bytes, (int)length);
}

/* ---- Sessions ---- */

static struct session *create_session(const struct sockaddr_in *from, gnutls_dtls_prestate_st *prestate) {
  struct session *session = calloc(1, sizeof *session);
  if (!session) die("session");
  session->peer = *from;
  check(gnutls_init(&session->tls, GNUTLS_SERVER | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK), "gnutls_init");
  check(gnutls_priority_set(session->tls, priority), "gnutls_priority_set");
  if (settings.psk) check(gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, keys), "gnutls_credentials_set");
  else check(gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, certificates), "gnutls_credentials_set");
  gnutls_dtls_prestate_set(session->tls, prestate);
  gnutls_dtls_set_mtu(session->tls, MTU);
  gnutls_transport_set_ptr(session->tls, session);
  gnutls_transport_set_pull_function(session->tls, pull);
  gnutls_transport_set_pull_timeout_function(session->tls, pull_timeout);
  gnutls_transport_set_push_function(session->tls, push);
  return session;
}

void *session_accept(const struct sockaddr_in *from) {
  static unsigned char hello[DATAGRAM_MAX];
  gnutls_dtls_prestate_st prestate = {0};
  struct sockaddr_in address = {.sin_addr = from->sin_addr, .sin_port = from->sin_port};
  int length = peek_datagram(hello, sizeof hello);
  if (gnutls_dtls_cookie_verify(&cookie_key, &address, sizeof address, hello, (size_t)length, &prestate) < 0) {
    gnutls_dtls_cookie_send(&cookie_key, &address, sizeof address, &prestate, (void *)from, push_cookie);
    return NULL;
  }
  return create_session(from, &prestate);
}

static int is_passing(int result) {
  return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED || !gnutls_error_is_fatal(result);
}

int session_serve(void *over) {
  static unsigned char message[DATAGRAM_MAX];
  struct session *session = over;
  if (!session->established) {
    int result = gnutls_handshake(session->tls);
    if (result < 0) return is_passing(result);
    session->established = 1;
  }
  for (;;) {
    ssize_t length = gnutls_record_recv(session->tls, message, sizeof message);
    if (length <= 0) return length < 0 && is_passing((int)length);
    on_message(session, message, (int)length);
  }
}

void session_send(void *over, const void *message, int length) {
  gnutls_record_send(((struct session *)over)->tls, message, (size_t)length);
}

void session_free(void *over) {
  struct session *session = over;
  gnutls_bye(session->tls, GNUTLS_SHUT_WR);
  gnutls_deinit(session->tls);
  free(session);
}

/* ---- Credentials ---- */

static int find_psk(gnutls_session_t session, const char *identity, gnutls_datum_t *key) {
  (void)session, (void)identity;
  key->data = gnutls_malloc(64);
  key->size = (unsigned int)psk_bytes(key->data, 64);
  return 0;
}

void library_start(void) {
  check(gnutls_key_generate(&cookie_key, GNUTLS_COOKIE_KEY_SIZE), "gnutls_key_generate");
  check(gnutls_priority_init(&priority, settings.suite, NULL), settings.suite);
  if (settings.psk) {
    check(gnutls_psk_allocate_server_credentials(&keys), "credentials");
    gnutls_psk_set_server_credentials_function(keys, find_psk);
    return;
  }
  check(gnutls_certificate_allocate_credentials(&certificates), "credentials");
  check(gnutls_certificate_set_x509_key_file(certificates, settings.cert, settings.key, GNUTLS_X509_FMT_PEM), "identity");
}
