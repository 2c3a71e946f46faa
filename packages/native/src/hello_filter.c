#ifdef __linux__
#define _GNU_SOURCE /* SO_ATTACH_FILTER */

#include "hello_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

/* Of <asm/socket.h> and <linux/sock_diag.h>, which old headers lack (Linux 4.12). */
enum { OPTION_MEMORY = 55, MEMORY_DROPS = 8, MEMORY_VALUES = 9 };

/* What the filter sees begins with the header of UDP. */
enum { PAYLOAD = 8 };
/* RFC 6347 §4.1, §4.2.2, of a record in plaintext: its content type, its epoch, and the type of its message. */
enum { TYPE_AT = PAYLOAD, EPOCH_AT = PAYLOAD + 3, MESSAGE_AT = PAYLOAD + 13, MIN_LENGTH = PAYLOAD + 14 };
enum { HANDSHAKE = 22, CLIENT_HELLO = 1 };

/* A load from behind the end of a datagram would drop it, so that its length is looked at first. */
int hello_filter_set(const struct datagram_socket *filtered, uint32_t admitted) {
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MIN_LENGTH, 0, 9),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TYPE_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HANDSHAKE, 0, 7),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, EPOCH_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, MESSAGE_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLIENT_HELLO, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ALL_HELLOS - 1),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, admitted, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
  int none = 0;
  if (admitted < ALL_HELLOS)
    return setsockopt(filtered->descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0 : errno;
  /* There was none. */
  bool is_gone = setsockopt(filtered->descriptor, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) == 0;
  return is_gone || errno == ENOENT ? 0 : errno;
}

int hello_filter_count(const struct datagram_socket *socket, uint32_t *dropped) {
  uint32_t values[MEMORY_VALUES] = { 0 };
  socklen_t length = sizeof values;
  if (getsockopt(socket->descriptor, SOL_SOCKET, OPTION_MEMORY, values, &length) != 0) return errno;
  if (length < sizeof values) return EOPNOTSUPP;
  *dropped = values[MEMORY_DROPS];
  return 0;
}
#endif
