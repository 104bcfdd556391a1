/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: JSON, and problems in the form of RFC 9457. */
#include "api/request.h"
#include "base/clock.h"
#include "base/hex.h"

/* Stable: programs decide by the slug. Title and status are those of the slug. */
static const struct problem {
    unsigned status;
    const char *slug, *title;
} problems[MRL_ERR_COUNT_] = {
    [MRL_OK] = {500, "internal", "The server failed"},
    [MRL_ERR_MALFORMED] = {400, "malformed", "The request cannot be read"},
    [MRL_ERR_LIMIT] = {409, "limit", "A limit is reached"},
    [MRL_ERR_DENIED] = {403, "denied", "Not allowed"},
    [MRL_ERR_AUTH] = {401, "unauthenticated", "Nobody known asks"},
    [MRL_ERR_NOT_FOUND] = {404, "not-found", "No such thing"},
    [MRL_ERR_EXISTS] = {409, "exists", "Exists already"},
    [MRL_ERR_STATE] = {409, "state", "Not possible in the present state"},
    [MRL_ERR_INVALID] = {400, "invalid", "A value is not acceptable"},
    [MRL_ERR_AGAIN] = {503, "busy", "Try again later"},
    [MRL_ERR_BUSY] = {503, "busy", "Try again later"},
    [MRL_ERR_TIMEOUT] = {503, "busy", "Try again later"},
    [MRL_ERR_CLOSED] = {503, "unavailable", "A part of the server does not answer"},
    [MRL_ERR_NO_SPACE] = {503, "storage", "The storage takes nothing more"},
    [MRL_ERR_IO] = {503, "storage", "The storage failed"},
    [MRL_ERR_CRYPTO] = {500, "internal", "The server failed"},
    [MRL_ERR_CORRUPT] = {500, "corrupt", "Stored data fails its check"},
    [MRL_ERR_UNSUPPORTED] = {400, "unsupported", "Not supported"},
};

static const struct {
    const char *slug, *title;
} more_titles[] = {
    {"method", "The resource does not take this method"},
    {"media-type", "The body is of another type"},
    {"too-large", "The body is too large"},
    {"cross-site", "Another web site asks"},
    {"gone", "It was removed"},
    {"unwitnessed", "No witness cosigns the audit log"},
    {"rows", "Rows are refused, and nothing was added"},
};

static const char *title_of(const char *slug)
{
    for (size_t i = 0; i < MRL_COUNT(problems); i++)
        if (mrl_bytes_eq(mrl_str(problems[i].slug), mrl_str(slug)))
            return problems[i].title;
    for (size_t i = 0; i < MRL_COUNT(more_titles); i++)
        if (mrl_bytes_eq(mrl_str(more_titles[i].slug), mrl_str(slug)))
            return more_titles[i].title;
    return slug;
}

static json_t *problem_json(struct mrl_api_request *r, unsigned status, const char *slug,
                            mrl_bytes detail)
{
    json_t *o = mrl_json_object();
    char type[64];

    (void)snprintf(type, sizeof(type), "urn:merlon:problem:%s", slug);
    mrl_api_put_text(r, o, "type", mrl_str(type));
    mrl_api_put_text(r, o, "title", mrl_str(title_of(slug)));
    mrl_api_put_number(r, o, "status", status);
    mrl_api_put_text(r, o, "detail", detail);
    mrl_api_put_text(r, o, "request", mrl_exchange_request_id(r->x));
    return o;
}

static void send_problem(struct mrl_api_request *r, unsigned status, const char *slug,
                         const json_t *o)
{
    struct mrl_buf *out = mrl_exchange_answer(r->x);

    mrl_buf_clear(out);
    mrl_exchange_set_status(r->x, status);
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/problem+json"));
    if (status == 503)
        mrl_exchange_set_header(r->x, "Retry-After", MRL_LIT("5"));
    if (mrl_json_write(o, out) != MRL_OK)
        mrl_exchange_fail(r->x, status, "%s", slug);
}

void mrl_api_problem(struct mrl_api_request *r, unsigned status, const char *slug, mrl_bytes detail)
{
    MRL_AUTO(json_t) o = problem_json(r, status, slug, detail);

    send_problem(r, status, slug, o);
}

void mrl_api_problem_errors(struct mrl_api_request *r, unsigned status, const char *slug,
                            json_t *errors)
{
    MRL_AUTO(json_t) o = problem_json(r, status, slug, mrl_str(r->why.text));

    mrl_api_put(r, o, "errors", errors);
    send_problem(r, status, slug, o);
}

void mrl_api_problem_of(struct mrl_api_request *r, mrl_err err)
{
    const struct problem *p = &problems[(size_t)err < MRL_ERR_COUNT_ ? err : MRL_OK];

    mrl_api_problem(r, p->status, p->slug, mrl_str(r->why.text));
}

mrl_err mrl_api_answer(struct mrl_api_request *r, unsigned status, json_t *json)
{
    MRL_AUTO(json_t) owned = json;

    MRL_TRY(r->failed);
    mrl_exchange_set_status(r->x, status);
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/json"));
    return mrl_json_write(owned, mrl_exchange_answer(r->x));
}

mrl_err mrl_api_answer_nothing(struct mrl_api_request *r)
{
    mrl_exchange_set_status(r->x, 204);
    return MRL_OK;
}

static void keep(struct mrl_api_request *r, mrl_err err)
{
    if (r->failed == MRL_OK && err != MRL_OK)
        r->failed = MRL_ERR_CORRUPT; /* only text that is not UTF-8 gets here, out of the store */
}

void mrl_api_put_text(struct mrl_api_request *r, json_t *o, const char *name, mrl_bytes text)
{
    if (text.len > 0)
        keep(r, mrl_json_set_str(o, name, text));
}

void mrl_api_put_number(struct mrl_api_request *r, json_t *o, const char *name, int64_t number)
{
    keep(r, mrl_json_set_int(o, name, number));
}

void mrl_api_put_flag(struct mrl_api_request *r, json_t *o, const char *name, bool flag)
{
    keep(r, mrl_json_set_bool(o, name, flag));
}

void mrl_api_put_time(struct mrl_api_request *r, json_t *o, const char *name, int64_t wall_ms)
{
    char text[MRL_TIME_TEXT];

    mrl_time_format(wall_ms, text);
    mrl_api_put_text(r, o, name, mrl_str(text));
}

void mrl_api_put_hex(struct mrl_api_request *r, json_t *o, const char *name, mrl_bytes bytes)
{
    char *text = mrl_arena_alloc(mrl_exchange_arena(r->x), 2 * bytes.len + 1);

    mrl_hex(bytes, text);
    mrl_api_put_text(r, o, name, mrl_str(text));
}

void mrl_api_put(struct mrl_api_request *r, json_t *o, const char *name, json_t *value)
{
    keep(r, mrl_json_set(o, name, value));
}

void mrl_api_add(struct mrl_api_request *r, json_t *array, json_t *item)
{
    keep(r, mrl_json_append(array, item));
}

void mrl_api_add_text(struct mrl_api_request *r, json_t *array, mrl_bytes text)
{
    keep(r, mrl_json_append_str(array, text));
}
