#include "records.h"

#include <stdlib.h>
#include <string.h>

static bool encrypts_numbers(const struct record_key *key) {
  return key->mask.schedules != NULL;
}

static const struct algorithm *algorithm_of(const struct record_key *key) {
  return key->cipher.schedules->algorithm;
}

/* Whether the nonce is the IV, XORed with the number; or else a salt and what the record has before its text. */
static bool has_whole_iv(const struct algorithm *algorithm, bool encrypts) {
  return encrypts || algorithm->kind == KIND_CHACHA;
}

static size_t iv_length_of(const struct algorithm *algorithm, bool encrypts) {
  return has_whole_iv(algorithm, encrypts) ? NONCE_LENGTH : SALT_LENGTH;
}

size_t record_secrets_length(const struct algorithm *algorithm, bool encrypts) {
  return algorithm->key_length + iv_length_of(algorithm, encrypts) + (encrypts ? algorithm->key_length : 0);
}

bool record_key_open(struct record_key *key, struct schedules *schedules, struct schedules *masks, uint32_t place,
                     uint16_t epoch, const unsigned char *secrets) {
  const struct algorithm *algorithm = schedules->algorithm;
  const unsigned char *iv = secrets + algorithm->key_length;
  size_t iv_length = iv_length_of(algorithm, masks != NULL);
  /* The shortest text is the type alone: with its tag it has to be as long as a sample. */
  if (masks != NULL && 1 + algorithm->tag_length < SAMPLE_LENGTH) return false;
  *key = (struct record_key){ .epoch = epoch };
  if (!cipher_open(&key->cipher, schedules, place, secrets)) return false;
  if (masks != NULL && !cipher_open(&key->mask, masks, place, iv + iv_length)) {
    cipher_close(&key->cipher);
    return false;
  }
  memcpy(key->iv, iv, iv_length);
  return true;
}

void record_key_close(struct record_key *key) {
  key->cipher.schedules->ssl->OPENSSL_cleanse(key->iv, sizeof key->iv);
  if (encrypts_numbers(key)) cipher_close(&key->mask);
  cipher_close(&key->cipher);
  free(key->cid);
  key->cid = NULL;
}

bool record_use_cid(struct record_key *key, const unsigned char *cid, size_t length) {
  unsigned char *copy = length == 0 ? NULL : malloc(length);
  if (length > 0 && copy == NULL) return false;
  if (length > 0) memcpy(copy, cid, length);
  free(key->cid);
  key->cid = copy;
  key->cid_length = (uint8_t)length;
  return true;
}

static size_t explicit_length_of(const struct record_key *key) {
  return has_whole_iv(algorithm_of(key), encrypts_numbers(key)) ? 0 : EXPLICIT_NONCE_LENGTH;
}

/* The content type is behind the content. */
static bool has_inner_type(const struct record_key *key, size_t cid_length) {
  return encrypts_numbers(key) || cid_length > 0;
}

size_t record_content_at(const struct record_key *key) {
  size_t header = encrypts_numbers(key) ? UNIFIED_HEADER_LENGTH : PLAIN_HEADER_LENGTH;
  return header + key->cid_length + explicit_length_of(key);
}

size_t record_overhead(const struct record_key *key) {
  return record_content_at(key) + has_inner_type(key, key->cid_length) + algorithm_of(key)->tag_length;
}

/* The last `length` bytes of the number, the most significant first. */
static void put(unsigned char *out, uint64_t number, size_t length) {
  for (size_t i = length; i > 0; number >>= 8) out[--i] = (unsigned char)number;
}

static void put_cid(unsigned char *out, const struct record_key *key) {
  if (key->cid_length > 0) memcpy(out, key->cid, key->cid_length);
}

/* In a plain header: the type and the version, then the number, then a connection ID, then the length. */
enum { NUMBER_AT = 3, NUMBER_LENGTH = 8, CID_AT = NUMBER_AT + NUMBER_LENGTH, LENGTH_LENGTH = 2 };
/* Additional data of a record with a connection ID begin with a placeholder, the type, the length of the ID and the type again. */
enum { PLACEHOLDER_LENGTH = 8, TLS12_CID = 25, VERSION_IN_CID_DATA = PLACEHOLDER_LENGTH + 3 };

struct input {
  unsigned char nonce[NONCE_LENGTH];
  unsigned char aad[VERSION_IN_CID_DATA + MAX_HEADER_LENGTH];
  size_t aad_length;
};

/* RFC 5246 §6.2.3.3: the number comes first, and the length is that of the text. */
static size_t put_data(unsigned char *aad, const unsigned char *header, size_t length) {
  memcpy(aad, header + NUMBER_AT, NUMBER_LENGTH);
  memcpy(aad + NUMBER_LENGTH, header, NUMBER_AT);
  put(aad + CID_AT, length, LENGTH_LENGTH);
  return CID_AT + LENGTH_LENGTH;
}

