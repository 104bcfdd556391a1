/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "net/tls.h"

/* Bytes that wait; no memory when there are none. */
struct waiting {
    uint8_t *data;
    size_t len;
};

enum { OWED_MAX = 1024 };

struct mrl_tls_records {
    struct mrl_record record;
    struct mrl_secret_pool *pool;
    struct mrl_tls_wire wire;
    struct waiting unread; /* came, not opened: most often part of a record */
    struct waiting unsent; /* sealed, not with the kernel */
    size_t sealed;         /* bytes of the next write that are in unsent */
    bool owed;             /* unsent is small and waits for the next write */
    mrl_err verdict;       /* what comes after the text that was read last; MRL_OK: more */
    bool more;             /* unread may hold a whole record */
    bool drained;
};

mrl_err mrl_tls_records_new(const struct mrl_record_suite *suite,
                            struct mrl_record_secrets *secrets, struct mrl_secret_pool *pool,
                            uint64_t written, const struct mrl_tls_wire *wire,
                            struct mrl_tls_records **out)
{
    struct mrl_tls_records *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->pool = pool;
    r->wire = *wire;
    *out = r;
    return mrl_record_init(&r->record, suite, secrets, written);
}

static void forget(struct waiting *w)
{
    free(w->data);
    *w = (struct waiting){0};
}

static void keep(struct waiting *w, mrl_bytes rest)
{
    uint8_t *data;

    if (rest.len == 0) {
        forget(w);
        return;
    }
    data = malloc(rest.len);
    if (data == NULL)
        abort();
    memcpy(data, rest.data, rest.len);
    free(w->data);
    w->data = data;
    w->len = rest.len;
}

void mrl_tls_records_free(struct mrl_tls_records *r)
{
    if (r == NULL)
        return;
    mrl_record_leave(&r->record);
    mrl_secret_pool_give(r->pool, r->record.secrets);
    BIO_free(r->wire.in);
    BIO_free(r->wire.to);
    forget(&r->unread);
    forget(&r->unsent);
    free(r);
}

void mrl_tls_records_leave(const struct mrl_tls_records *r)
{
    mrl_record_leave(&r->record);
}

/* ---- the wire ---- */

static mrl_err from_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? MRL_ERR_AGAIN : MRL_ERR_IO;
}

static mrl_err receive(const struct mrl_tls_wire *w, uint8_t *to, size_t room, size_t *got)
{
    ssize_t n = w->fd >= 0 ? recv(w->fd, to, room, 0) : BIO_read(w->in, to, (int)room);

    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return MRL_OK;
    if (w->fd >= 0)
        return n < 0 ? from_errno() : MRL_ERR_IO;
    return BIO_should_retry(w->in) ? MRL_ERR_AGAIN : MRL_ERR_IO;
}

static mrl_err transmit(const struct mrl_tls_wire *w, mrl_bytes data, size_t *sent)
{
    ssize_t n = w->fd >= 0 ? send(w->fd, data.data, data.len, MSG_NOSIGNAL)
                           : BIO_write(w->to, data.data, (int)data.len);

    *sent = n > 0 ? (size_t)n : 0;
    if (n >= 0)
        return *sent < data.len ? MRL_ERR_AGAIN : MRL_OK;
    if (w->fd >= 0)
        return from_errno();
    return BIO_should_retry(w->to) ? MRL_ERR_AGAIN : MRL_ERR_IO;
}

/* ---- writing ---- */

static mrl_err send_unsent(struct mrl_tls_records *r)
{
    mrl_bytes data = mrl_bytes_of(r->unsent.data, r->unsent.len);
    size_t sent = 0;
    mrl_err err;

    r->owed = false;
    if (data.len == 0)
        return MRL_OK;
    err = transmit(&r->wire, data, &sent);
    if (sent > 0)
        keep(&r->unsent, mrl_bytes_sub(data, sent, data.len));
    return err;
}

/* Sealed is sealed: what the kernel does not take now goes as it is later. */
static mrl_err send_sealed(struct mrl_tls_records *r, mrl_bytes data)
{
    size_t sent = 0;
    mrl_err err = transmit(&r->wire, data, &sent);

    if (err == MRL_ERR_AGAIN)
        keep(&r->unsent, mrl_bytes_sub(data, sent, data.len));
    return err;
}

static mrl_err write_part(struct mrl_tls_records *r, mrl_bytes part)
{
    MRL_UNINITIALIZED uint8_t
        out[OWED_MAX + MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + MRL_RECORD_TEXT];
    size_t before = r->owed ? r->unsent.len : 0, len;

    if (before > 0)
        memcpy(out, r->unsent.data, before);
    MRL_TRY(mrl_record_write(&r->record, part, &out[before], &len));
    if (before > 0)
        forget(&r->unsent);
    r->owed = false;
    return send_sealed(r, mrl_bytes_of(out, before + len));
}

mrl_err mrl_tls_records_write(struct mrl_tls_records *r, mrl_bytes data, size_t *written)
{
    if (!r->owed)
        MRL_TRY(send_unsent(r));
    MRL_ENSURE(r->sealed <= data.len, MRL_ERR_STATE);
    *written = r->sealed;
    r->sealed = 0;
    while (*written < data.len) {
        mrl_bytes part = mrl_bytes_sub(data, *written, MRL_RECORD_TEXT);
        mrl_err err = write_part(r, part);

        if (err == MRL_ERR_AGAIN)
            r->sealed = part.len;
        MRL_TRY(err);
        *written += part.len;
    }
    return MRL_OK;
}

