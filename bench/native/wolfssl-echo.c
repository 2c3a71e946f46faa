/* wolfSSL 5, DTLS 1.2, or 1.3 with a suite of that version. It has no stateless answer: each ClientHello from an unvalidated address makes a session. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of early data that a client may send. */
#define EARLY_MAX 4096

struct session {
  WOLFSSL *tls;
  struct sockaddr_in peer;
  int established, early_done;
  /* When its timer is due. */
  double due;
};

static WOLFSSL_CTX *context;

const char *library_version(void) {
  static char text[64];
  snprintf(text, sizeof text, "wolfSSL %s", wolfSSL_lib_version());
  return text;
}

static void check(int done, const char *what) {
  if (done) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

/* ---- Transport: reads the datagram in hand, writes straight to the peer ---- */

static int receive(WOLFSSL *tls, char *out, int capacity, void *pointer) {
  (void)tls, (void)pointer;
  int length = take_datagram(out, capacity);
  return length > 0 ? length : WOLFSSL_CBIO_ERR_WANT_READ;
}

static int transmit(WOLFSSL *tls, char *bytes, int length, void *pointer) {
  (void)tls;
  return send_datagram(&((struct session *)pointer)->peer, bytes, length);
}

/* Cookies are the address and the port, for the bench alone: they would not keep an attacker out. */
static int make_cookie(WOLFSSL *tls, unsigned char *out, int capacity, void *pointer) {
  (void)tls;
  const struct session *session = pointer;
  memset(out, 0, (size_t)capacity);
  memcpy(out, &session->peer.sin_addr, 4);
  memcpy(out + 4, &session->peer.sin_port, 2);
  return capacity;
}

/* ---- Sessions ---- */

static int is_modern(void) {
  return strncmp(settings.suite, "TLS13-", 6) == 0;
}

static void start_timer(struct session *session) {
  double seconds = wolfSSL_dtls_get_current_timeout(session->tls);
#ifdef WOLFSSL_DTLS13
  if (is_modern() && wolfSSL_dtls13_use_quick_timeout(session->tls)) seconds /= 4;
#endif
  session->due = now() + seconds;
}

void *session_accept(const struct sockaddr_in *from) {
  struct session *session = calloc(1, sizeof *session);
  if (!session) die("session");
  session->peer = *from;
  session->tls = wolfSSL_new(context);
  check(session->tls != NULL, "wolfSSL_new");
  wolfSSL_SetIOReadCtx(session->tls, session);
  wolfSSL_SetIOWriteCtx(session->tls, session);
  wolfSSL_SetCookieCtx(session->tls, session);
  wolfSSL_dtls_set_using_nonblock(session->tls, 1);
#ifdef WOLFSSL_DTLS13
  if (is_modern()) {
    check(wolfSSL_send_hrr_cookie(session->tls, NULL, 0) == WOLFSSL_SUCCESS, "wolfSSL_send_hrr_cookie");
    if (settings.early) check(wolfSSL_dtls13_no_hrr_on_resume(session->tls, 1) == WOLFSSL_SUCCESS, "early data");
  }
#endif
  start_timer(session);
  return session;
}

static int is_passing(WOLFSSL *tls, int result) {
  int error = wolfSSL_get_error(tls, result);
  return error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE;
}

/* What comes before the handshake is complete; 0 when the session is over. */
static int serve_early(struct session *session) {
#ifdef WOLFSSL_EARLY_DATA
  static unsigned char message[DATAGRAM_MAX];
  while (settings.early && !session->early_done) {
    int length = 0, result = wolfSSL_read_early_data(session->tls, message, sizeof message, &length);
    if (length > 0) on_message(session, message, length);
    else if (result >= 0) session->early_done = 1;
    else return is_passing(session->tls, result);
  }
#endif
  return 1;
}

int session_serve(void *over) {
  static unsigned char message[DATAGRAM_MAX];
  struct session *session = over;
  start_timer(session);
  if (!session->established) {
    if (!serve_early(session)) return 0;
    if (settings.early && !session->early_done) return 1;
    int result = wolfSSL_accept(session->tls);
    if (result != WOLFSSL_SUCCESS) return is_passing(session->tls, result);
    session->established = 1;
  }
  for (;;) {
    int length = wolfSSL_read(session->tls, message, sizeof message);
    if (length <= 0) return is_passing(session->tls, length);
    on_message(session, message, length);
  }
}

void session_send(void *over, const void *message, int length) {
  wolfSSL_write(((struct session *)over)->tls, message, length);
}

void session_tick(void *over) {
  struct session *session = over;
  if (now() < session->due) return;
  wolfSSL_dtls_got_timeout(session->tls);
  start_timer(session);
}

void session_free(void *over) {
  struct session *session = over;
  wolfSSL_shutdown(session->tls);
  wolfSSL_free(session->tls);
  free(session);
}

/* ---- Context ---- */

static unsigned int find_psk(WOLFSSL *tls, const char *identity, unsigned char *out, unsigned int capacity) {
  (void)tls, (void)identity;
  return (unsigned int)psk_bytes(out, (int)capacity);
}

#ifdef WOLFSSL_DTLS13
static unsigned int find_psk13(WOLFSSL *tls, const char *identity, unsigned char *out, unsigned int capacity,
                               const char **suite) {
  *suite = settings.suite;
  return find_psk(tls, identity, out, capacity);
}
#endif

static WOLFSSL_METHOD *method(void) {
#ifdef WOLFSSL_DTLS13
  if (is_modern()) return wolfDTLSv1_3_server_method();
#endif
  check(!is_modern(), "DTLS 1.3, which this wolfSSL does not have,");
  return wolfDTLSv1_2_server_method();
}

void library_start(void) {
  wolfSSL_Init();
  context = wolfSSL_CTX_new(method());
  check(context != NULL, "wolfSSL_CTX_new");
  check(wolfSSL_CTX_set_cipher_list(context, settings.suite) == WOLFSSL_SUCCESS, settings.suite);
  wolfSSL_CTX_SetIORecv(context, receive);
  wolfSSL_CTX_SetIOSend(context, transmit);
  wolfSSL_CTX_SetGenCookie(context, make_cookie);
#ifdef WOLFSSL_EARLY_DATA
  if (settings.early) wolfSSL_CTX_set_max_early_data(context, EARLY_MAX);
#endif
  if (settings.psk) {
    wolfSSL_CTX_set_psk_server_callback(context, find_psk);
#ifdef WOLFSSL_DTLS13
    if (is_modern()) wolfSSL_CTX_set_psk_server_tls13_callback(context, find_psk13);
#endif
    return;
  }
  check(wolfSSL_CTX_use_certificate_chain_file(context, settings.cert) == WOLFSSL_SUCCESS, settings.cert);
  check(wolfSSL_CTX_use_PrivateKey_file(context, settings.key, WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, settings.key);
  if (!settings.client_ca) return;
  check(wolfSSL_CTX_load_verify_locations(context, settings.client_ca, NULL) == WOLFSSL_SUCCESS, settings.client_ca);
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}
