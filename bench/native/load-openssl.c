/* The client over OpenSSL 3: DTLS 1.2. */
#include "client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

static SSL_CTX *context;

static _Noreturn void fail(const char *what) {
  ERR_print_errors_fp(stderr);
  die(what);
}

static unsigned int offer_psk(SSL *ssl, const char *hint, char *identity, unsigned int capacity, unsigned char *out,
                              unsigned int out_capacity) {
  (void)ssl, (void)hint;
  snprintf(identity, capacity, "bench");
  return (unsigned int)psk_bytes(out, (int)out_capacity);
}

void library_start(void) {
  context = SSL_CTX_new(DTLS_client_method());
  if (!context) fail("SSL_CTX_new");
  if (SSL_CTX_set_cipher_list(context, settings.suite) != 1) fail(settings.suite);
  if (SSL_CTX_set1_groups_list(context, settings.groups) != 1) fail(settings.groups);
  if (settings.psk) SSL_CTX_set_psk_client_callback(context, offer_psk);
  if (settings.cert && SSL_CTX_use_certificate_chain_file(context, settings.cert) != 1) fail(settings.cert);
  if (settings.key && SSL_CTX_use_PrivateKey_file(context, settings.key, SSL_FILETYPE_PEM) != 1) fail(settings.key);
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, (settings.resume ? 0 : SSL_OP_NO_TICKET) | SSL_OP_NO_QUERY_MTU);
}

void *session_open(int fd, void *kept) {
  struct sockaddr_in server;
  socklen_t length = sizeof server;
  SSL *ssl = SSL_new(context);
  BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
  if (!ssl || !bio || getpeername(fd, (struct sockaddr *)&server, &length) != 0) fail("session");
  BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &server);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_mtu(ssl, MTU);
  SSL_set_connect_state(ssl);
  if (kept && SSL_set_session(ssl, kept) != 1) fail("SSL_set_session");
  return ssl;
}

int session_connect(void *session) {
  int outcome = SSL_do_handshake(session);
  if (outcome == 1) return SSL_session_reused(session) ? 2 : 1;
  if (SSL_get_error(session, outcome) != SSL_ERROR_WANT_READ) fail("handshake");
  return 0;
}

int session_send_early(void *session, const void *message, int length) {
  (void)session, (void)message, (void)length;
  return 0;
}

int session_early_accepted(void *session) {
  (void)session;
  return 0;
}

double session_timer(void *session) {
  struct timeval left = {.tv_sec = 1};
  DTLSv1_get_timeout(session, &left);
  return (double)left.tv_sec + (double)left.tv_usec / 1e6;
}

void session_on_timer(void *session) {
  DTLSv1_handle_timeout(session);
}

void session_send(void *session, const void *message, int length) {
  if (SSL_write(session, message, length) != length) fail("SSL_write");
}

int session_receive(void *session, void *out, int capacity) {
  int length = SSL_read(session, out, capacity);
  if (length > 0) return length;
  if (SSL_get_error(session, length) != SSL_ERROR_WANT_READ) fail("the server ended the association");
  return 0;
}

void *session_keep(void *session) {
  return SSL_get1_session(session);
}

int session_kept_is_used_up(void *session) {
  (void)session;
  return 0;
}

void session_say_goodbye(void *session) {
  SSL_shutdown(session);
}

/* A session that ends without goodbye could not be resumed. */
void session_free(void *session) {
  SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(session);
}
