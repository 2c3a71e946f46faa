/*
 * The load generator: a client of DTLS, or plain UDP. Its library is a file of its own: load-openssl.c has DTLS 1.2,
 * load-wolfssl.c DTLS 1.3.
 *
 *   load raw        --port N --size BYTES --clients N --window N --count N --seconds S --warmup N
 *   load echo       … and --suite NAME --groups NAMES; the window is each client's, the count that of all
 *   load handshake  --port N --suite … --groups … --count N --seconds S --warmup N    each ends with close_notify
 *   either          … and --cert FILE --key FILE of the client, or --psk HEX, or --resume: the session of the first goes on
 *   load idle       --port N --suite … --groups … --count N --seconds S --warmup N    each is left open, after one echo; each further line asks for as many
 *   load send       --port N --size BYTES … as echo: the client sends and hears nothing; raw-send without DTLS
 *   load receive    --port N --size BYTES … as echo: the server sends what one message asks for; raw-receive without DTLS
 *   load first      --port N --clients N --count N …: milliseconds from nothing to the first echo, of COUNT connections
 *                   of each client at once, with --early in the first datagram
 *
 * After its warm-up it prints {"ready":true}, waits for a line on standard input, does what it was asked for (at most
 * COUNT operations in at most SECONDS) and prints {"completed":N,"lost":N,"seconds":S,"cpu":µs of its own}, `first` with "times":[…].
 * Certificates are not verified: only the server is measured.
 */
#include "client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOSS_TIMEOUT_MS 250
#define HANDSHAKE_TIMEOUT_S 10
#define FIRST_TIMEOUT_S 30
#define REPEAT_S 0.5
#define MAX_CLIENTS 1024
/* wolfSSL's server counts the tickets of such a row in one byte, so a full handshake begins the next one. */
#define MAX_GENERATIONS 200
#define FIRST_IDLE_PORT 10000
#define LAST_IDLE_PORT 65000

struct result {
  long completed, lost;
  double seconds;
};

/* A connected socket, and its messages on the way; session is NULL for plain UDP. */
struct peer {
  int fd;
  void *session;
  long in_flight;
};

struct settings settings = {.suite = "ECDHE-ECDSA-AES128-GCM-SHA256",
                            .groups = "X25519:P-256",
                            .size = 64,
                            .clients = 1,
                            .window = 32,
                            .count = 10000,
                            .seconds = 5};
/* The session that later ones resume, and how many did so one after the other. */
static void *kept;
static int generation;

_Noreturn void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

