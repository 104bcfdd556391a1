/* SPDX-License-Identifier: Apache-2.0 */
/* Record protection of a TLS 1.3 connection whose handshake is over (RFC 8446 5, 4.6.3, 6): bytes
 * in, bytes out, no socket. What goes beyond application data, KeyUpdate and alerts ends the
 * connection: there is no authentication after the handshake, and who uses this asks for nothing
 * else. Layer: net. Thread: one owner; keys and numbers are never copied, for a number used twice
 * gives away both texts. */
#ifndef MRL_NET_RECORD_H
#define MRL_NET_RECORD_H

#include "crypto/record_cipher.h"

enum {
    MRL_RECORD_HEADER = 5,
    MRL_RECORD_TEXT = 1 << 14,                                      /* RFC 8446 5.1 */
    MRL_RECORD_LARGEST = MRL_RECORD_HEADER + MRL_RECORD_TEXT + 256, /* RFC 8446 5.2 */
    /* Around the text of one of ours: header, inner content type, tag. */
    MRL_RECORD_OVERHEAD = MRL_RECORD_HEADER + 1 + MRL_RECORD_TAG,
    MRL_RECORD_UPDATE = MRL_RECORD_OVERHEAD + 5, /* a KeyUpdate */
    MRL_RECORD_ALERT = MRL_RECORD_OVERHEAD + 2,
    MRL_RECORD_IDLE_MAX = 32,          /* records in a row without application data */
    MRL_RECORD_KEY_MAX_USES = 1 << 24, /* RFC 8446 5.5 allows 2^24.5 */
};

/* RFC 8446 6. */
enum mrl_alert {
    MRL_ALERT_CLOSE_NOTIFY = 0,
    MRL_ALERT_UNEXPECTED_MESSAGE = 10,
    MRL_ALERT_BAD_RECORD_MAC = 20,
    MRL_ALERT_RECORD_OVERFLOW = 22,
    MRL_ALERT_ILLEGAL_PARAMETER = 47,
    MRL_ALERT_DECODE_ERROR = 50,
    MRL_ALERT_INTERNAL_ERROR = 80,
    MRL_ALERT_USER_CANCELED = 90,
};

/* One direction. */
struct mrl_record_keys {
    uint8_t key[MRL_RECORD_KEY_MAX];
    uint8_t iv[MRL_RECORD_NONCE];
    uint8_t secret[MRL_LABEL_HASH_MAX]; /* application_traffic_secret_N */
};
/* For memory of a struct mrl_secret_pool. */
struct mrl_record_secrets {
    struct mrl_record_keys read;
    struct mrl_record_keys write;
};

struct mrl_record {
    const struct mrl_record_suite *suite;
    struct mrl_record_secrets *secrets; /* borrowed */
    uint64_t read_count;                /* records since the key was new: the next number */
    uint64_t write_count;
    uint8_t message[5]; /* beginning of a handshake message that came in pieces */
    uint8_t message_len;
    uint8_t idle;       /* records without application data since the last with some */
    uint8_t alert;      /* after MRL_ERR_MALFORMED: what to send; close_notify: nothing */
    uint8_t peer_alert; /* fatal one that came */
    bool owes_update;   /* the peer asked for a KeyUpdate: it goes before the next text */
};

/* secrets->read.secret and secrets->write.secret are set, the rest is derived from them.
 * written: records that were sent under the write secret so far. */
mrl_err mrl_record_init(struct mrl_record *r, const struct mrl_record_suite *suite,
                        struct mrl_record_secrets *secrets, uint64_t written);
/* Forgets what this thread keeps of the keys: they are over, or go to another thread. */
void mrl_record_leave(const struct mrl_record *r);

/* The size of the record in begins with. MRL_ERR_AGAIN: fewer bytes than a header (*size is that of
 * a header). MRL_ERR_MALFORMED: cannot be one; r->alert. */
mrl_err mrl_record_measure(struct mrl_record *r, mrl_bytes in, size_t *size);
/* Opens the whole record at data, of the size mrl_record_measure gave, in place. MRL_OK: *text is
 * its application data, a view into data, often empty. MRL_ERR_CLOSED: close_notify.
 * MRL_ERR_MALFORMED: it is over; r->alert must be sent, or r->peer_alert came. */
mrl_err mrl_record_open(struct mrl_record *r, uint8_t *data, size_t size, mrl_bytes *text);

/* Records with application data of at most MRL_RECORD_TEXT bytes, preceded by a KeyUpdate when one
 * is due. to has room for MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + text.len bytes; text is not
 * inside of it. MRL_ERR_CRYPTO: OpenSSL could not do it. */
mrl_err mrl_record_write(struct mrl_record *r, mrl_bytes text, uint8_t *to, size_t *len);
/* The same for one alert; MRL_RECORD_ALERT bytes. */
mrl_err mrl_record_write_alert(struct mrl_record *r, uint8_t alert, uint8_t *to, size_t *len);

#endif
