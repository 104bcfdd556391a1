/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/outside.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "wire/http1.h"

enum { LIST_AGE_S = 60, HEADER_TEXT = 96 };

static const struct mrl_outside *door_of(const struct mrl_exchange *x)
{
    return mrl_exchange_context(x);
}

static void fail(struct mrl_exchange *x, unsigned status, const char *sentence)
{
    mrl_exchange_fail(x, status, "%s", sentence);
    mrl_exchange_send(x);
}

static bool is_method(const struct mrl_exchange *x, const char *name)
{
    return mrl_bytes_eq(mrl_exchange_method(x), mrl_str(name));
}

static void set_date(struct mrl_exchange *x, const char *name, int64_t seconds)
{
    char date[MRL_HTTP_DATE];

    mrl_http_date(seconds, date);
    mrl_exchange_set_header(x, name, mrl_str(date));
}

/* RFC 5019 6.2 */
static void set_caching(struct mrl_exchange *x, int64_t last, int64_t expires, int64_t age,
                        const char *tag)
{
    char text[HEADER_TEXT];

    set_date(x, "Last-Modified", last);
    set_date(x, "Expires", expires);
    mrl_exchange_set_header(x, "ETag", mrl_str(tag));
    (void)snprintf(text, sizeof(text), "max-age=%" PRId64 ", public, no-transform, must-revalidate",
                   age > 0 ? age : 0);
    mrl_exchange_set_header(x, "Cache-Control", mrl_str(text));
}

/* RFC 9110 13.1.2: one tag, as a cache sends back what it got. */
static bool has_it_already(struct mrl_exchange *x, const char *tag)
{
    mrl_bytes known;

    if (!mrl_exchange_header(x, "If-None-Match", &known) || !mrl_bytes_eq(known, mrl_str(tag)))
        return false;
    mrl_exchange_set_status(x, 304);
    return true;
}

/* --- lists --- */

static void give_back(void *list)
{
    mrl_list_give_back(list);
}

static void send_list(struct mrl_exchange *x, struct mrl_list_view *list)
{
    const struct mrl_outside *door = door_of(x);
    char tag[HEADER_TEXT];

    (void)snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", mrl_list_number(list));
    mrl_exchange_set_header(x, "Content-Type",
                            MRL_LIT("application/pkix-crl")); /* RFC 5280 4.2.1.13 */
    set_caching(x, mrl_list_this_update(list), mrl_list_next_update(list), LIST_AGE_S, tag);
    mrl_count(door->metrics, door->index, MRL_COUNTER_CRL_SENT);
    if (has_it_already(x, tag))
        mrl_list_give_back(list);
    else
        mrl_exchange_lend(x, mrl_list_bytes(list), give_back, list);
    mrl_exchange_send(x);
}

static void on_list(struct mrl_exchange *x, mrl_bytes name)
{
    struct mrl_list_view *list;

    if (!is_method(x, "GET") && !is_method(x, "HEAD")) {
        mrl_exchange_set_header(x, "Allow", MRL_LIT("GET, HEAD"));
        fail(x, 405, "a list is fetched with GET");
        return;
    }
    list = mrl_revocation_list(door_of(x)->revocation, name);
    if (list == NULL)
        fail(x, 404, "there is no list of this name");
    else
        send_list(x, list);
}

/* --- OCSP --- */

static mrl_err unescape(mrl_bytes text, struct mrl_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '%') {
            MRL_TRY(mrl_unhex(mrl_bytes_sub(text, i + 1, 2), &c, 1));
            i += 2;
        }
        MRL_TRY(mrl_buf_append(out, mrl_bytes_of(&c, 1)));
    }
    return MRL_OK;
}

mrl_err mrl_outside_read_path(mrl_bytes text, struct mrl_buf *der)
{
    MRL_SCOPED(mrl_buf) base64 = {0};

    MRL_TRY(unescape(text, &base64));
    return mrl_base64_read(mrl_buf_bytes(&base64), der);
}

