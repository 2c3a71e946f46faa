/* The load generator's client: one connection to the server. What a DTLS library does for it is its own file. */
#ifndef CLIENT_H
#define CLIENT_H

#define MTU 1400
#define DATAGRAM_MAX 65536

/* The arguments: files in PEM, a key in hexadecimal digits, names in the words of the library. */
struct settings {
  const char *mode, *suite, *groups, *cert, *key, *psk;
  int port, size, clients, window, resume, early;
  long count, warmup;
  double seconds;
};

extern struct settings settings;

/* ---- What load.c has for the library ---- */

_Noreturn void die(const char *what);
double now(void);
/* The pre-shared key of the arguments; its length. */
int psk_bytes(unsigned char *out, int capacity);

/* ---- What the library's file has; 0 stands for "nothing to read yet", and whatever fails ends the process ---- */

void library_start(void);
/* A session over a connected socket that does not block; with `kept`, what `session_keep` returned of an earlier one. */
void *session_open(int fd, void *kept);
/* Goes on with the handshake: 1 when it is complete, 2 when the server resumed the kept session. */
int session_connect(void *session);
/* Sends what may go before the handshake is complete; 0 when nothing may. */
int session_send_early(void *session, const void *message, int length);
/* Whether the server took that. */
int session_early_accepted(void *session);
/* Seconds until its timer is due, and what is done then. */
double session_timer(void *session);
void session_on_timer(void *session);
void session_send(void *session, const void *message, int length);
int session_receive(void *session, void *out, int capacity);
/* What a later session needs to resume this one; NULL as long as there is no ticket. */
void *session_keep(void *session);
/* Whether a kept session is good for one session only. */
int session_kept_is_used_up(void *session);
void session_say_goodbye(void *session);
void session_free(void *session);

#endif
