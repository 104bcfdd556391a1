/* SPDX-License-Identifier: Apache-2.0 */
#include "net/record.h"

#include <string.h>

#include "base/attr.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/writer.h"

/* RFC 8446 5.1 */
enum content_type {
    TYPE_ALERT = 21,
    TYPE_HANDSHAKE = 22,
    TYPE_APPLICATION_DATA = 23,
};
enum { VERSION_ON_THE_WIRE = 0x0303, LEVEL_WARNING = 1, LEVEL_FATAL = 2 };
/* RFC 8446 4, 4.6.3 */
enum { MESSAGE_KEY_UPDATE = 24, MESSAGE_HEAD = 4, UPDATE_NOT_REQUESTED = 0, UPDATE_REQUESTED = 1 };

static mrl_err end_with(struct mrl_record *r, enum mrl_alert alert)
{
    r->alert = (uint8_t)alert;
    return MRL_ERR_MALFORMED;
}

/* ---- keys ---- */

static mrl_err expand(const struct mrl_record *r, mrl_bytes secret, mrl_bytes label, uint8_t *to,
                      size_t len)
{
    return mrl_expand_label(r->suite->hash, secret, label, MRL_BYTES_NONE, to, len);
}

static mrl_bytes secret_of(const struct mrl_record *r, const struct mrl_record_keys *k)
{
    return mrl_bytes_of(k->secret, mrl_label_hash_size(r->suite->hash));
}

/* RFC 8446 7.3 */
static mrl_err derive(const struct mrl_record *r, struct mrl_record_keys *k)
{
    mrl_bytes secret = secret_of(r, k);

    MRL_TRY(expand(r, secret, MRL_LIT("key"), k->key, r->suite->key_size));
    return expand(r, secret, MRL_LIT("iv"), k->iv, sizeof(k->iv));
}

/* RFC 8446 7.2 */
static mrl_err next_generation(const struct mrl_record *r, struct mrl_record_keys *k)
{
    mrl_bytes secret = secret_of(r, k);

    mrl_record_forget(r->suite, k->key);
    MRL_TRY(expand(r, secret, MRL_LIT("traffic upd"), k->secret, secret.len));
    return derive(r, k);
}

mrl_err mrl_record_init(struct mrl_record *r, const struct mrl_record_suite *suite,
                        struct mrl_record_secrets *secrets, uint64_t written)
{
    *r = (struct mrl_record){.suite = suite, .secrets = secrets, .write_count = written};
    MRL_TRY(derive(r, &secrets->read));
    return derive(r, &secrets->write);
}

void mrl_record_leave(const struct mrl_record *r)
{
    mrl_record_forget(r->suite, r->secrets->read.key);
    mrl_record_forget(r->suite, r->secrets->write.key);
}

/* RFC 8446 5.3 */
static void make_nonce(const struct mrl_record_keys *k, uint64_t number,
                       uint8_t nonce[static MRL_RECORD_NONCE])
{
    memcpy(nonce, k->iv, MRL_RECORD_NONCE);
    for (size_t i = 0; i < sizeof(number); i++)
        nonce[MRL_RECORD_NONCE - 1 - i] ^= (uint8_t)(number >> (8 * i));
}

/* ---- reading ---- */

mrl_err mrl_record_measure(struct mrl_record *r, mrl_bytes in, size_t *size)
{
    struct mrl_reader reader = {in, 0};
    uint16_t version, len;
    uint8_t type;

    *size = MRL_RECORD_HEADER;
    MRL_ENSURE(in.len >= MRL_RECORD_HEADER, MRL_ERR_AGAIN);
    MRL_TRY(mrl_read_u8(&reader, &type));
    MRL_TRY(mrl_read_u16(&reader, &version));
    MRL_TRY(mrl_read_u16(&reader, &len));
    /* RFC 8446 5: nothing is unprotected any more, change_cipher_spec not even allowed. */
    if (type != TYPE_APPLICATION_DATA)
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    if (version != VERSION_ON_THE_WIRE) /* RFC 8446 5.2 */
        return end_with(r, MRL_ALERT_DECODE_ERROR);
    if (len > MRL_RECORD_LARGEST - MRL_RECORD_HEADER) /* RFC 8446 5.2 */
        return end_with(r, MRL_ALERT_RECORD_OVERFLOW);
    if (len < MRL_RECORD_TAG)
        return end_with(r, MRL_ALERT_BAD_RECORD_MAC);
    *size = MRL_RECORD_HEADER + (size_t)len;
    return MRL_OK;
}

