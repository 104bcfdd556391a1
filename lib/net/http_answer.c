/* SPDX-License-Identifier: Apache-2.0 */
/* The answer side of an exchange: building it, sending it, having it made by a service thread. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/http_internal.h"
#include "wire/http1_date.h"

enum { SENTENCE_MAX = 512 };

void mrl_exchange_set_status(struct mrl_exchange *x, unsigned status)
{
    x->status = status;
}

static struct mrl_http_header *find_header(struct mrl_exchange *x, mrl_bytes name)
{
    for (size_t i = 0; i < x->header_count; i++)
        if (mrl_bytes_eq_nocase(x->headers[i].name, name))
            return &x->headers[i];
    return NULL;
}

void mrl_exchange_set_header(struct mrl_exchange *x, const char *name, mrl_bytes value)
{
    struct mrl_http_header *header = find_header(x, mrl_str(name));

    if (header == NULL && x->header_count == MRL_HTTP_ANSWER_HEADERS) {
        x->broken = true;
        return;
    }
    if (header == NULL)
        header = &x->headers[x->header_count++];
    header->name = mrl_arena_copy(&x->arena, mrl_str(name));
    header->value = mrl_arena_copy(&x->arena, value);
}

struct mrl_buf *mrl_exchange_answer(struct mrl_exchange *x)
{
    return &x->answer;
}

static void set_sentence(struct mrl_exchange *x, unsigned status, const char *sentence)
{
    mrl_buf_clear(&x->answer);
    x->status = status;
    mrl_exchange_set_header(x, "Content-Type", MRL_LIT("text/plain; charset=utf-8"));
    if (mrl_buf_printf(&x->answer, "%s\n", sentence) != MRL_OK)
        mrl_buf_clear(&x->answer); /* the status says enough */
}

void mrl_exchange_lend(struct mrl_exchange *x, mrl_bytes body, void (*release)(void *context),
                       void *context)
{
    x->lent = body;
    x->release = release;
    x->release_context = context;
}

static mrl_bytes body_of(const struct mrl_exchange *x)
{
    return x->release != NULL ? x->lent : mrl_buf_bytes(&x->answer);
}

void mrl_exchange_fail(struct mrl_exchange *x, unsigned status, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args); /* may be cut */
    va_end(args);
    set_sentence(x, status, sentence);
}

void mrl_http_date(int64_t at, char to[static MRL_HTTP_DATE])
{
    _Static_assert((int)MRL_HTTP_DATE == (int)MRL_HTTP_DATE_TEXT, "one size");
    mrl_http_date_format(at, to);
}

static mrl_bytes date_of(struct mrl_http_server *s)
{
    int64_t now = mrl_wall_s();

    if (now != s->date_at)
        mrl_http_date_format(now, s->date);
    s->date_at = now;
    return mrl_str(s->date);
}

static size_t add_default(struct mrl_exchange *x, struct mrl_http_header *to, size_t count,
                          mrl_bytes name, mrl_bytes value)
{
    if (find_header(x, name) != NULL)
        return count;
    to[count] = (struct mrl_http_header){name, value};
    return count + 1;
}

size_t mrl_exchange_headers(struct mrl_exchange *x, struct mrl_http_header *to)
{
    size_t n = 0;

    n = add_default(x, to, n, MRL_LIT("Date"), date_of(x->h->server));
    n = add_default(x, to, n, MRL_LIT("X-Request-Id"), mrl_exchange_request_id(x));
    n = add_default(x, to, n, MRL_LIT("Cache-Control"), MRL_LIT("no-store"));
    n = add_default(x, to, n, MRL_LIT("X-Content-Type-Options"), MRL_LIT("nosniff"));
    for (size_t i = 0; i < x->header_count; i++)
        to[n++] = x->headers[i];
    return n;
}

bool mrl_exchange_is_head(const struct mrl_exchange *x)
{
    return mrl_bytes_eq(x->request.method, MRL_LIT("HEAD"));
}

static mrl_err write_head(struct mrl_exchange *x, bool close, struct mrl_buf *out)
{
    struct mrl_http_header headers[HTTP_HEADERS_ALL];
    struct mrl_http_reply reply = {.status = x->status, .headers = headers, .close = close};

    MRL_ENSURE(!x->broken, MRL_ERR_INVALID);
    reply.header_count = mrl_exchange_headers(x, headers);
    return mrl_http_write_reply_head(&reply, body_of(x).len, out);
}

/* A bug of the handler must not become bytes another party reads in its own way. */
static mrl_err write_bug(struct mrl_exchange *x, bool close, struct mrl_buf *out)
{
    x->broken = false;
    x->header_count = 0;
    x->lent = MRL_BYTES_NONE;
    set_sentence(x, 500, "the answer could not be made");
    return write_head(x, close, out);
}

static mrl_err put_answer(struct mrl_exchange *x, bool close)
{
    MRL_SCOPED(mrl_buf) head = {0};

    if (write_head(x, close, &head) != MRL_OK)
        MRL_TRY(write_bug(x, close, &head));
    MRL_TRY(mrl_conn_write(x->h->conn, mrl_buf_bytes(&head)));
    if (mrl_exchange_is_head(x) || x->release != NULL)
        return MRL_OK; /* a lent body follows by itself */
    return mrl_conn_write(x->h->conn, mrl_buf_bytes(&x->answer));
}

static void send_answer(struct mrl_exchange *x, bool close)
{
    struct http_conn *h = x->h;
    bool put = h != NULL && put_answer(x, close) == MRL_OK;

    if (put && x->release != NULL && !mrl_exchange_is_head(x)) {
        x->close = close;
        mrl_http_lend_more(h);
        return;
    }
    /* The connection is closed or closing otherwise: on_closed follows. */
    if (h != NULL && !put)
        mrl_conn_abort(h->conn);
    mrl_exchange_free(x);
    if (h != NULL)
        mrl_http_answered(h, close);
}

void mrl_exchange_send(struct mrl_exchange *x)
{
    send_answer(x, !x->request.keep_alive || (x->h != NULL && x->h->server->stopping));
}

void mrl_exchange_send_last(struct mrl_exchange *x)
{
    send_answer(x, /*close=*/true);
}

/* Service thread. */
static void run_work(struct mrl_job *j)
{
    struct mrl_exchange *x = MRL_CONTAINER(j, struct mrl_exchange, job);

    if (!atomic_load(&x->abandoned))
        x->work(x);
    mrl_mailbox_post(x->mailbox, &x->message);
}

static void on_worked(struct mrl_message *m, void *owner)
{
    (void)owner;
    mrl_exchange_send(MRL_CONTAINER(m, struct mrl_exchange, message));
}

static void on_dropped(struct mrl_message *m)
{
    mrl_exchange_free(MRL_CONTAINER(m, struct mrl_exchange, message));
}

void mrl_exchange_defer(struct mrl_exchange *x, void (*work)(struct mrl_exchange *x))
{
    x->work = work;
    x->job.run = run_work;
    x->message.handle = on_worked;
    x->message.drop = on_dropped;
    if (x->h == NULL) {
        mrl_exchange_free(x);
        return;
    }
    if (mrl_service_submit(x->h->server->config.service, &x->job) == MRL_OK)
        return;
    mrl_exchange_set_header(x, "Retry-After", MRL_LIT("1"));
    mrl_exchange_fail(x, 503, "too much to do, please try again");
    mrl_exchange_send(x);
}
