#ifdef __linux__
#define _GNU_SOURCE /* recvmmsg, sendmmsg */

#include "datagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of <linux/udp.h>, which old headers lack. */
enum { LEVEL_UDP = 17, OPTION_SEGMENT = 103 };
/* Segments that every kernel takes at once, and their bytes with headers of 48. */
enum { MAX_SEGMENTS = 64, MAX_SEGMENTED = 65535 - 48 };
/* Descriptors of the standard streams are not for sockets, even where one is closed. */
enum { FIRST_DESCRIPTOR = 3 };

union name {
  sa_family_t family;
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t length_of(int family) {
  return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int result(int returned) {
  return returned == 0 ? 0 : errno;
}

/* As `if_nametoindex` in libuv: an unknown scope is none. */
static bool parse_v6(const char *address, struct sockaddr_in6 *name) {
  char plain[INET6_ADDRSTRLEN];
  const char *scope = strchr(address, '%');
  size_t length = scope == NULL ? strlen(address) : (size_t)(scope - address);
  if (length >= sizeof plain) return false;
  memcpy(plain, address, length);
  plain[length] = '\0';
  if (scope != NULL) name->sin6_scope_id = if_nametoindex(scope + 1);
  return inet_pton(AF_INET6, plain, &name->sin6_addr) == 1;
}

static bool parse(const char *address, uint16_t port, union name *name) {
  *name = (union name){ .v6 = { 0 } };
  if (inet_pton(AF_INET, address, &name->v4.sin_addr) == 1) {
    name->v4.sin_family = AF_INET;
    name->v4.sin_port = htons(port);
    return true;
  }
  *name = (union name){ .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
  return parse_v6(address, &name->v6);
}

bool datagrams_encode_name(const char *address, uint16_t port, unsigned char *bytes) {
  union name name;
  if (!parse(address, port, &name)) return false;
  memset(bytes, 0, NAME_LENGTH);
  memcpy(bytes, &name, length_of(name.family));
  return true;
}

bool datagrams_decode_name(const unsigned char *bytes, char address[MAX_ADDRESS_LENGTH]) {
  union name name = { .v6 = { 0 } };
  char interface[IF_NAMESIZE];
  memcpy(&name, bytes, NAME_LENGTH);
  if (name.family == AF_INET)
    return inet_ntop(AF_INET, &name.v4.sin_addr, address, MAX_ADDRESS_LENGTH) != NULL;
  if (name.family != AF_INET6 || inet_ntop(AF_INET6, &name.v6.sin6_addr, address, MAX_ADDRESS_LENGTH) == NULL)
    return false;
  if (!IN6_IS_ADDR_LINKLOCAL(&name.v6.sin6_addr) || name.v6.sin6_scope_id == 0) return true;
  if (if_indextoname(name.v6.sin6_scope_id, interface) == NULL) return false;
  size_t length = strlen(address);
  return (size_t)snprintf(address + length, MAX_ADDRESS_LENGTH - length, "%%%s", interface) <
         MAX_ADDRESS_LENGTH - length;
}

static int set_option(int descriptor, int level, int option, int value) {
  return result(setsockopt(descriptor, level, option, &value, sizeof value));
}

static int configure_and_bind(struct datagram_socket *made, const union name *name, int flags) {
  int error = 0;
  if ((flags & FLAG_IPV6_ONLY) != 0 && made->family == AF_INET6)
    error = set_option(made->descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (error == 0 && (flags & FLAG_REUSE_PORT) != 0)
    error = set_option(made->descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  return error != 0 ? error : result(bind(made->descriptor, &name->any, length_of(made->family)));
}

int datagrams_open(struct datagram_socket *made, const char *address, uint16_t port, int flags) {
  union name name;
  *made = (struct datagram_socket){ .descriptor = -1 };
  if (!parse(address, port, &name)) return EINVAL;
  int opened = socket(name.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened < 0) return errno;
  made->family = name.family;
  made->descriptor = opened;
  int error = configure_and_bind(made, &name, flags);
  /* A kernel that does not know segments would send all of them as one datagram. */
  made->segments = error == 0 && set_option(opened, LEVEL_UDP, OPTION_SEGMENT, 0) == 0;
  if (error != 0) datagrams_close(made);
  return error;
}

void datagrams_close(struct datagram_socket *closed) {
  if (closed->descriptor >= 0) close(closed->descriptor);
  closed->descriptor = -1;
}

int datagrams_duplicate(const struct datagram_socket *from, int *descriptor) {
  *descriptor = fcntl(from->descriptor, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
  return *descriptor < 0 ? errno : 0;
}

void datagrams_close_duplicate(const struct datagram_socket *of, int descriptor) {
  struct stat ours, other;
  if (descriptor != of->descriptor && fstat(of->descriptor, &ours) == 0 && fstat(descriptor, &other) == 0 &&
      ours.st_dev == other.st_dev && ours.st_ino == other.st_ino)
    close(descriptor);
}

int datagrams_keep_address(const struct datagram_socket *kept) {
  return set_option(kept->descriptor, SOL_SOCKET, SO_REUSEADDR, 0);
}

int datagrams_receive(const struct datagram_socket *from, unsigned char *memory, size_t most, size_t *received) {
  struct mmsghdr messages[MAX_RECEIVED];
  struct iovec rooms[MAX_RECEIVED];
  unsigned char *room = memory + MAX_RECEIVED * RECEIVED_ENTRY;
  for (size_t i = 0; i < most; i++) {
    unsigned char *name = memory + i * RECEIVED_ENTRY + 4;
    memset(name, 0, NAME_LENGTH);
    rooms[i] = (struct iovec){ room + i * RECEIVED_ROOM, RECEIVED_ROOM };
    messages[i] = (struct mmsghdr){
      .msg_hdr = { .msg_name = name, .msg_namelen = NAME_LENGTH, .msg_iov = &rooms[i], .msg_iovlen = 1 },
    };
  }
  int count;
  do count = recvmmsg(from->descriptor, messages, (unsigned)most, MSG_DONTWAIT | MSG_TRUNC, NULL);
  while (count < 0 && errno == EINTR);
  *received = count < 0 ? 0 : (size_t)count;
  if (count < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
  for (size_t i = 0; i < *received; i++) {
    uint32_t length = messages[i].msg_len;
    memcpy(memory + i * RECEIVED_ENTRY, &length, sizeof length);
  }
  return 0;
}

struct entry {
  uint32_t length;
  uint32_t name;
};

static struct entry entry_at(const unsigned char *memory, size_t place) {
  struct entry entry;
  memcpy(&entry, memory + SENT_HEADER + MAX_NAMES * SENT_NAME + place * SENT_ENTRY, sizeof entry);
  return entry;
}

static const unsigned char *name_at(const unsigned char *memory, uint32_t number) {
  return memory + SENT_HEADER + number * SENT_NAME;
}

bool datagrams_may_send(const struct datagram_socket *by, const unsigned char *memory, size_t end) {
  size_t total = 0;
  for (size_t place = 0; place < end; place++) {
    struct entry entry = entry_at(memory, place);
    sa_family_t family;
    if (entry.length > MAX_DATAGRAM || (total += entry.length) > SENT_BYTES) return false;
    if (entry.name == NO_NAME) continue;
    if (entry.name >= MAX_NAMES) return false;
    memcpy(&family, name_at(memory, entry.name), sizeof family);
    if (family != by->family) return false;
  }
  return true;
}

/* Datagrams of one length to one peer, of which the last may be shorter. */
static size_t run_length(const unsigned char *memory, size_t place, size_t end) {
  struct entry first = entry_at(memory, place);
  size_t count = 1, total = first.length;
  if (first.length == 0) return 1;
  while (place + count < end && count < MAX_SEGMENTS) {
    struct entry next = entry_at(memory, place + count);
    if (next.name != first.name || next.length == 0 || next.length > first.length ||
        total + next.length > MAX_SEGMENTED)
      break;
    total += next.length;
    count++;
    if (next.length < first.length) break;
  }
  return count;
}

union segment_control {
  char bytes[CMSG_SPACE(sizeof(uint16_t))];
  struct cmsghdr aligned;
};

static void ask_for_segments(struct msghdr *message, union segment_control *control, uint16_t length) {
  message->msg_control = control->bytes;
  message->msg_controllen = sizeof control->bytes;
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = LEVEL_UDP;
  header->cmsg_type = OPTION_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof length);
  memcpy(CMSG_DATA(header), &length, sizeof length);
}

/* What one system call sends: messages, each of one datagram or of a run. */
struct batch {
  struct mmsghdr messages[MAX_SENT];
  struct iovec bytes[MAX_SENT];
  union segment_control controls[MAX_SENT];
  size_t runs[MAX_SENT];
  size_t count;
};

static void fill(struct batch *batch, const struct datagram_socket *by, const unsigned char *memory, size_t at,
                 size_t end, const unsigned char *next, bool segments) {
  batch->count = 0;
  while (at < end) {
    size_t place = batch->count++;
    struct entry first = entry_at(memory, at);
    size_t run = segments ? run_length(memory, at, end) : 1, total = 0;
    for (size_t i = 0; i < run; i++) total += entry_at(memory, at + i).length;
    batch->bytes[place] = (struct iovec){ (void *)next, total };
    batch->runs[place] = run;
    batch->messages[place] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &batch->bytes[place], .msg_iovlen = 1 } };
    struct msghdr *message = &batch->messages[place].msg_hdr;
    if (first.name != NO_NAME) {
      message->msg_name = (void *)name_at(memory, first.name);
      message->msg_namelen = length_of(by->family);
    }
    if (run > 1) ask_for_segments(message, &batch->controls[place], (uint16_t)first.length);
    next += total;
    at += run;
  }
}

/* Sends all of `batch`, or up to an error; `*sent` counts its messages. */
static int send_all(const struct datagram_socket *by, struct batch *batch, size_t *sent) {
  *sent = 0;
  while (*sent < batch->count) {
    int count = sendmmsg(by->descriptor, batch->messages + *sent, (unsigned)(batch->count - *sent), MSG_DONTWAIT);
    if (count > 0) *sent += (size_t)count;
    else if (count == 0) return EAGAIN;
    else if (errno != EINTR) return errno == EWOULDBLOCK ? EAGAIN : errno;
  }
  return 0;
}

int datagrams_send(struct datagram_socket *by, const unsigned char *memory, size_t *at, size_t end) {
  struct batch batch;
  const unsigned char *next = memory + SENT_LENGTH - SENT_BYTES;
  for (size_t place = 0; place < *at; place++) next += entry_at(memory, place).length;
  /* Up to here datagrams go one by one: together they were refused. */
  size_t singly = *at;
  while (*at < end) {
    bool segments = by->segments && *at >= singly;
    size_t sent, stop = segments || !by->segments ? end : singly;
    fill(&batch, by, memory, *at, stop, next, segments);
    int error = send_all(by, &batch, &sent);
    for (size_t place = 0; place < sent; place++) {
      *at += batch.runs[place];
      next += batch.bytes[place].iov_len;
    }
    if (error == 0) continue;
    if (batch.runs[sent] == 1 || (error != EINVAL && error != EIO && error != EMSGSIZE)) return error;
    /* EIO: the device cannot do it for any. Otherwise the segments may be too long for the path of this peer. */
    if (error == EIO) by->segments = false;
    singly = *at + batch.runs[sent];
  }
  return 0;
}

#endif