/* RFC 8446 5.4: the last byte that is not zero is the type. */
static mrl_err strip_padding(struct mrl_record *r, mrl_bytes *text, uint8_t *type)
{
    size_t len = text->len;

    if (len > MRL_RECORD_TEXT + 1)
        return end_with(r, MRL_ALERT_RECORD_OVERFLOW);
    while (len > 0 && text->data[len - 1] == 0)
        len--;
    if (len == 0)
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    *type = text->data[len - 1];
    text->len = len - 1;
    return MRL_OK;
}

static mrl_err unprotect(struct mrl_record *r, uint8_t *data, size_t size, mrl_bytes *text,
                         uint8_t *type)
{
    size_t len = size - MRL_RECORD_HEADER - MRL_RECORD_TAG;
    const struct mrl_record_keys *k = &r->secrets->read;
    uint8_t nonce[MRL_RECORD_NONCE];

    make_nonce(k, r->read_count, nonce);
    if (mrl_record_decrypt(r->suite, k->key, nonce, mrl_bytes_of(data, MRL_RECORD_HEADER),
                           &data[MRL_RECORD_HEADER], len) != MRL_OK)
        return end_with(r, MRL_ALERT_BAD_RECORD_MAC);
    r->read_count++;
    *text = mrl_bytes_of(&data[MRL_RECORD_HEADER], len);
    return strip_padding(r, text, type);
}

/* Each costs us as much as one with data and moves nothing: there must be an end to them. */
static mrl_err count_idle(struct mrl_record *r)
{
    if (r->idle == MRL_RECORD_IDLE_MAX)
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    r->idle++;
    return MRL_OK;
}

static mrl_err on_application_data(struct mrl_record *r, mrl_bytes text, mrl_bytes *out)
{
    if (text.len == 0)
        return count_idle(r);
    r->idle = 0;
    *out = text;
    return MRL_OK;
}

static mrl_err on_alert(struct mrl_record *r, mrl_bytes text)
{
    if (text.len == 0) /* RFC 8446 5.4 */
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    if (text.len != 2) /* RFC 8446 5.1: exactly one message */
        return end_with(r, MRL_ALERT_DECODE_ERROR);
    /* RFC 8446 6: the level does not count. */
    if (text.data[1] == MRL_ALERT_CLOSE_NOTIFY)
        return MRL_ERR_CLOSED;
    if (text.data[1] == MRL_ALERT_USER_CANCELED) /* RFC 8446 6.1: close_notify follows */
        return count_idle(r);
    r->peer_alert = text.data[1];
    return MRL_ERR_MALFORMED;
}

/* RFC 8446 4.6.3 */
static mrl_err on_key_update(struct mrl_record *r)
{
    uint8_t request = r->message[MESSAGE_HEAD];

    r->message_len = 0;
    if (request > UPDATE_REQUESTED)
        return end_with(r, MRL_ALERT_ILLEGAL_PARAMETER);
    MRL_TRY(count_idle(r));
    if (request == UPDATE_REQUESTED)
        r->owes_update = true; /* however often it asks while we are silent: one answer */
    if (next_generation(r, &r->secrets->read) != MRL_OK)
        return end_with(r, MRL_ALERT_INTERNAL_ERROR);
    r->read_count = 0;
    return MRL_OK;
}

/* What is there of a message must begin a KeyUpdate. */
static mrl_err check_message(struct mrl_record *r)
{
    static const uint8_t head[MESSAGE_HEAD] = {MESSAGE_KEY_UPDATE, 0, 0, 1};

    if (r->message[0] != MESSAGE_KEY_UPDATE)
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    for (size_t i = 1; i < r->message_len && i < MESSAGE_HEAD; i++)
        if (r->message[i] != head[i])
            return end_with(r, MRL_ALERT_DECODE_ERROR);
    return MRL_OK;
}

