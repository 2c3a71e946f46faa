/* wolfSSL 5, DTLS 1.2. It has no stateless answer: each stranger's ClientHello makes a session. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
  WOLFSSL *tls;
  struct sockaddr_in peer;
  int established;
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
  return session;
}

static int is_passing(WOLFSSL *tls, int result) {
  int error = wolfSSL_get_error(tls, result);
  return error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE;
}

int session_serve(void *over) {
  static unsigned char message[DATAGRAM_MAX];
  struct session *session = over;
  if (!session->established) {
    int result = wolfSSL_accept(session->tls);
    if (result != WOLFSSL_SUCCESS) return is_passing(session->tls, result);
    session->established = 1;
  }
  for (;;) {
    int length = wolfSSL_read(session->tls, message, sizeof message);
    if (length <= 0) return is_passing(session->tls, length);
    wolfSSL_write(session->tls, message, length);
  }
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

void library_start(void) {
  wolfSSL_Init();
  context = wolfSSL_CTX_new(wolfDTLSv1_2_server_method());
  check(context != NULL, "wolfSSL_CTX_new");
  check(wolfSSL_CTX_set_cipher_list(context, settings.suite) == WOLFSSL_SUCCESS, settings.suite);
  wolfSSL_CTX_SetIORecv(context, receive);
  wolfSSL_CTX_SetIOSend(context, transmit);
  wolfSSL_CTX_SetGenCookie(context, make_cookie);
  if (settings.psk) {
    wolfSSL_CTX_set_psk_server_callback(context, find_psk);
    return;
  }
  check(wolfSSL_CTX_use_certificate_chain_file(context, settings.cert) == WOLFSSL_SUCCESS, settings.cert);
  check(wolfSSL_CTX_use_PrivateKey_file(context, settings.key, WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, settings.key);
}
