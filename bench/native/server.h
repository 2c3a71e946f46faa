/* An echo server for many peers on one socket of loopback. What a DTLS library does for one peer is its own file. */
#ifndef SERVER_H
#define SERVER_H

#include <netinet/in.h>

#define MTU 1400
#define DATAGRAM_MAX 65536

/* The arguments: files in PEM, a key in hexadecimal digits, names in the words of the library. */
struct settings {
  const char *cert, *key, *client_ca, *psk, *suite, *groups;
  /* Whether clients may send before the handshake is complete. */
  int early;
};

extern struct settings settings;

/* ---- What server.c has for the library ---- */

/* Copies the datagram in hand, once; its length, or 0 when there is none. To peek leaves it in hand. */
int take_datagram(void *out, int capacity);
int peek_datagram(void *out, int capacity);
int send_datagram(const struct sockaddr_in *to, const void *bytes, int length);
/* The pre-shared key of the arguments; its length. */
int psk_bytes(unsigned char *out, int capacity);
/* What is done with a message that came: it is echoed, or as the arguments say. */
void on_message(void *session, const void *message, int length);
double now(void);
_Noreturn void die(const char *what);

/* ---- What the library's file has ---- */

const char *library_version(void);
void library_start(void);
/* Takes a datagram from an unvalidated address, and may answer it. Returns the session of a peer with a valid cookie, or NULL. */
void *session_accept(const struct sockaddr_in *from);
/* Handshakes, hands over what came, and closes; 0 when the session is over. */
int session_serve(void *session);
void session_send(void *session, const void *message, int length);
/* Its timer, some times a second while others wait for time to pass; a library without one here leaves it out. */
void session_tick(void *session);
void session_free(void *session);

#endif
