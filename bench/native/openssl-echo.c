/*
 * The reference server: DTLS 1.2 echo over OpenSSL 3, one thread, one UDP socket, many peers.
 *
 *   openssl-echo --cert FILE --key FILE [--client-ca FILE] --suite OPENSSL_NAME [--groups NAMES]
 *   openssl-echo --psk HEX --suite OPENSSL_NAME [--groups NAMES]
 *   openssl-echo --version
 *
 * Prints {"port":N} when it listens on 127.0.0.1, answers each line on standard input with its own CPU time and memory,
 * and ends when standard input does. A stranger's ClientHello is answered without state by DTLSv1_listen.
 * There is no retransmission timer: on loopback the client's timer suffices.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1400
#define DATAGRAM_MAX 65536
#define BUCKETS 32768
#define COOKIE_LENGTH 32

struct association {
  SSL *ssl;
  struct sockaddr_in peer;
  struct association *next;
};

static int server_fd;
static SSL_CTX *context;
static BIO_METHOD *datagram_method;
static BIO_ADDR *ignored_peer;
static unsigned char cookie_key[32];

/* The datagram in hand; the BIO hands it to OpenSSL once. */
static unsigned char datagram[DATAGRAM_MAX];
static int datagram_length;

static struct association *buckets[BUCKETS];
static struct association *listener;