double now(void) {
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
  static struct pollfd events[MAX_CLIENTS];
  for (int i = 0; i < clients; i++) events[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
  return poll(events, (nfds_t)clients, milliseconds) > 0;
}

/* ---- Peers ---- */

int psk_bytes(unsigned char *out, int capacity) {
  int length = (int)strlen(settings.psk) / 2;
  if (length > capacity) return 0;
  for (int i = 0; i < length; i++) {
    unsigned int byte;
    if (sscanf(settings.psk + 2 * i, "%2x", &byte) != 1) return 0;
    out[i] = (unsigned char)byte;
  }
  return length;
}

/* Waits for a datagram or the session's timer, at most until the deadline. */
static void wait_for(struct peer *peer, double deadline, const char *what) {
  double left = session_timer(peer->session);
  if (now() > deadline) die(what);
  if (!wait_readable(peer->fd, (int)(left * 1000) + 1)) session_on_timer(peer->session);
}

static int handshake(struct peer *peer, double deadline) {
  int outcome;
  while ((outcome = session_connect(peer->session)) == 0) wait_for(peer, deadline, "handshake timed out");
  return outcome;
}

static void send_message(struct peer *peer, const unsigned char *message, int length) {
  if (peer->session) session_send(peer->session, message, length);
  else if (send(peer->fd, message, (size_t)length, 0) != length && errno != EAGAIN) die("send");
}

/* The length; 0 when nothing is there to read. */
static int receive_message(struct peer *peer) {
  static unsigned char message[DATAGRAM_MAX];
  if (peer->session) return session_receive(peer->session, message, sizeof message);
  ssize_t length = recv(peer->fd, message, sizeof message, 0);
  return length > 0 ? (int)length : 0;
}

/* A ticket of DTLS 1.3 is good for one session, and comes after the handshake. */
static void keep_session(struct peer *peer) {
  double deadline = now() + HANDSHAKE_TIMEOUT_S;
  if (kept && !session_kept_is_used_up(peer->session)) return;
  kept = NULL;
  if (++generation % MAX_GENERATIONS == 0) return;
  while (!(kept = session_keep(peer->session))) {
    wait_for(peer, deadline, "no ticket came");
    receive_message(peer);
  }
}

static struct peer open_association(int own_port) {
  struct peer peer = {.fd = open_socket(own_port)};
  peer.session = session_open(peer.fd, kept);
  if (handshake(&peer, now() + HANDSHAKE_TIMEOUT_S) != 2 && kept) die("the server did not resume the session");
  if (settings.resume) keep_session(&peer);
  return peer;
}

/* Sends nothing to the server: a caller that wants a close_notify sends it first. */
static void forget(struct peer *peer) {
  if (peer->session) session_free(peer->session);
  close(peer->fd);
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

enum { MAX_ECHOES = 10 };

/* The answer also tells the server that its last flight arrived, so it may forget the handshake. A message may be lost. */
static void echo_once(struct peer *peer) {
  for (int i = 0; i < MAX_ECHOES; i++)
    if (run_echo(peer, 1, 1).completed == 1) return;
  die("no echo");
}

static struct result run_handshakes(long count, int leave_open) {
  struct result result = {0};
  double start = now(), deadline = start + settings.seconds;
  while (result.completed < count && now() < deadline) {
    struct peer peer = open_association(leave_open);
    if (leave_open) echo_once(&peer);
    else session_say_goodbye(peer.session);
    forget(&peer);
    result.completed++;
  }
  result.seconds = now() - start;
  return result;
}

/* µs of CPU since the work began. */
static long long cpu_used(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static long long cpu_before;

static void await_go(void) {
  char line[16];
  puts("{\"ready\":true}");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(0);
  cpu_before = cpu_used();
}

static struct result echo_mode(int plain) {
  static struct peer peers[MAX_CLIENTS];
  for (int i = 0; i < settings.clients; i++) {
    peers[i] = plain ? (struct peer){.fd = open_socket(0)} : open_association(0);
  }
  run_echo(peers, settings.clients, settings.warmup);
  await_go();
  struct result result = run_echo(peers, settings.clients, settings.count);
  for (int i = 0; i < settings.clients; i++) {
    if (peers[i].session) session_say_goodbye(peers[i].session);
    forget(&peers[i]);
  }
  return result;
}

static struct result handshake_mode(int leave_open) {
  run_handshakes(settings.warmup, leave_open);
  await_go();
  return run_handshakes(settings.count, leave_open);
}

static void print_result(struct result result) {
  printf("{\"completed\":%ld,\"lost\":%ld,\"seconds\":%.6f,\"cpu\":%lld}\n", result.completed, result.lost,
         result.seconds, cpu_used() - cpu_before);
  fflush(stdout);
}

/* As many more for each line of standard input. */
static _Noreturn void idle_mode(void) {
  struct result result = handshake_mode(1);
  for (char line[16];;) {
    print_result(result);
    if (!fgets(line, sizeof line, stdin)) exit(0);
    cpu_before = cpu_used();
    result = run_handshakes(settings.count, 1);
  }
}

/* ---- One way ---- */

static struct result send_only(struct peer *peers, int clients, long count) {
  static unsigned char message[DATAGRAM_MAX];
  struct result result = {0};
  double start = now(), deadline = start + settings.seconds;
  while (result.completed < count && now() < deadline) {
    send_message(&peers[result.completed % clients], message, settings.size);
    result.completed++;
  }
  result.seconds = now() - start;
  return result;
}

/* The first four bytes of a request say how many messages of its length are to come. */
static struct result receive_only(struct peer *peers, int clients, long count) {
  static unsigned char request[DATAGRAM_MAX];
  struct result result = {.seconds = 1e-6};
  double start = now(), deadline = start + settings.seconds;
  unsigned int each = htonl((unsigned int)(count / clients));
  memcpy(request, &each, sizeof each);
  for (int i = 0; i < clients && count > 0; i++) send_message(&peers[i], request, settings.size);
  while (result.completed < count && now() < deadline && wait_any(peers, clients, LOSS_TIMEOUT_MS)) {
    for (int i = 0; i < clients; i++) {
      while (receive_message(&peers[i])) result.completed++;
    }
    result.seconds = now() - start;
  }
  result.lost = count - result.completed;
  return result;
}

static struct result one_way_mode(struct result (*run)(struct peer *, int, long), int plain) {
  static struct peer peers[MAX_CLIENTS];
  for (int i = 0; i < settings.clients; i++) {
    peers[i] = plain ? (struct peer){.fd = open_socket(0)} : open_association(0);
  }
  run(peers, settings.clients, settings.warmup);
  await_go();
  struct result result = run(peers, settings.clients, settings.count);
  for (int i = 0; i < settings.clients; i++) forget(&peers[i]);
  return result;
}

/* ---- To the first byte ---- */

/* DTLS repeats no message of the application, so the application does. */
static void await_answer(struct peer *peer, double deadline, int sent) {
  static unsigned char message[DATAGRAM_MAX];
  double again = sent ? now() + REPEAT_S : 0;
  while (!receive_message(peer)) {
    if (now() >= again) send_message(peer, message, settings.size), again = now() + REPEAT_S;
    double timer = session_timer(peer->session), repeat = again - now();
    if (now() > deadline) die("no answer");
    if (wait_readable(peer->fd, (int)((timer < repeat ? timer : repeat) * 1000) + 1)) continue;
    if (timer <= repeat) session_on_timer(peer->session);
  }
}

/* Milliseconds from nothing to the answer to the first message. */
static double first_byte(void) {
  static unsigned char message[DATAGRAM_MAX];
  struct peer peer = {.fd = open_socket(0)};
  double start = now(), deadline = start + FIRST_TIMEOUT_S;
  peer.session = session_open(peer.fd, kept);
  int early = settings.early && kept && session_send_early(peer.session, message, settings.size);
  int outcome = handshake(&peer, deadline);
  if (kept && outcome != 2) die("the server did not resume the session");
  await_answer(&peer, deadline, early && session_early_accepted(peer.session));
  double taken = now() - start;
  if (settings.resume) keep_session(&peer);
  forget(&peer);
  return taken * 1000;
}

static void first_bytes_of_one(int out) {
  if (settings.resume) first_byte();
  for (long i = 0; i < settings.count; i++) {
    double taken = first_byte();
    if (write(out, &taken, sizeof taken) != sizeof taken) exit(1);
  }
  exit(0);
}

/* Each client is a process of its own, as all of them wait most of the time. */
static int first_mode(void) {
  int pipes[2];
  double taken, start = now();
  long completed = 0;
  if (pipe(pipes) != 0) die("pipe");
  await_go();
  for (int i = 0; i < settings.clients; i++) {
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) first_bytes_of_one(pipes[1]);
  }
  close(pipes[1]);
  printf("{\"times\":[");
  while (read(pipes[0], &taken, sizeof taken) == sizeof taken) printf(completed++ == 0 ? "%.2f" : ",%.2f", taken);
  while (wait(NULL) > 0);
  printf("],\"completed\":%ld,\"lost\":%ld,\"seconds\":%.6f}\n", completed,
         settings.clients * settings.count - completed, now() - start);
  return 0;
}

/* ---- Arguments ---- */

static void read_arguments(int argc, char **argv) {
  static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},    {"size", required_argument, NULL, 'z'},
    {"window", required_argument, NULL, 'w'},  {"count", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'}, {"warmup", required_argument, NULL, 'u'},
    {"suite", required_argument, NULL, 's'},   {"groups", required_argument, NULL, 'g'},
    {"cert", required_argument, NULL, 'c'},    {"key", required_argument, NULL, 'k'},
    {"psk", required_argument, NULL, 'i'},     {"resume", no_argument, NULL, 'r'},        {"clients", required_argument, NULL, 'm'},
    {"early", no_argument, NULL, 'e'},         {"warm-port", required_argument, NULL, 'x'}, {0}};
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
      case 'e': settings.early = 1; break;
      /* Where our own client warms up; compiled code need not. */
      case 'x': break;
      default: exit(2);
    }
  }
  if (settings.clients < 1 || settings.clients > MAX_CLIENTS) exit(2);
  settings.mode = optind < argc ? argv[optind] : "";
}

static int is_mode(const char *name) {
  return strcmp(settings.mode, name) == 0;
}

int main(int argc, char **argv) {
  struct result result;
  read_arguments(argc, argv);
  library_start();
  if (is_mode("first")) return first_mode();
  if (is_mode("raw")) result = echo_mode(1);
  else if (is_mode("echo")) result = echo_mode(0);
  else if (is_mode("handshake")) result = handshake_mode(0);
  else if (is_mode("idle")) idle_mode();
  else if (is_mode("send") || is_mode("raw-send")) result = one_way_mode(send_only, is_mode("raw-send"));
  else if (is_mode("receive") || is_mode("raw-receive")) result = one_way_mode(receive_only, is_mode("raw-receive"));
  else return 2;
  print_result(result);
  return 0;
}
