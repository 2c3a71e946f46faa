/*
 * A reference server: DTLS echo, one thread, one UDP socket, many peers.
 *
 *   NAME-echo --cert FILE --key FILE [--client-ca FILE] --suite NAME [--groups NAMES]
 *   NAME-echo --psk HEX --suite NAME [--groups NAMES]
 *   either    … --traffic sink: messages are counted, not echoed; --traffic source: the first four bytes of a message say
 *             how many of its length are sent; --timers: sessions repeat what is lost; --early: early data is taken
 *   NAME-echo --version
 *
 * Prints {"port":N} when it listens on 127.0.0.1, answers each line on standard input with its own CPU time and memory,
 * and ends when standard input does. Without loss the client's timer suffices, and none runs here.
 */
#include "server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 32768
#define TICK_MS 10
/* Messages between two looks at the socket. */
#define BURST 32

struct association {
  void *session;
  struct sockaddr_in peer;
  struct association *next;
};

struct settings settings = {.suite = "", .groups = "X25519:P-256"};

static int server_fd;
static unsigned char datagram[DATAGRAM_MAX];
static int datagram_length;
static struct association *buckets[BUCKETS];
static const char *traffic = "echo";
static int timers;
/* Messages taken by a sink, or sent by a source. */
static long messages;
/* The peer that a source sends to, and how many messages are left. */
static struct {
  void *to;
  long left;
  int length;
} source;

_Noreturn void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

int peek_datagram(void *out, int capacity) {
  int length = datagram_length < capacity ? datagram_length : capacity;
  memcpy(out, datagram, (size_t)length);
  return length;
}

int take_datagram(void *out, int capacity) {
  int length = peek_datagram(out, capacity);
  datagram_length = 0;
  return length;
}

int send_datagram(const struct sockaddr_in *to, const void *bytes, int length) {
  return (int)sendto(server_fd, bytes, (size_t)length, 0, (const struct sockaddr *)to, sizeof *to);
}

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

/* ---- Associations: a table by peer address ---- */

static struct association **slot_of(const struct sockaddr_in *peer) {
  uint32_t hash = (ntohl(peer->sin_addr.s_addr) * 2654435761u) ^ (ntohs(peer->sin_port) * 40503u);
  struct association **slot = &buckets[hash % BUCKETS];
  while (*slot && ((*slot)->peer.sin_port != peer->sin_port || (*slot)->peer.sin_addr.s_addr != peer->sin_addr.s_addr)) {
    slot = &(*slot)->next;
  }
  return slot;
}

static struct association *accept_peer(const struct sockaddr_in *peer) {
  void *session = session_accept(peer);
  if (!session) return NULL;
  struct association *accepted = calloc(1, sizeof *accepted);
  if (!accepted) die("association");
  accepted->session = session;
  accepted->peer = *peer;
  return accepted;
}

static void remove_association(struct association **slot) {
  struct association *over = *slot;
  if (source.to == over->session) source.left = 0;
  *slot = over->next;
  session_free(over->session);
  free(over);
}

static void on_datagram(const struct sockaddr_in *peer) {
  struct association **slot = slot_of(peer);
  if (!*slot) *slot = accept_peer(peer);
  if (*slot && !session_serve((*slot)->session)) remove_association(slot);
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

/* ---- Messages ---- */

void on_message(void *session, const void *message, int length) {
  uint32_t count;
  if (traffic[0] == 'e') {
    session_send(session, message, length);
  } else if (strcmp(traffic, "sink") == 0) {
    messages++;
  } else if (length >= (int)sizeof count) {
    memcpy(&count, message, sizeof count);
    source.to = session, source.left = ntohl(count), source.length = length;
  }
}

static void send_burst(void) {
  static unsigned char message[DATAGRAM_MAX];
  for (int i = 0; i < BURST && source.left > 0; i++, source.left--, messages++) {
    session_send(source.to, message, source.length);
  }
}

__attribute__((weak)) void session_tick(void *session) {
  (void)session;
}

static void tick(void) {
  for (int i = 0; i < BUCKETS; i++) {
    for (struct association *each = buckets[i]; each; each = each->next) session_tick(each->session);
  }
}

/* ---- Process ---- */

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

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
  printf("{\"cpu\":%lld,\"rss\":%ld,\"messages\":%ld}\n", cpu, resident_bytes(), messages);
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
    {"version", no_argument, NULL, 'v'},     {"traffic", required_argument, NULL, 't'},
    {"timers", no_argument, NULL, 'm'},      {"early", no_argument, NULL, 'e'},
    {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'c') settings.cert = optarg;
    else if (option == 'k') settings.key = optarg;
    else if (option == 'a') settings.client_ca = optarg;
    else if (option == 'p') settings.psk = optarg;
    else if (option == 's') settings.suite = optarg;
    else if (option == 'g') settings.groups = optarg;
    else if (option == 't') traffic = optarg;
    else if (option == 'm') timers = 1;
    else if (option == 'e') settings.early = 1;
    else return option == 'v' ? puts(library_version()) < 0 : 2;
  }
  if (!settings.psk && (!settings.cert || !settings.key)) return 2;
  library_start();
  listen_on_loopback();
  struct pollfd events[] = {{.fd = server_fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  double next_tick = now();
  for (;;) {
    int wait = source.left > 0 ? 0 : timers ? TICK_MS : -1;
    if (poll(events, 2, wait) < 0 && errno != EINTR) die("poll");
    if (events[0].revents) while (receive_one());
    if (events[1].revents && !on_command()) return 0;
    send_burst();
    if (timers && now() >= next_tick) tick(), next_tick = now() + TICK_MS / 1000.0;
  }
}