static void die(const char *what) {
  fprintf(stderr, "openssl-echo: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* ---- BIO: reads the datagram in hand, writes straight to the association's peer ---- */

static int bio_read(BIO *bio, char *out, int capacity) {
  BIO_clear_retry_flags(bio);
  if (datagram_length == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  int length = datagram_length < capacity ? datagram_length : capacity;
  memcpy(out, datagram, length);
  datagram_length = 0;
  return length;
}

static int bio_write(BIO *bio, const char *bytes, int length) {
  struct association *a = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  return (int)sendto(server_fd, bytes, length, 0, (struct sockaddr *)&a->peer, sizeof a->peer);
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
  struct association *a = SSL_get_app_data(ssl);
  unsigned char address[6];
  memcpy(address, &a->peer.sin_addr, 4);
  memcpy(address + 4, &a->peer.sin_port, 2);
  return HMAC(EVP_sha256(), cookie_key, sizeof cookie_key, address, sizeof address, cookie, length) != NULL;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned int length) {
  unsigned char expected[EVP_MAX_MD_SIZE];
  unsigned int expected_length;
  return make_cookie(ssl, expected, &expected_length) && length == expected_length &&
         CRYPTO_memcmp(expected, cookie, length) == 0;
}

/* ---- Associations: a table by peer address ---- */

static struct association **slot_of(const struct sockaddr_in *peer) {
  uint32_t hash = (ntohl(peer->sin_addr.s_addr) * 2654435761u) ^ (ntohs(peer->sin_port) * 40503u);
  struct association **slot = &buckets[hash % BUCKETS];
  while (*slot && ((*slot)->peer.sin_port != peer->sin_port || (*slot)->peer.sin_addr.s_addr != peer->sin_addr.s_addr)) {
    slot = &(*slot)->next;
  }
  return slot;
}

static struct association *create_association(void) {
  struct association *a = calloc(1, sizeof *a);
  BIO *bio = BIO_new(datagram_method);
  if (!a || !bio || !(a->ssl = SSL_new(context))) die("association");
  BIO_set_data(bio, a);
  BIO_set_init(bio, 1);
  SSL_set_bio(a->ssl, bio, bio);
  SSL_set_app_data(a->ssl, a);
  SSL_set_options(a->ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
  SSL_set_mtu(a->ssl, MTU);
  SSL_set_accept_state(a->ssl);
  return a;
}

static void remove_association(struct association **slot) {
  struct association *a = *slot;
  *slot = a->next;
  SSL_shutdown(a->ssl);
  SSL_free(a->ssl);
  free(a);
}

/* ---- One datagram ---- */

/* Handshakes, echoes and closes; false when the association is over. */
static int serve(struct association *a) {
  static unsigned char message[DATAGRAM_MAX];
  for (;;) {
    int length = SSL_read(a->ssl, message, sizeof message);
    if (length <= 0) {
      int wants_more = SSL_get_error(a->ssl, length) == SSL_ERROR_WANT_READ;
      ERR_clear_error();
      return wants_more;
    }
    SSL_write(a->ssl, message, length);
  }
}

/* A cookie that holds turns the listener into the peer's association. */
static struct association *accept_peer(const struct sockaddr_in *peer) {
  if (!listener) listener = create_association();
  listener->peer = *peer;
  int verdict = DTLSv1_listen(listener->ssl, ignored_peer);
  ERR_clear_error();
  if (verdict <= 0) return NULL;
  struct association *accepted = listener;
  listener = NULL;
  return accepted;
}

static void on_datagram(const struct sockaddr_in *peer) {
  struct association **slot = slot_of(peer);
  if (!*slot) *slot = accept_peer(peer);
  if (*slot && !serve(*slot)) remove_association(slot);
}

/* False when the socket is drained. */
static int receive_one(void) {
  struct sockaddr_in peer;
  socklen_t peer_length = sizeof peer;
  ssize_t length = recvfrom(server_fd, datagram, sizeof datagram, 0, (struct sockaddr *)&peer, &peer_length);
  if (length < 0) return errno == EINTR || errno == ECONNREFUSED;
  datagram_length = (int)length;
  if (length > 0) on_datagram(&peer);
  return 1;
}

/* ---- Process ---- */

static long resident_bytes(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

static void answer_usage(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  printf("{\"cpu\":%lld,\"rss\":%ld}\n", cpu, resident_bytes());
  fflush(stdout);
}

/* False at the end of standard input. */
static int on_command(void) {
  char line[256];
  ssize_t length = read(STDIN_FILENO, line, sizeof line);
  if (length <= 0) return 0;
  answer_usage();
  return 1;
}

static const char *cert, *key, *client_ca, *psk, *suite = "", *groups = "X25519:P-256";

static unsigned int find_psk(SSL *ssl, const char *identity, unsigned char *out, unsigned int capacity) {
  (void)ssl, (void)identity;
  size_t length = 0;
  return OPENSSL_hexstr2buf_ex(out, capacity, &length, psk, '\0') == 1 ? (unsigned int)length : 0;
}

static void set_identity(void) {
  if (psk) {
    SSL_CTX_set_psk_server_callback(context, find_psk);
    return;
  }
  if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) die(cert);
  if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) die(key);
  if (!client_ca) return;
  if (SSL_CTX_load_verify_locations(context, client_ca, NULL) != 1) die(client_ca);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void create_context(void) {
  context = SSL_CTX_new(DTLS_server_method());
  if (!context) die("SSL_CTX_new");
  set_identity();
  if (SSL_CTX_set_cipher_list(context, suite) != 1) die(suite);
  if (SSL_CTX_set1_groups_list(context, groups) != 1) die(groups);
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cookie_generate_cb(context, make_cookie);
  SSL_CTX_set_cookie_verify_cb(context, check_cookie);
  if (RAND_bytes(cookie_key, sizeof cookie_key) != 1) die("RAND_bytes");
}

static void listen_on_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  server_fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (server_fd < 0 || bind(server_fd, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  fcntl(server_fd, F_SETFL, O_NONBLOCK);
  getsockname(server_fd, (struct sockaddr *)&address, &length);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
}

int main(int argc, char **argv) {
  static const struct option options[] = {
    {"cert", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
    {"client-ca", required_argument, NULL, 'a'}, {"psk", required_argument, NULL, 'p'},
    {"suite", required_argument, NULL, 's'}, {"groups", required_argument, NULL, 'g'},
    {"version", no_argument, NULL, 'v'},     {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'c') cert = optarg;
    else if (option == 'k') key = optarg;
    else if (option == 'a') client_ca = optarg;
    else if (option == 'p') psk = optarg;
    else if (option == 's') suite = optarg;
    else if (option == 'g') groups = optarg;
    else return option == 'v' ? puts(OpenSSL_version(OPENSSL_VERSION)) < 0 : 2;
  }
  if (!psk && (!cert || !key)) return 2;
  create_context();
  create_datagram_method();
  ignored_peer = BIO_ADDR_new();
  listen_on_loopback();
  struct pollfd events[] = {{.fd = server_fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  for (;;) {
    if (poll(events, 2, -1) < 0 && errno != EINTR) die("poll");
    if (events[0].revents) while (receive_one());
    if (events[1].revents && !on_command()) return 0;
  }
}
