/* The client over wolfSSL 5: DTLS 1.3. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct session {
  WOLFSSL *tls;
  int fd, has_ticket;
  double due;
};

static WOLFSSL_CTX *context;

static void check(int done, const char *what) {
  if (!done) die(what);
}

static int receive(WOLFSSL *tls, char *out, int capacity, void *pointer) {
  (void)tls;
  ssize_t length = recv(((struct session *)pointer)->fd, out, (size_t)capacity, 0);
  return length > 0 ? (int)length : WOLFSSL_CBIO_ERR_WANT_READ;
}

static int transmit(WOLFSSL *tls, char *bytes, int length, void *pointer) {
  (void)tls;
  ssize_t sent = send(((struct session *)pointer)->fd, bytes, (size_t)length, 0);
  /* What the socket does not take is lost on the way, as any datagram may be. */
  return sent < 0 && errno != EAGAIN && errno != ECONNREFUSED ? WOLFSSL_CBIO_ERR_GENERAL : length;
}

static unsigned int offer_psk(WOLFSSL *tls, const char *hint, char *identity, unsigned int capacity, unsigned char *out,
                              unsigned int out_capacity, const char **suite) {
  (void)tls, (void)hint;
  *suite = settings.suite;
  snprintf(identity, capacity, "bench");
  return (unsigned int)psk_bytes(out, (int)out_capacity);
}

void library_start(void) {
  /* As with OpenSSL's client. A wolfSSL with ML-KEM would offer hybrid groups, too, which a server may ask for. */
  int groups[] = {WOLFSSL_ECC_X25519};
  wolfSSL_Init();
  context = wolfSSL_CTX_new(wolfDTLSv1_3_client_method());
  check(context != NULL, "wolfSSL_CTX_new");
  check(wolfSSL_CTX_set_cipher_list(context, settings.suite) == WOLFSSL_SUCCESS, settings.suite);
  check(wolfSSL_CTX_set_groups(context, groups, 1) == WOLFSSL_SUCCESS, "wolfSSL_CTX_set_groups");
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, NULL);
  wolfSSL_CTX_SetIORecv(context, receive);
  wolfSSL_CTX_SetIOSend(context, transmit);
  if (settings.psk) wolfSSL_CTX_set_psk_client_tls13_callback(context, offer_psk);
  if (settings.cert) check(wolfSSL_CTX_use_certificate_chain_file(context, settings.cert) == WOLFSSL_SUCCESS, settings.cert);
  if (settings.key) check(wolfSSL_CTX_use_PrivateKey_file(context, settings.key, WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, settings.key);
}

static int on_ticket(WOLFSSL *tls, const unsigned char *ticket, int length, void *pointer) {
  (void)tls, (void)ticket, (void)length;
  ((struct session *)pointer)->has_ticket = 1;
  return 0;
}

static void start_timer(struct session *session) {
  double seconds = wolfSSL_dtls_get_current_timeout(session->tls);
  session->due = now() + (wolfSSL_dtls13_use_quick_timeout(session->tls) ? seconds / 4 : seconds);
}

void *session_open(int fd, void *kept) {
  struct session *session = calloc(1, sizeof *session);
  check(session != NULL && (session->tls = wolfSSL_new(context)) != NULL, "wolfSSL_new");
  session->fd = fd;
  wolfSSL_SetIOReadCtx(session->tls, session);
  wolfSSL_SetIOWriteCtx(session->tls, session);
  wolfSSL_dtls_set_using_nonblock(session->tls, 1);
  wolfSSL_dtls_set_mtu(session->tls, MTU);
  wolfSSL_set_SessionTicket_cb(session->tls, on_ticket, session);
  /* A kept session brings its share with it. */
  if (kept) check(wolfSSL_set_session(session->tls, kept) == WOLFSSL_SUCCESS, "wolfSSL_set_session");
  else check(wolfSSL_UseKeyShare(session->tls, WOLFSSL_ECC_X25519) == WOLFSSL_SUCCESS, "wolfSSL_UseKeyShare");
  start_timer(session);
  return session;
}

/* Ends the process unless it only waits for more. */
static void check_waits(struct session *session, int result, const char *what) {
  int error = wolfSSL_get_error(session->tls, result);
  if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE || error == APP_DATA_READY) return;
  fprintf(stderr, "load: %s: wolfSSL %d, %s\n", what, error, wolfSSL_ERR_reason_error_string((unsigned long)error));
  exit(1);
}

int session_connect(void *over) {
  struct session *session = over;
  int result = wolfSSL_connect(session->tls);
  if (result == WOLFSSL_SUCCESS) return wolfSSL_session_reused(session->tls) ? 2 : 1;
  check_waits(session, result, "handshake");
  start_timer(session);
  return 0;
}

int session_send_early(void *over, const void *message, int length) {
  struct session *session = over;
  int written = 0;
  wolfSSL_write_early_data(session->tls, message, length, &written);
  start_timer(session);
  return written == length;
}

int session_early_accepted(void *over) {
  return wolfSSL_get_early_data_status(((struct session *)over)->tls) == WOLFSSL_EARLY_DATA_ACCEPTED;
}

double session_timer(void *over) {
  double left = ((struct session *)over)->due - now();
  return left > 0 ? left : 0;
}

void session_on_timer(void *over) {
  struct session *session = over;
  wolfSSL_dtls_got_timeout(session->tls);
  start_timer(session);
}

void session_send(void *over, const void *message, int length) {
  struct session *session = over;
  int result = wolfSSL_write(session->tls, message, length);
  if (result != length) check_waits(session, result, "wolfSSL_write");
}

int session_receive(void *over, void *out, int capacity) {
  struct session *session = over;
  int length = wolfSSL_read(session->tls, out, capacity);
  if (length > 0) return length;
  check_waits(session, length, "the server ended the association");
  return 0;
}

/* A copy, with its own ticket: a session that was resumed begins with the old one. */
void *session_keep(void *over) {
  struct session *session = over;
  return session->has_ticket ? wolfSSL_SESSION_dup(wolfSSL_get_session(session->tls)) : NULL;
}

int session_kept_is_used_up(void *session) {
  (void)session;
  return 1;
}

void session_say_goodbye(void *over) {
  wolfSSL_shutdown(((struct session *)over)->tls);
}

void session_free(void *over) {
  struct session *session = over;
  wolfSSL_free(session->tls);
  free(session);
}