/* RFC 9146 §5.3: version, number and ID are as in the header. */
static size_t put_cid_data(unsigned char *aad, const unsigned char *header, size_t cid_length, size_t length) {
  size_t copied = CID_AT - 1 + cid_length;
  memset(aad, 0xff, PLACEHOLDER_LENGTH);
  aad[PLACEHOLDER_LENGTH] = TLS12_CID;
  aad[PLACEHOLDER_LENGTH + 1] = (unsigned char)cid_length;
  aad[PLACEHOLDER_LENGTH + 2] = TLS12_CID;
  memcpy(aad + VERSION_IN_CID_DATA, header + 1, copied);
  put(aad + VERSION_IN_CID_DATA + copied, length, LENGTH_LENGTH);
  return VERSION_IN_CID_DATA + copied + LENGTH_LENGTH;
}

/* RFC 7905 §2, RFC 8446 §5.3: the number is padded on the left and XORed with the IV. */
static void set_masked_nonce(unsigned char *nonce, const struct record_key *key, uint64_t number) {
  memcpy(nonce, key->iv, NONCE_LENGTH);
  for (size_t i = NONCE_LENGTH; number != 0; number >>= 8) nonce[--i] ^= (unsigned char)number;
}

static uint64_t number_in(const unsigned char *header) {
  uint64_t number = 0;
  for (size_t i = 0; i < NUMBER_LENGTH; i++) number = number << 8 | header[NUMBER_AT + i];
  return number;
}

/* Of a record with a plain header. A peer may choose its explicit nonces freely (RFC 5288 §3). */
static void set_plain_input(struct input *input, const struct record_key *key, const unsigned char *header,
                            size_t cid_length, size_t length) {
  if (explicit_length_of(key) == 0) {
    set_masked_nonce(input->nonce, key, number_in(header));
  } else {
    memcpy(input->nonce, key->iv, SALT_LENGTH);
    memcpy(input->nonce + SALT_LENGTH, header + PLAIN_HEADER_LENGTH + cid_length, EXPLICIT_NONCE_LENGTH);
  }
  input->aad_length = cid_length == 0 ? put_data(input->aad, header, length)
                                      : put_cid_data(input->aad, header, cid_length, length);
}

static bool seal_plain(const struct record_key *key, unsigned char type, int64_t sequence, unsigned char *record,
                       size_t length) {
  size_t cid_length = key->cid_length, explicit_length = explicit_length_of(key);
  size_t text_length = length + has_inner_type(key, cid_length);
  unsigned char *body = record + PLAIN_HEADER_LENGTH + cid_length;
  unsigned char *text = body + explicit_length;
  record[0] = cid_length > 0 ? TLS12_CID : type;
  record[1] = 0xfe;
  record[2] = 0xfd;
  put(record + NUMBER_AT, (uint64_t)key->epoch << 48 | (uint64_t)sequence, NUMBER_LENGTH);
  put_cid(record + CID_AT, key);
  put(body - LENGTH_LENGTH, explicit_length + text_length + algorithm_of(key)->tag_length, LENGTH_LENGTH);
  memcpy(body, record + NUMBER_AT, explicit_length);
  if (cid_length > 0) text[length] = type;
  struct input input;
  set_plain_input(&input, key, record, cid_length, text_length);
  return cipher_seal(&key->cipher, input.nonce, input.aad, input.aad_length, text, text_length);
}

/* Of a unified header. */
enum { FORM = 0x20, HAS_CID = 0x10, HAS_NUMBER_OF_16_BITS = 0x08, HAS_LENGTH = 0x04, EPOCH_BITS = 0x03 };

static bool seal_unified(const struct record_key *key, unsigned char type, int64_t sequence, unsigned char *record,
                         size_t length) {
  size_t cid_length = key->cid_length, header_length = UNIFIED_HEADER_LENGTH + cid_length;
  size_t body_length = length + 1 + algorithm_of(key)->tag_length;
  unsigned char *number = record + 1 + cid_length;
  unsigned char *text = record + header_length;
  record[0] = (unsigned char)(FORM | HAS_NUMBER_OF_16_BITS | HAS_LENGTH | (key->epoch & EPOCH_BITS) |
                              (cid_length > 0 ? HAS_CID : 0));
  put_cid(record + 1, key);
  put(number, (uint64_t)sequence, 2);
  put(number + 2, body_length, LENGTH_LENGTH);
  text[length] = type;
  unsigned char nonce[NONCE_LENGTH], mask[SAMPLE_LENGTH];
  set_masked_nonce(nonce, key, (uint64_t)sequence);
  if (!cipher_seal(&key->cipher, nonce, record, header_length, text, length + 1)) return false;
  if (!cipher_mask(&key->mask, text, mask)) {
    key->cipher.schedules->ssl->OPENSSL_cleanse(text, body_length);
    return false;
  }
  number[0] ^= mask[0];
  number[1] ^= mask[1];
  return true;
}

