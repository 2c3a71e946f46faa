/* BoringSSL, DTLS 1.3. It asks for no cookie: each ClientHello from an unvalidated address makes a session. It chooses its suites itself, so the client restricts them. */
#include "server.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

enum { RECORD_HANDSHAKE = 22, HELLO_AT = 13, CLIENT_HELLO = 1 };

struct session {
  SSL *ssl;
  struct sockaddr_in peer;
};

static SSL_CTX *context;
static BIO_METHOD *datagram_method;

const char *library_version(void) {
  static char text[64];
  snprintf(text, sizeof text, "BoringSSL, API %d", BORINGSSL_API_VERSION);
  return text;
}

static _Noreturn void fail(const char *what) {
  ERR_print_errors_fp(stderr);
  die(what);
}

/* ---- BIO: reads the datagram in hand, writes straight to the peer ---- */

static int bio_read(BIO *bio, char *out, int capacity) {
  BIO_clear_retry_flags(bio);
  int length = take_datagram(out, capacity);
  if (length > 0) return length;
  BIO_set_retry_read(bio);
  return -1;
}

static int bio_write(BIO *bio, const char *bytes, int length) {
  struct session *session = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  return send_datagram(&session->peer, bytes, length);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static void create_datagram_method(void) {
  datagram_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram in hand");
  if (!datagram_method) fail("BIO_meth_new");
  BIO_meth_set_read(datagram_method, bio_read);
  BIO_meth_set_write(datagram_method, bio_write);
  BIO_meth_set_ctrl(datagram_method, bio_ctrl);
}

/* ---- Sessions ---- */

/* What a session that is over still gets makes no new one. */
static int is_client_hello(void) {
  unsigned char head[HELLO_AT + 1];
  return peek_datagram(head, sizeof head) == sizeof head && head[0] == RECORD_HANDSHAKE && head[HELLO_AT] == CLIENT_HELLO;
}

void *session_accept(const struct sockaddr_in *from) {
  if (!is_client_hello()) return NULL;
  struct session *session = calloc(1, sizeof *session);
  BIO *bio = BIO_new(datagram_method);
  if (!session || !bio || !(session->ssl = SSL_new(context))) fail("session");
  session->peer = *from;
  BIO_set_data(bio, session);
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl, bio, bio);
  SSL_set_mtu(session->ssl, MTU);
  SSL_set_accept_state(session->ssl);
  return session;
}

int session_serve(void *over) {
  static unsigned char message[DATAGRAM_MAX];
  SSL *ssl = ((struct session *)over)->ssl;
  for (;;) {
    int length = SSL_read(ssl, message, sizeof message);
    if (length <= 0) {
      int wants_more = SSL_get_error(ssl, length) == SSL_ERROR_WANT_READ;
      ERR_clear_error();
      return wants_more;
    }
    on_message(over, message, length);
  }
}

void session_send(void *over, const void *message, int length) {
  SSL_write(((struct session *)over)->ssl, message, length);
}

void session_tick(void *over) {
  DTLSv1_handle_timeout(((struct session *)over)->ssl);
  ERR_clear_error();
}

void session_free(void *over) {
  struct session *session = over;
  SSL_shutdown(session->ssl);
  ERR_clear_error();
  SSL_free(session->ssl);
  free(session);
}

/* ---- Context ---- */

void library_start(void) {
  context = SSL_CTX_new(DTLS_server_method());
  if (!context) fail("SSL_CTX_new");
  if (settings.psk) die("BoringSSL takes imported pre-shared keys alone");
  if (SSL_CTX_use_certificate_chain_file(context, settings.cert) != 1) fail(settings.cert);
  if (SSL_CTX_use_PrivateKey_file(context, settings.key, SSL_FILETYPE_PEM) != 1) fail(settings.key);
  if (SSL_CTX_set1_groups_list(context, settings.groups) != 1) fail(settings.groups);
  if (SSL_CTX_set_min_proto_version(context, DTLS1_3_VERSION) != 1) fail("DTLS 1.3");
  if (SSL_CTX_set_max_proto_version(context, DTLS1_3_VERSION) != 1) fail("DTLS 1.3");
  /* As the other servers of full handshakes, which give no tickets. */
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  create_datagram_method();
}
