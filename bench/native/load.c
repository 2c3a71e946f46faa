/*
 * The load generator: a DTLS 1.2 client over OpenSSL 3, or plain UDP.
 *
 *   load raw        --port N --size BYTES --clients N --window N --count N --seconds S --warmup N
 *   load echo       … and --suite OPENSSL_NAME --groups NAMES; the window is each client's, the count that of all
 *   load handshake  --port N --suite … --groups … --count N --seconds S --warmup N    each ends with close_notify
 *   either          … and --cert FILE --key FILE of the client, or --psk HEX, or --resume: the session of the first goes on
 *   load idle       --port N --suite … --groups … --count N --seconds S --warmup N    each is left open, after one echo
 *
 * After its warm-up it prints {"ready":true}, waits for a line on standard input, does what it was asked for (at most
 * COUNT operations in at most SECONDS) and prints {"completed":N,"lost":N,"seconds":S}. Certificates are not verified:
 * only the server is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MTU 1400
#define DATAGRAM_MAX 65536
#define LOSS_TIMEOUT_MS 250
#define HANDSHAKE_TIMEOUT_S 10
#define MOST_CLIENTS 1024
#define FIRST_IDLE_PORT 10000
#define LAST_IDLE_PORT 65000

struct settings {
  const char *mode, *suite, *groups, *cert, *key, *psk;
  int port, size, clients, window, resume;
  long count, warmup;
  double seconds;
};

struct result {
  long completed, lost;
  double seconds;
};

/* A connected socket, and its messages on the way; ssl is NULL for plain UDP. */
struct peer {
  int fd;
  SSL *ssl;
  long in_flight;
};

static struct settings settings = {.suite = "ECDHE-ECDSA-AES128-GCM-SHA256",
                                   .groups = "X25519:P-256",
                                   .size = 64,
                                   .clients = 1,
                                   .window = 32,
                                   .count = 10000,
                                   .seconds = 5};
static SSL_CTX *context;
static SSL_SESSION *session;

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Sockets ---- */

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
    .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Idle associations close their sockets, so the source port is ours to choose: no two may share one. */
static void bind_next_idle_port(int fd) {
  static int next = FIRST_IDLE_PORT;
  while (next < LAST_IDLE_PORT) {
    struct sockaddr_in address = loopback(next++);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return;
  }
  die("no source ports left");
}

