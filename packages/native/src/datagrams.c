#ifdef __linux__
#define _GNU_SOURCE /* recvmmsg, sendmmsg */

#include "datagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of <linux/udp.h>, which old headers lack. */
enum { LEVEL_UDP = 17, OPTION_SEGMENT = 103 };
/* Segments that every kernel takes at once, and their bytes with headers of 48. */
enum { MAX_SEGMENTS = 64, MAX_SEGMENTED = 65535 - 48 };

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

bool datagrams_is_intact(const struct datagram_socket *socket) {
  struct stat found;
  return fstat(socket->descriptor, &found) == 0 && found.st_dev == socket->device && found.st_ino == socket->inode;
}

int datagrams_open(struct datagram_socket *made, const char *address, uint16_t port, int flags) {
  union name name;
  *made = (struct datagram_socket){ .descriptor = -1 };
  if (!parse(address, port, &name)) return EINVAL;
  int opened = socket(name.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened < 0) return errno;
  made->family = name.family;
  made->descriptor = opened;
  struct stat file = { 0 };
  int error = result(fstat(opened, &file));
  if (error == 0) error = configure_and_bind(made, &name, flags);
  made->device = file.st_dev, made->inode = file.st_ino;
  /* A kernel that does not know segments would send all of them as one datagram. */
  made->segments = error == 0 && set_option(opened, LEVEL_UDP, OPTION_SEGMENT, 0) == 0;
  if (error != 0) datagrams_close(made);
  return error;
}

void datagrams_close(struct datagram_socket *closed) {
  if (datagrams_is_intact(closed)) close(closed->descriptor);
  closed->descriptor = -1;
}

int datagrams_own_name(const struct datagram_socket *socket, unsigned char *bytes) {
  union name name = { .v6 = { 0 } };
  socklen_t length = sizeof name;
  int error = result(getsockname(socket->descriptor, &name.any, &length));
  memcpy(bytes, &name, NAME_LENGTH);
  return error;
}

int datagrams_connect(struct datagram_socket *socket, const unsigned char *bytes) {
  union name name = { .v6 = { 0 } };
  memcpy(&name, bytes, NAME_LENGTH);
  return name.family == socket->family ? result(connect(socket->descriptor, &name.any, length_of(name.family)))
                                       : EAFNOSUPPORT;
}

/* A buffer that is larger stays. */
static int raise_option(int descriptor, int level, int option, int least) {
  int has = 0;
  socklen_t length = sizeof has;
  int error = result(getsockopt(descriptor, level, option, &has, &length));
  return error != 0 || has >= least ? error : set_option(descriptor, level, option, least);
}

int datagrams_set(const struct datagram_socket *socket, enum datagram_option option, int value) {
  bool is_v6 = socket->family == AF_INET6;
  switch (option) {
    case TIME_TO_LIVE:
      return is_v6 ? set_option(socket->descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value)
                   : set_option(socket->descriptor, IPPROTO_IP, IP_TTL, value);
    case RECEIVE_BUFFER:
      return set_option(socket->descriptor, SOL_SOCKET, SO_RCVBUF, value);
    case SEND_BUFFER:
      return set_option(socket->descriptor, SOL_SOCKET, SO_SNDBUF, value);
    case MIN_RECEIVE_BUFFER:
      return raise_option(socket->descriptor, SOL_SOCKET, SO_RCVBUF, value);
    default:
      return EINVAL;
  }
}

/* What a call of the system needs to receive: for a place in memory it is made once, and put in order after each use. */
struct receiver {
  unsigned char *memory;
  struct mmsghdr messages[MAX_RECEIVED];
  struct iovec rooms[MAX_RECEIVED];
};

struct receiver *receiver_new(void) {
  return calloc(1, sizeof(struct receiver));
}

void receiver_free(struct receiver *receiver) {
  free(receiver);
}

static void prepare(struct receiver *receiver, unsigned char *memory) {
  unsigned char *room = memory + MAX_RECEIVED * RECEIVED_ENTRY;
  receiver->memory = memory;
  for (size_t i = 0; i < MAX_RECEIVED; i++) {
    unsigned char *name = memory + i * RECEIVED_ENTRY + 4;
    receiver->rooms[i] = (struct iovec){ room + i * RECEIVED_ROOM, RECEIVED_ROOM };
    receiver->messages[i] = (struct mmsghdr){
      .msg_hdr = { .msg_name = name, .msg_namelen = NAME_LENGTH, .msg_iov = &receiver->rooms[i], .msg_iovlen = 1 },
    };
  }
}