static mrl_err on_handshake(struct mrl_record *r, mrl_bytes text)
{
    size_t missing = sizeof(r->message) - r->message_len;
    mrl_bytes part = mrl_bytes_sub(text, 0, missing);

    if (text.len == 0) /* RFC 8446 5.1 */
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    memcpy(&r->message[r->message_len], part.data, part.len);
    r->message_len = (uint8_t)(r->message_len + part.len);
    MRL_TRY(check_message(r));
    if (text.len > missing) /* RFC 8446 5.1: nothing of the old key after a KeyUpdate */
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    return text.len < missing ? count_idle(r) : on_key_update(r);
}

mrl_err mrl_record_open(struct mrl_record *r, uint8_t *data, size_t size, mrl_bytes *text)
{
    mrl_bytes inner;
    uint8_t type;

    *text = MRL_BYTES_NONE;
    MRL_TRY(unprotect(r, data, size, &inner, &type));
    if (r->message_len > 0 && type != TYPE_HANDSHAKE) /* RFC 8446 5.1: not interleaved */
        return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
    if (type == TYPE_APPLICATION_DATA)
        return on_application_data(r, inner, text);
    if (type == TYPE_ALERT)
        return on_alert(r, inner);
    if (type == TYPE_HANDSHAKE)
        return on_handshake(r, inner);
    return end_with(r, MRL_ALERT_UNEXPECTED_MESSAGE);
}

/* ---- writing ---- */

static mrl_err protect(struct mrl_record *r, enum content_type type, mrl_bytes text,
                       struct mrl_writer *w)
{
    size_t len = text.len + 1;
    const struct mrl_record_keys *k = &r->secrets->write;
    uint8_t nonce[MRL_RECORD_NONCE];
    uint8_t *at = &w->data[w->len];

    mrl_put_u8(w, TYPE_APPLICATION_DATA);
    mrl_put_u16(w, VERSION_ON_THE_WIRE);
    mrl_put_u16(w, (uint16_t)(len + MRL_RECORD_TAG));
    mrl_put_bytes(w, text);
    mrl_put_u8(w, (uint8_t)type);
    MRL_ENSURE(mrl_put_space(w, MRL_RECORD_TAG) != NULL, MRL_ERR_NO_SPACE);
    make_nonce(k, r->write_count, nonce);
    r->write_count++; /* used, whatever comes */
    return mrl_record_encrypt(r->suite, k->key, nonce, mrl_bytes_of(at, MRL_RECORD_HEADER),
                              &at[MRL_RECORD_HEADER], len);
}

static mrl_err update_key(struct mrl_record *r, struct mrl_writer *w)
{
    static const uint8_t message[] = {MESSAGE_KEY_UPDATE, 0, 0, 1, UPDATE_NOT_REQUESTED};

    MRL_TRY(protect(r, TYPE_HANDSHAKE, mrl_bytes_of(message, sizeof(message)), w));
    MRL_TRY(next_generation(r, &r->secrets->write));
    r->write_count = 0;
    r->owes_update = false;
    return MRL_OK;
}

mrl_err mrl_record_write(struct mrl_record *r, mrl_bytes text, uint8_t *to, size_t *len)
{
    struct mrl_writer w = mrl_writer_on(to, MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + text.len);

    MRL_ENSURE(text.len <= MRL_RECORD_TEXT, MRL_ERR_INVALID);
    if (r->owes_update || r->write_count >= MRL_RECORD_KEY_MAX_USES - 1)
        MRL_TRY(update_key(r, &w));
    MRL_TRY(protect(r, TYPE_APPLICATION_DATA, text, &w));
    *len = w.len;
    return MRL_OK;
}

mrl_err mrl_record_write_alert(struct mrl_record *r, uint8_t alert, uint8_t *to, size_t *len)
{
    struct mrl_writer w = mrl_writer_on(to, MRL_RECORD_ALERT);
    const uint8_t message[] = {
        alert == MRL_ALERT_CLOSE_NOTIFY || alert == MRL_ALERT_USER_CANCELED ? LEVEL_WARNING
                                                                            : LEVEL_FATAL,
        alert,
    };

    MRL_TRY(protect(r, TYPE_ALERT, mrl_bytes_of(message, sizeof(message)), &w));
    *len = w.len;
    return MRL_OK;
}