static int open_socket(int own_port) {
  struct sockaddr_in server = loopback(settings.port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  if (own_port) bind_next_idle_port(fd);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static int wait_readable(int fd, int milliseconds) {
  struct pollfd event = {.fd = fd, .events = POLLIN};
  return poll(&event, 1, milliseconds) > 0;
}

/* Waits until one of the peers can be read. */
static int wait_any(const struct peer *peers, int clients, int milliseconds) {
  static struct pollfd events[MOST_CLIENTS];
  for (int i = 0; i < clients; i++) events[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
  return poll(events, (nfds_t)clients, milliseconds) > 0;
}

/* ---- Peers ---- */

static unsigned int offer_psk(SSL *ssl, const char *hint, char *identity, unsigned int capacity, unsigned char *out,
                              unsigned int out_capacity) {
  (void)ssl, (void)hint;
  size_t length = 0;
  snprintf(identity, capacity, "bench");
  return OPENSSL_hexstr2buf_ex(out, out_capacity, &length, settings.psk, '\0') == 1 ? (unsigned int)length : 0;
}

static void create_context(void) {
  context = SSL_CTX_new(DTLS_client_method());
  if (!context) die("SSL_CTX_new");
  if (SSL_CTX_set_cipher_list(context, settings.suite) != 1) die(settings.suite);
  if (SSL_CTX_set1_groups_list(context, settings.groups) != 1) die(settings.groups);
  if (settings.psk) SSL_CTX_set_psk_client_callback(context, offer_psk);
  if (settings.cert && SSL_CTX_use_certificate_chain_file(context, settings.cert) != 1) die(settings.cert);
  if (settings.key && SSL_CTX_use_PrivateKey_file(context, settings.key, SSL_FILETYPE_PEM) != 1) die(settings.key);
  SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, (settings.resume ? 0 : SSL_OP_NO_TICKET) | SSL_OP_NO_QUERY_MTU);
}

static void handshake(struct peer *peer) {
  double deadline = now() + HANDSHAKE_TIMEOUT_S;
  int outcome;
  while ((outcome = SSL_do_handshake(peer->ssl)) != 1) {
    if (SSL_get_error(peer->ssl, outcome) != SSL_ERROR_WANT_READ) die("handshake");
    if (now() > deadline) die("handshake timed out");
    struct timeval left = {.tv_sec = 1};
    DTLSv1_get_timeout(peer->ssl, &left);
    if (!wait_readable(peer->fd, (int)(left.tv_sec * 1000 + left.tv_usec / 1000 + 1))) DTLSv1_handle_timeout(peer->ssl);
  }
}

static struct peer open_association(int own_port) {
  struct sockaddr_in server = loopback(settings.port);
  struct peer peer = {.fd = open_socket(own_port), .ssl = SSL_new(context)};
  BIO *bio = BIO_new_dgram(peer.fd, BIO_NOCLOSE);
  if (!peer.ssl || !bio) die("association");
  BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &server);
  SSL_set_bio(peer.ssl, bio, bio);
  SSL_set_mtu(peer.ssl, MTU);
  SSL_set_connect_state(peer.ssl);
  if (session && SSL_set_session(peer.ssl, session) != 1) die("SSL_set_session");
  handshake(&peer);
  if (session && !SSL_session_reused(peer.ssl)) die("the server did not resume the session");
  if (settings.resume && !session) session = SSL_get1_session(peer.ssl);
  return peer;
}

/* Without a word to the server: whoever wants a close_notify sends it first. */
static void forget(struct peer *peer) {
  if (peer->ssl) SSL_free(peer->ssl);
  close(peer->fd);
}

static void send_message(struct peer *peer, const unsigned char *message, int length) {
  int sent = peer->ssl ? SSL_write(peer->ssl, message, length) : (int)send(peer->fd, message, length, 0);
  if (sent != length) die("send");
}

/* False when nothing is there to read. */
static int receive_message(struct peer *peer) {
  static unsigned char message[DATAGRAM_MAX];
  if (!peer->ssl) return recv(peer->fd, message, sizeof message, 0) > 0;
  int length = SSL_read(peer->ssl, message, sizeof message);
  if (length > 0) return 1;
  if (SSL_get_error(peer->ssl, length) != SSL_ERROR_WANT_READ) die("the server ended the association");
  return 0;
}

/* ---- Work ---- */

/* Sends what the window of this peer leaves room for. */
static long fill_window(struct peer *peer, long most) {
  static unsigned char message[DATAGRAM_MAX];
  long sent = 0;
  for (; peer->in_flight < settings.window && sent < most; sent++, peer->in_flight++) {
    send_message(peer, message, settings.size);
  }
  return sent;
}

/* Keeps a window of messages of each peer on the way until count came back or time is up; then waits for the stragglers. */
static struct result run_echo(struct peer *peers, int clients, long count) {
  struct result result = {0};
  double start = now(), deadline = start + settings.seconds;
  for (long sent = 0;;) {
    int open = now() < deadline;
    long in_flight = 0, taken = 0;
    for (int i = 0; i < clients; i++) {
      if (open) sent += fill_window(&peers[i], count - sent);
      /* One at a time, so that no peer waits for another's window. */
      if (receive_message(&peers[i])) peers[i].in_flight--, taken++;
      in_flight += peers[i].in_flight;
    }
    result.completed += taken;
    if (in_flight <= 0 && (!open || sent == count)) break;
    if (taken == 0 && in_flight > 0 && !wait_any(peers, clients, LOSS_TIMEOUT_MS)) {
      result.lost += in_flight;
      for (int i = 0; i < clients; i++) peers[i].in_flight = 0;
    }
  }
  result.seconds = now() - start;
  return result;
}

/* The answer also tells the server that its last flight arrived, so it may forget the handshake. */
static void echo_once(struct peer *peer) {
  if (run_echo(peer, 1, 1).completed != 1) die("no echo");
}

static struct result run_handshakes(long count, int leave_open) {
  struct result result = {0};
  double start = now(), deadline = start + settings.seconds;
  while (result.completed < count && now() < deadline) {
    struct peer peer = open_association(leave_open);
    if (leave_open) echo_once(&peer);
    else SSL_shutdown(peer.ssl);
    forget(&peer);
    result.completed++;
  }
  result.seconds = now() - start;
  return result;
}

static void await_go(void) {
  char line[16];
  puts("{\"ready\":true}");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(0);
}

static struct result echo_mode(int plain) {
  static struct peer peers[MOST_CLIENTS];
  for (int i = 0; i < settings.clients; i++) {
    peers[i] = plain ? (struct peer){.fd = open_socket(0)} : open_association(0);
  }
  run_echo(peers, settings.clients, settings.warmup);
  await_go();
  struct result result = run_echo(peers, settings.clients, settings.count);
  for (int i = 0; i < settings.clients; i++) {
    if (peers[i].ssl) SSL_shutdown(peers[i].ssl);
    forget(&peers[i]);
  }
  return result;
}

static struct result handshake_mode(int leave_open) {
  run_handshakes(settings.warmup, leave_open);
  await_go();
  return run_handshakes(settings.count, leave_open);
}

static void read_arguments(int argc, char **argv) {
  static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},    {"size", required_argument, NULL, 'z'},
    {"window", required_argument, NULL, 'w'},  {"count", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'}, {"warmup", required_argument, NULL, 'u'},
    {"suite", required_argument, NULL, 's'},   {"groups", required_argument, NULL, 'g'},
    {"cert", required_argument, NULL, 'c'},    {"key", required_argument, NULL, 'k'},
    {"psk", required_argument, NULL, 'i'},     {"resume", no_argument, NULL, 'r'},        {"clients", required_argument, NULL, 'm'},
    {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'p': settings.port = atoi(optarg); break;
      case 'z': settings.size = atoi(optarg); break;
      case 'm': settings.clients = atoi(optarg); break;
      case 'w': settings.window = atoi(optarg); break;
      case 'n': settings.count = atol(optarg); break;
      case 't': settings.seconds = atof(optarg); break;
      case 'u': settings.warmup = atol(optarg); break;
      case 's': settings.suite = optarg; break;
      case 'g': settings.groups = optarg; break;
      case 'c': settings.cert = optarg; break;
      case 'k': settings.key = optarg; break;
      case 'i': settings.psk = optarg; break;
      case 'r': settings.resume = 1; break;
      default: exit(2);
    }
  }
  if (settings.clients < 1 || settings.clients > MOST_CLIENTS) exit(2);
  settings.mode = optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv) {
  struct result result;
  read_arguments(argc, argv);
  create_context();
  if (strcmp(settings.mode, "raw") == 0) result = echo_mode(1);
  else if (strcmp(settings.mode, "echo") == 0) result = echo_mode(0);
  else if (strcmp(settings.mode, "handshake") == 0) result = handshake_mode(0);
  else if (strcmp(settings.mode, "idle") == 0) result = handshake_mode(1);
  else return 2;
  printf("{\"completed\":%ld,\"lost\":%ld,\"seconds\":%.6f}\n", result.completed, result.lost, result.seconds);
  return 0;
}