static void count(const struct mrl_exchange *x, enum mrl_ocsp_status status)
{
    const struct mrl_outside *door = door_of(x);
    enum mrl_counter counter = MRL_COUNTER_OCSP_OTHER;

    if (status == MRL_OCSP_SUCCESSFUL)
        counter = MRL_COUNTER_OCSP_ANSWERED;
    else if (status == MRL_OCSP_UNAUTHORIZED)
        counter = MRL_COUNTER_OCSP_UNAUTHORIZED;
    mrl_count(door->metrics, door->index, counter);
}

/* RFC 5019 6.2: the ETag is the SHA-1 of the response. */
static void set_answer_caching(struct mrl_exchange *x, const struct mrl_answer_times *times)
{
    char tag[2 * MRL_SHA1_SIZE + 3];
    uint8_t sha1[MRL_SHA1_SIZE];

    if (mrl_sha1_key_id(mrl_buf_bytes(mrl_exchange_answer(x)), sha1) != MRL_OK)
        return;
    tag[0] = '"';
    mrl_hex(mrl_bytes_of(sha1, sizeof(sha1)), &tag[1]);
    tag[sizeof(tag) - 2] = '"';
    tag[sizeof(tag) - 1] = '\0';
    set_caching(x, times->this_update, times->next_update, times->next_update - mrl_wall_s(), tag);
    if (has_it_already(x, tag))
        mrl_buf_clear(mrl_exchange_answer(x));
}

static void answer(struct mrl_exchange *x, mrl_bytes request)
{
    struct mrl_answer_times times;
    enum mrl_ocsp_status status =
        mrl_revocation_answer(door_of(x)->revocation, request, mrl_exchange_answer(x), &times);

    mrl_exchange_set_header(x, "Content-Type", MRL_LIT("application/ocsp-response"));
    if (status == MRL_OCSP_SUCCESSFUL && !is_method(x, "POST"))
        set_answer_caching(x, &times);
    count(x, status);
    mrl_exchange_send(x);
}

/* RFC 6960 A.1 */
static void on_ocsp_get(struct mrl_exchange *x, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) der = {.limit = MRL_OCSP_REQUEST_MAX};

    if (mrl_outside_read_path(text, &der) != MRL_OK)
        mrl_buf_clear(&der); /* answered as what it is: malformed */
    answer(x, mrl_buf_bytes(&der));
}

static void on_ocsp_post(struct mrl_exchange *x)
{
    mrl_bytes type;

    if (!mrl_exchange_header(x, "Content-Type", &type) ||
        !mrl_http_media_is(type, "application/ocsp-request"))
        fail(x, 415, "the body of an OCSP request is application/ocsp-request");
    else
        answer(x, mrl_exchange_body(x));
}

static void on_ocsp(struct mrl_exchange *x, mrl_bytes text)
{
    if (text.len > 0 && (is_method(x, "GET") || is_method(x, "HEAD"))) {
        on_ocsp_get(x, text);
    } else if (is_method(x, "POST")) {
        on_ocsp_post(x);
    } else {
        mrl_exchange_set_header(x, "Allow", MRL_LIT("GET, POST"));
        fail(x, 405, "OCSP is asked by POST, or by GET with the request in the path");
    }
}

void mrl_outside_handle(void *context, struct mrl_exchange *x)
{
    mrl_bytes path = mrl_exchange_path(x), lists = MRL_LIT("/crl/"), ocsp = MRL_LIT("/ocsp");

    (void)context;
    if (mrl_bytes_starts(path, lists))
        on_list(x, mrl_bytes_sub(path, lists.len, SIZE_MAX));
    else if (mrl_bytes_eq(path, ocsp) || mrl_bytes_starts(path, MRL_LIT("/ocsp/")))
        on_ocsp(x, mrl_bytes_sub(path, ocsp.len + 1, SIZE_MAX));
    else
        fail(x, 404, "here are /crl/ and /ocsp only");
}
