/*
 * Whole records of one direction of one epoch, without JavaScript: header, nonce, additional data and the mask of the record
 * number. Those of DTLS 1.2 (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2), also with a connection ID (RFC 9146 §4), have a plain header,
 * those of DTLS 1.3 a unified one (RFC 9147 §4).
 */
#ifndef DATAGRAM_TLS_RECORDS_H
#define DATAGRAM_TLS_RECORDS_H

#include "ciphers.h"

enum {
  MAX_CID_LENGTH = 255,
  PLAIN_HEADER_LENGTH = 13,
  UNIFIED_HEADER_LENGTH = 5, /* of the records that are sealed */
  MAX_HEADER_LENGTH = PLAIN_HEADER_LENGTH + MAX_CID_LENGTH,
  EXPLICIT_NONCE_LENGTH = 8,
  SALT_LENGTH = NONCE_LENGTH - EXPLICIT_NONCE_LENGTH,
  MAX_CONTENT_LENGTH = 0x4000,
  /* Of a record that is opened: longer than any that is sealed, and short enough for 15 bits. */
  MAX_RECORD_TEXT = 0x7fff
};
#define MAX_RECORD_NUMBER INT64_C(0xffffffffffff)

struct record_key {
  struct cipher cipher;
  /* For record numbers. Without schedules they are not encrypted, and headers are plain. */
  struct cipher mask;
  unsigned char iv[NONCE_LENGTH];
  uint16_t epoch;
  /* On records that are sealed. */
  uint8_t cid_length;
  unsigned char *cid;
};

/* Bytes of a key, its IV and, where numbers are encrypted, the key of the masks: the secrets of a record key, one behind the other. */
size_t record_secrets_length(const struct algorithm *algorithm, bool encrypts_numbers);
/* False when OpenSSL has no memory, or the algorithm's tags are too short for the masks. `masks`: NULL for plain headers. */
bool record_key_open(struct record_key *key, struct schedules *schedules, struct schedules *masks, uint32_t place,
                     uint16_t epoch, const unsigned char *secrets);
void record_key_close(struct record_key *key);
/* Of at most MAX_CID_LENGTH bytes, none for no ID. False when there is no memory; the ID stays as it was then. */
bool record_use_cid(struct record_key *key, const unsigned char *cid, size_t length);

/* Where the content of a record that is sealed begins, and by how much the record is longer than its content. */
size_t record_content_at(const struct record_key *key);
size_t record_overhead(const struct record_key *key);
/* Makes a record around its content, which is in its place. False when OpenSSL fails: the content is wiped then. */
bool record_seal(const struct record_key *key, unsigned char type, int64_t sequence, unsigned char *record,
                 size_t length);

/* Where a record that is opened has its text (content, type and zeros, or the content alone), and how long it is. */
struct record_text {
  size_t at;
  size_t length;
};
/* False where no record is so long, or so short. */
bool record_find_text(const struct record_key *key, const unsigned char *record, size_t header_length,
                      size_t body_length, struct record_text *text);

struct opened_record {
  int64_t sequence;
  size_t length; /* of the content */
  unsigned char type;
};

/*
 * RECORD_OLDER: its number, which is known now, is less than the expected one, and the record was not opened; it is with its own
 * number as the expected one. Plain headers have numbers that the caller has read: RECORD_OPENED then leaves the expected one.
 */
enum record_result { RECORD_OPENED, RECORD_OLDER, RECORD_FORGED };

/*
 * Writes the text to `out`, which is apart from it or the text itself; of the content's type and zeros only zeros are left. A
 * record that is not authentic leaves zeros, or what was there.
 */
enum record_result record_open(const struct record_key *key, int64_t expected, const unsigned char *record,
                               size_t header_length, struct record_text text, unsigned char *out,
                               struct opened_record *opened);

#endif