/* Asked for many, the kernel looks once more than it finds, and each of its messages has a header to be copied. */
static int receive_one(const struct datagram_socket *from, unsigned char *memory, size_t *received) {
  unsigned char *name = memory + 4, *room = memory + MAX_RECEIVED * RECEIVED_ENTRY;
  socklen_t name_length = NAME_LENGTH;
  ssize_t length;
  do
    length = recvfrom(from->descriptor, room, RECEIVED_ROOM, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)name,
                      &name_length);
  while (length < 0 && errno == EINTR);
  *received = length < 0 ? 0 : 1;
  if (length < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
  uint32_t known = (uint32_t)length;
  memcpy(memory, &known, sizeof known);
  if (name_length < NAME_LENGTH) memset(name + name_length, 0, NAME_LENGTH - name_length);
  return 0;
}

int datagrams_receive(const struct datagram_socket *from, struct receiver *receiver, unsigned char *memory,
                      size_t most, size_t *received) {
  if (most == 1) return receive_one(from, memory, received);
  if (receiver->memory != memory) prepare(receiver, memory);
  int count;
  do count = recvmmsg(from->descriptor, receiver->messages, (unsigned)most, MSG_DONTWAIT | MSG_TRUNC, NULL);
  while (count < 0 && errno == EINTR);
  *received = count < 0 ? 0 : (size_t)count;
  if (count < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
  for (size_t i = 0; i < *received; i++) {
    struct mmsghdr *message = &receiver->messages[i];
    unsigned char *entry = memory + i * RECEIVED_ENTRY;
    uint32_t length = message->msg_len;
    memcpy(entry, &length, sizeof length);
    if (message->msg_hdr.msg_namelen < NAME_LENGTH)
      memset(entry + 4 + message->msg_hdr.msg_namelen, 0, NAME_LENGTH - message->msg_hdr.msg_namelen);
    message->msg_hdr.msg_namelen = NAME_LENGTH;
    message->msg_hdr.msg_flags = 0;
  }
  return 0;
}

struct entry {
  uint32_t length;
  uint32_t name;
  uint32_t offset;
  uint32_t known_as;
};

enum { ENTRIES_AT = SENT_HEADER + MAX_NAMES * SENT_NAME };

static struct entry entry_at(const unsigned char *memory, size_t place) {
  struct entry entry;
  memcpy(&entry, memory + ENTRIES_AT + place * SENT_ENTRY, sizeof entry);
  return entry;
}

static const unsigned char *bytes_of(const unsigned char *memory, struct entry entry) {
  return memory + SENT_LENGTH - SENT_BYTES + entry.offset;
}

static const unsigned char *name_at(const unsigned char *memory, uint32_t number) {
  return memory + SENT_HEADER + number * SENT_NAME;
}

bool datagrams_may_send(const struct datagram_socket *by, const unsigned char *memory, size_t end) {
  for (size_t place = 0; place < end; place++) {
    struct entry entry = entry_at(memory, place);
    sa_family_t family;
    if (entry.length > MAX_DATAGRAM || entry.offset > SENT_BYTES - entry.length) return false;
    if (entry.name == NO_NAME) continue;
    if (entry.name >= MAX_NAMES) return false;
    memcpy(&family, name_at(memory, entry.name), sizeof family);
    if (family != by->family) return false;
  }
  return true;
}

/*
 * The entries in the order in which they are sent: each address where it comes first, and behind it all others of it, in
 * their order.
 */
static void arrange(unsigned char *memory, size_t at, size_t end) {
  size_t same = at;
  while (same < end && entry_at(memory, same).name == entry_at(memory, at).name) same++;
  if (same == end) return;
  struct entry entries[MAX_SENT];
  /* Of each address: the place behind its last entry, or 0; and of each entry the place of the next of its address. */
  uint16_t last[MAX_NAMES + 1] = { 0 }, next[MAX_SENT] = { 0 };
  bool is_first[MAX_SENT], changes = false;
  for (size_t place = at; place < end; place++) {
    entries[place] = entry_at(memory, place);
    uint16_t *behind = &last[entries[place].name == NO_NAME ? MAX_NAMES : entries[place].name];
    is_first[place] = *behind == 0;
    if (*behind != 0) next[*behind - 1] = (uint16_t)place;
    if (*behind != 0 && *behind != place) changes = true;
    *behind = (uint16_t)(place + 1);
  }
  if (!changes) return;
  unsigned char *to = memory + ENTRIES_AT + at * SENT_ENTRY;
  for (size_t first = at; first < end; first++) {
    if (!is_first[first]) continue;
    /* None is followed by the first of all. */
    for (size_t place = first;; place = next[place]) {
      memcpy(to, &entries[place], SENT_ENTRY);
      to += SENT_ENTRY;
      if (next[place] == 0) break;
    }
  }
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
  struct iovec pieces[MAX_SENT];
  union segment_control controls[MAX_SENT];
  size_t runs[MAX_SENT];
  size_t count;
};

/* Pieces of memory that stand one behind the other are one. Returns how many there are, behind those before. */
static size_t gather(struct iovec *pieces, const unsigned char *memory, size_t at, size_t run) {
  size_t count = 0;
  for (size_t i = 0; i < run; i++) {
    struct entry entry = entry_at(memory, at + i);
    unsigned char *bytes = (void *)bytes_of(memory, entry);
    struct iovec *last = count == 0 ? NULL : &pieces[count - 1];
    if (last != NULL && (unsigned char *)last->iov_base + last->iov_len == bytes) last->iov_len += entry.length;
    else pieces[count++] = (struct iovec){ bytes, entry.length };
  }
  return count;
}

static void fill(struct batch *batch, const struct datagram_socket *by, const unsigned char *memory, size_t at,
                 size_t end, bool segments) {
  size_t used = 0;
  batch->count = 0;
  while (at < end) {
    size_t place = batch->count++;
    struct entry first = entry_at(memory, at);
    size_t run = segments ? run_length(memory, at, end) : 1;
    struct iovec *pieces = batch->pieces + used;
    size_t count = gather(pieces, memory, at, run);
    used += count;
    batch->runs[place] = run;
    batch->messages[place] = (struct mmsghdr){ .msg_hdr = { .msg_iov = pieces, .msg_iovlen = count } };
    struct msghdr *message = &batch->messages[place].msg_hdr;
    if (first.name != NO_NAME) {
      message->msg_name = (void *)name_at(memory, first.name);
      message->msg_namelen = length_of(by->family);
    }
    if (run > 1) ask_for_segments(message, &batch->controls[place], (uint16_t)first.length);
    at += run;
  }
}

/* In a call for many the kernel lets other threads run after each message. */
static int send_some(const struct datagram_socket *by, struct mmsghdr *messages, unsigned count) {
  if (count > 1) return sendmmsg(by->descriptor, messages, count, MSG_DONTWAIT);
  const struct msghdr *message = &messages->msg_hdr;
  const struct iovec *bytes = message->msg_iov;
  /* A datagram by itself needs no headers, which the kernel copies. */
  bool is_plain = message->msg_controllen == 0 && message->msg_iovlen == 1;
  ssize_t sent = is_plain ? sendto(by->descriptor, bytes->iov_base, bytes->iov_len, MSG_DONTWAIT, message->msg_name,
                                   message->msg_namelen)
                          : sendmsg(by->descriptor, message, MSG_DONTWAIT);
  return sent < 0 ? -1 : 1;
}

/* Sends all of `batch`, or up to an error; `*sent` counts its messages. */
static int send_all(const struct datagram_socket *by, struct batch *batch, size_t *sent) {
  *sent = 0;
  while (*sent < batch->count) {
    int count = send_some(by, batch->messages + *sent, (unsigned)(batch->count - *sent));
    if (count > 0) *sent += (size_t)count;
    else if (count == 0) return EAGAIN;
    else if (errno != EINTR) return errno == EWOULDBLOCK ? EAGAIN : errno;
  }
  return 0;
}

int datagrams_send(struct datagram_socket *by, unsigned char *memory, size_t *at, size_t end) {
  struct batch batch;
  if (by->segments) arrange(memory, *at, end);
  /* Up to here datagrams go one by one: together they were refused. */
  size_t singly = *at;
  while (*at < end) {
    bool segments = by->segments && *at >= singly;
    size_t sent, stop = segments || !by->segments ? end : singly;
    fill(&batch, by, memory, *at, stop, segments);
    int error = send_all(by, &batch, &sent);
    for (size_t place = 0; place < sent; place++) *at += batch.runs[place];
    if (error == 0) continue;
    if (batch.runs[sent] == 1 || (error != EINVAL && error != EIO && error != EMSGSIZE)) return error;
    /* EIO: the device cannot do it for any. Otherwise the segments may be too long for the path of this peer. */
    if (error == EIO) by->segments = false;
    singly = *at + batch.runs[sent];
  }
  return 0;
}

#endif