bool record_seal(const struct record_key *key, unsigned char type, int64_t sequence, unsigned char *record,
                 size_t length) {
  return encrypts_numbers(key) ? seal_unified(key, type, sequence, record, length)
                               : seal_plain(key, type, sequence, record, length);
}

static size_t number_length_of(unsigned char flags) {
  return (flags & HAS_NUMBER_OF_16_BITS) != 0 ? 2 : 1;
}

/* Of number and length, which end the header. */
static size_t tail_length_of(unsigned char flags) {
  return number_length_of(flags) + ((flags & HAS_LENGTH) != 0 ? LENGTH_LENGTH : 0);
}

bool record_find_text(const struct record_key *key, const unsigned char *record, size_t header_length,
                      size_t body_length, struct record_text *text) {
  size_t tag_length = algorithm_of(key)->tag_length, explicit_length = explicit_length_of(key);
  if (header_length == 0) return false;
  size_t shortest = encrypts_numbers(key) ? 1 + tail_length_of(record[0]) : PLAIN_HEADER_LENGTH;
  if (header_length < shortest || header_length - shortest > MAX_CID_LENGTH) return false;
  if (body_length < explicit_length + tag_length || (encrypts_numbers(key) && body_length < SAMPLE_LENGTH))
    return false;
  text->at = header_length + explicit_length;
  text->length = body_length - explicit_length - tag_length;
  return text->length <= MAX_RECORD_TEXT;
}

/* The number with these low bits, of which there are `span` values, that is nearest to the expected one (RFC 9147 §4.2.2). */
static int64_t complete_sequence(int64_t expected, int64_t low, int64_t span) {
  int64_t candidate = expected - expected % span + low;
  int64_t off = candidate - expected;
  if ((off > span / 2 || candidate > MAX_RECORD_NUMBER) && candidate >= span) return candidate - span;
  if (off < -span / 2 && candidate + span <= MAX_RECORD_NUMBER) return candidate + span;
  return candidate;
}

/* What stands before the type, which is the last byte that is not zero. Zeros alone have none. */
static void take_type(unsigned char *text, size_t length, struct opened_record *opened) {
  while (length > 0 && text[length - 1] == 0) length--;
  opened->type = length == 0 ? 0 : text[length - 1];
  opened->length = length == 0 ? 0 : length - 1;
  if (length > 0) text[length - 1] = 0;
}

static enum record_result open_plain(const struct record_key *key, const unsigned char *record,
                                     size_t header_length, struct record_text text, unsigned char *out,
                                     struct opened_record *opened) {
  size_t cid_length = header_length - PLAIN_HEADER_LENGTH;
  struct input input;
  set_plain_input(&input, key, record, cid_length, text.length);
  opened->type = record[0];
  opened->length = text.length;
  if (!cipher_unseal(&key->cipher, input.nonce, input.aad, input.aad_length, record + text.at, text.length, out))
    return RECORD_FORGED;
  if (cid_length > 0) take_type(out, text.length, opened);
  return RECORD_OPENED;
}

/* Its header, with the number as it is, is the additional data. */
static enum record_result open_unified(const struct record_key *key, const unsigned char *record,
                                       size_t header_length, struct record_text text, unsigned char *out,
                                       struct opened_record *opened) {
  unsigned char header[MAX_HEADER_LENGTH], nonce[NONCE_LENGTH], mask[SAMPLE_LENGTH];
  size_t number_length = number_length_of(record[0]);
  unsigned char *number = header + header_length - tail_length_of(record[0]);
  int64_t low = 0, expected = opened->sequence;
  if (!cipher_mask(&key->mask, record + text.at, mask)) return RECORD_FORGED;
  memcpy(header, record, header_length);
  for (size_t i = 0; i < number_length; i++) low = low << 8 | (number[i] ^= mask[i]);
  opened->sequence = complete_sequence(expected, low, INT64_C(1) << (8 * number_length));
  if (opened->sequence < expected) return RECORD_OLDER;
  set_masked_nonce(nonce, key, (uint64_t)opened->sequence);
  if (!cipher_unseal(&key->cipher, nonce, header, header_length, record + text.at, text.length, out))
    return RECORD_FORGED;
  take_type(out, text.length, opened);
  return RECORD_OPENED;
}

enum record_result record_open(const struct record_key *key, int64_t expected, const unsigned char *record,
                               size_t header_length, struct record_text text, unsigned char *out,
                               struct opened_record *opened) {
  *opened = (struct opened_record){ .sequence = expected };
  return encrypts_numbers(key) ? open_unified(key, record, header_length, text, out, opened)
                               : open_plain(key, record, header_length, text, out, opened);
}