mrl_err mrl_tls_records_seal(struct mrl_tls_records *r, mrl_bytes text, uint8_t *to, size_t *len)
{
    MRL_ENSURE(r->unsent.len == 0 && r->sealed == 0 && text.len <= MRL_RECORD_TEXT, MRL_ERR_STATE);
    return mrl_record_write(&r->record, text, to, len);
}

mrl_err mrl_tls_records_send(struct mrl_tls_records *r, mrl_bytes sealed, size_t text_len)
{
    mrl_err err = send_sealed(r, sealed);

    if (err == MRL_ERR_AGAIN)
        r->sealed = text_len;
    return err;
}

/* The last record there is; best effort. */
static void send_alert(struct mrl_tls_records *r, uint8_t alert)
{
    uint8_t out[MRL_RECORD_ALERT];
    size_t len;

    if (send_unsent(r) == MRL_OK && mrl_record_write_alert(&r->record, alert, out, &len) == MRL_OK)
        (void)send_sealed(r, mrl_bytes_of(out, len));
}

void mrl_tls_records_shutdown(struct mrl_tls_records *r)
{
    send_alert(r, MRL_ALERT_CLOSE_NOTIFY);
}

/* A peer that still waits for our TCP to acknowledge what it sent is not kept waiting: it may send
 * the rest of a record only then. */
static bool will_be_answered(struct mrl_tls_records *r, mrl_bytes rest)
{
    size_t whole;

    return mrl_record_measure(&r->record, rest, &whole) == MRL_OK && whole <= rest.len;
}

void mrl_tls_records_begin_with(struct mrl_tls_records *r, mrl_bytes rest, bool drained,
                                mrl_bytes owed)
{
    keep(&r->unread, rest);
    r->more = rest.len > 0;
    r->drained = drained;
    keep(&r->unsent, owed);
    r->owed = owed.len > 0 && owed.len <= OWED_MAX && will_be_answered(r, rest);
    if (!r->owed)
        (void)send_unsent(r); /* what does not go now goes first, later */
}

/* ---- reading ---- */

/* Opens the record raw begins with when it is whole and its text fits into *left; the text goes to
 * the end of in, which raw lies behind. *size: of what was opened, 0: nothing was. */
static mrl_err open_record(struct mrl_tls_records *r, struct mrl_buf *in, mrl_bytes raw,
                           uint8_t *at, size_t *left, size_t *size)
{
    size_t whole;
    mrl_bytes text;
    mrl_err err = mrl_record_measure(&r->record, raw, &whole);

    *size = 0;
    if (err == MRL_ERR_AGAIN || (err == MRL_OK && whole > raw.len))
        return MRL_OK;
    MRL_TRY(err);
    r->more = *left < MRL_RECORD_TEXT && *left < whole - MRL_RECORD_HEADER;
    if (r->more)
        return MRL_OK;
    MRL_TRY(mrl_record_open(&r->record, at, whole, &text));
    if (text.len > 0)
        memmove(&in->data[in->len], text.data, text.len);
    mrl_buf_added(in, text.len);
    *left -= text.len;
    *size = whole;
    return MRL_OK;
}

/* All that can be opened of len bytes at raw; the rest is kept. */
static mrl_err open_records(struct mrl_tls_records *r, struct mrl_buf *in, uint8_t *raw, size_t len,
                            size_t *left)
{
    size_t at = 0, size = 0;

    do {
        at += size;
        MRL_TRY(open_record(r, in, mrl_bytes_of(&raw[at], len - at), &raw[at], left, &size));
    } while (size > 0);
    keep(&r->unread, mrl_bytes_of(&raw[at], len - at));
    return MRL_OK;
}

/* What was kept, then what the socket has now, up to the largest record. */
static mrl_err gather(struct mrl_tls_records *r, uint8_t *raw, size_t *len)
{
    size_t room = MRL_RECORD_LARGEST - r->unread.len, got = 0;

    if (!r->more) {
        mrl_err err = receive(&r->wire, &raw[r->unread.len], room, &got);

        r->drained = r->wire.fd >= 0 && got < room;
        MRL_TRY(err);
    }
    r->more = false;
    if (r->unread.len > 0)
        memcpy(raw, r->unread.data, r->unread.len);
    *len = r->unread.len + got;
    return MRL_OK;
}

mrl_err mrl_tls_records_read(struct mrl_tls_records *r, struct mrl_buf *in, size_t max)
{
    size_t before = in->len, left = max, len;
    uint8_t *raw;

    MRL_ENSURE(max >= MRL_RECORD_TEXT, MRL_ERR_INVALID);
    MRL_TRY(mrl_buf_reserve(in, MRL_RECORD_LARGEST, &raw));
    while (r->verdict == MRL_OK) {
        MRL_TRY(gather(r, raw, &len));
        r->verdict = open_records(r, in, raw, len, &left);
        if (in->len > before)
            return MRL_OK;
    }
    forget(&r->unread);
    if (r->verdict == MRL_ERR_MALFORMED && r->record.alert != MRL_ALERT_CLOSE_NOTIFY)
        send_alert(r, r->record.alert);
    return r->verdict;
}

bool mrl_tls_records_drained(const struct mrl_tls_records *r)
{
    return r->drained && !mrl_tls_records_waiting(r);
}

bool mrl_tls_records_waiting(const struct mrl_tls_records *r)
{
    return r->more || r->verdict != MRL_OK;
}

uint8_t mrl_tls_records_peer_alert(const struct mrl_tls_records *r)
{
    return r->record.peer_alert;
}
