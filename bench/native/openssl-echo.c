/* The reference: OpenSSL 3, DTLS 1.2. DTLSv1_listen answers a ClientHello from an unvalidated address without state. */
#include "server.h"
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct session {
  SSL *ssl;
  struct sockaddr_in peer;
};

static SSL_CTX *context;
static BIO_METHOD *datagram_method;
static BIO_ADDR *ignored_peer;
static unsigned char cookie_key[32];
/* Becomes the session of the next peer whose cookie holds. */
static struct session *listener;

const char *library_version(void) {
  return OpenSSL_version(OPENSSL_VERSION);
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
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return MTU;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
      return 28;
    default:
      return 0;
  }
}

static void create_datagram_method(void) {
  datagram_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram in hand");
  BIO_meth_set_read(datagram_method, bio_read);
  BIO_meth_set_write(datagram_method, bio_write);
  BIO_meth_set_ctrl(datagram_method, bio_ctrl);
}

/* ---- Cookies: HMAC of the peer's address ---- */

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *length) {
  struct session *session = SSL_get_app_data(ssl);
  unsigned char address[6];
  memcpy(address, &session->peer.sin_addr, 4);
  memcpy(address + 4, &session->peer.sin_port, 2);
  return HMAC(EVP_sha256(), cookie_key, sizeof cookie_key, address, sizeof address, cookie, length) != NULL;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned int length) {
  unsigned char expected[EVP_MAX_MD_SIZE];
  unsigned int expected_length;
  return make_cookie(ssl, expected, &expected_length) && length == expected_length &&
         CRYPTO_memcmp(expected, cookie, length) == 0;
}

/* ---- Sessions ---- */

static struct session *create_session(void) {
  struct session *session = calloc(1, sizeof *session);
  BIO *bio = BIO_new(datagram_method);
  if (!session || !bio || !(session->ssl = SSL_new(context))) fail("session");
  BIO_set_data(bio, session);
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl, bio, bio);
  SSL_set_app_data(session->ssl, session);
  SSL_set_options(session->ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
  SSL_set_mtu(session->ssl, MTU);
  SSL_set_accept_state(session->ssl);
  return session;
}

void *session_accept(const struct sockaddr_in *from) {
  if (!listener) listener = create_session();
  listener->peer = *from;
  int verdict = DTLSv1_listen(listener->ssl, ignored_peer);
  ERR_clear_error();
  if (verdict <= 0) return NULL;
  struct session *accepted = listener;
  listener = NULL;
  return accepted;
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
  SSL_free(session->ssl);
  free(session);
}

/* ---- Context ---- */

static unsigned int find_psk(SSL *ssl, const char *identity, unsigned char *out, unsigned int capacity) {
  (void)ssl, (void)identity;
  return (unsigned int)psk_bytes(out, (int)capacity);
}

static void set_identity(void) {
  if (settings.psk) {
    SSL_CTX_set_psk_server_callback(context, find_psk);
    return;
  }
  if (SSL_CTX_use_certificate_chain_file(context, settings.cert) != 1) fail(settings.cert);
  if (SSL_CTX_use_PrivateKey_file(context, settings.key, SSL_FILETYPE_PEM) != 1) fail(settings.key);
  if (!settings.client_ca) return;
  if (SSL_CTX_load_verify_locations(context, settings.client_ca, NULL) != 1) fail(settings.client_ca);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

void library_start(void) {
  context = SSL_CTX_new(DTLS_server_method());
  if (!context) fail("SSL_CTX_new");
  set_identity();
  if (SSL_CTX_set_cipher_list(context, settings.suite) != 1) fail(settings.suite);
  if (SSL_CTX_set1_groups_list(context, settings.groups) != 1) fail(settings.groups);
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cookie_generate_cb(context, make_cookie);
  SSL_CTX_set_cookie_verify_cb(context, check_cookie);
  if (RAND_bytes(cookie_key, sizeof cookie_key) != 1) fail("RAND_bytes");
  create_datagram_method();
  ignored_peer = BIO_ADDR_new();
}
