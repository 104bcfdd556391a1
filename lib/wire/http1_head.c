/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_head.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

mrl_err mrl_http_refuse(struct mrl_http_refusal *refusal, unsigned status, mrl_err err,
                        const char *format, ...)
{
    va_list args;

    refusal->status = status;
    if (refusal->why == NULL)
        return err;
    va_start(args, format);
    (void)vsnprintf(refusal->why->text, sizeof(refusal->why->text), format, args); /* may be cut */
    va_end(args);
    return err;
}

bool mrl_http_is_tchar(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool mrl_http_is_value_char(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

bool mrl_http_is_token(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!mrl_http_is_tchar(text.data[i]))
            return false;
    return text.len > 0;
}

bool mrl_http_is_field_value(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!mrl_http_is_value_char(text.data[i]))
            return false;
    return true;
}

/* RFC 9112 2.2: CR and LF only as a pair; other control characters have no place in a head. */
static mrl_err check_byte(uint8_t before, uint8_t c, struct mrl_http_refusal *refusal)
{
    if (c == '\n' && before != '\r')
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "a line ends without CR");
    if (c != '\n' && before == '\r')
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "CR inside a line");
    if (c != '\n' && c != '\r' && !mrl_http_is_value_char(c))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "control character 0x%02x in head",
                               c);
    return MRL_OK;
}

static mrl_err too_long(size_t lines, const struct mrl_http_limits *limits,
                        struct mrl_http_refusal *refusal)
{
    if (lines == 0) /* RFC 9112 3 */
        return mrl_http_refuse(refusal, 414, MRL_ERR_LIMIT, "request line is over %zu bytes",
                               limits->head_bytes);
    return mrl_http_refuse(refusal, 431, MRL_ERR_LIMIT, "head is over %zu bytes",
                           limits->head_bytes); /* RFC 6585 5 */
}

/* Goes byte by byte, so that the first fault decides however the input was cut. */
static mrl_err find_end(mrl_bytes in, const struct mrl_http_limits *limits, size_t start,
                        size_t *end, struct mrl_http_refusal *refusal)
{
    size_t line_start = start, lines = 0;
    size_t most = in.len < limits->head_bytes ? in.len : limits->head_bytes;

    for (size_t i = start; i < most; i++) {
        MRL_TRY(check_byte(i > start ? in.data[i - 1] : 0, in.data[i], refusal));
        if (in.data[i] != '\n')
            continue;
        if (i - line_start == 1) {
            *end = i + 1;
            return MRL_OK;
        }
        line_start = i + 1;
        lines++;
    }
    if (most == limits->head_bytes)
        return too_long(lines, limits, refusal);
    return MRL_ERR_AGAIN;
}

/* The next line of text that is known to end each line with CR LF. */
static mrl_bytes next_line(mrl_bytes *text)
{
    size_t end = mrl_bytes_find(*text, '\r', 0);
    mrl_bytes line = mrl_bytes_sub(*text, 0, end);

    *text = mrl_bytes_sub(*text, end + 2, SIZE_MAX);
    return line;
}

static mrl_bytes trim_blanks(mrl_bytes b)
{
    return mrl_bytes_trim(b); /* CR and LF cannot occur here: OWS is SP and TAB */
}

static mrl_err read_header(mrl_bytes line, struct mrl_http_header *out,
                           struct mrl_http_refusal *refusal)
{
    mrl_bytes value;

    if (line.data[0] == ' ' || line.data[0] == '\t') /* RFC 9112 5.2 */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "folded header line");
    if (!mrl_bytes_split(line, ':', &out->name, &value))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "header line without colon");
    if (!mrl_http_is_token(out->name)) /* RFC 9112 5.1: also no blank before the colon */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "header name is not a token");
    out->value = trim_blanks(value);
    return MRL_OK;
}

/* Two of these could be understood in two ways. RFC 9110 5.3, RFC 9112 3.2 and 6.3 */
static mrl_err check_singletons(const struct mrl_http_headers *headers,
                                struct mrl_http_refusal *refusal)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Host",
                                        "Authorization",  "Content-Type",      "Expect"};

    for (size_t n = 0; n < MRL_COUNT(names); n++) {
        size_t seen = 0;

        for (size_t i = 0; i < headers->count; i++)
            seen += mrl_bytes_eq_nocase(headers->at[i].name, mrl_str(names[n]));
        if (seen > 1)
            return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "%s is given more than once",
                                   names[n]);
    }
    return MRL_OK;
}

static mrl_err read_headers(mrl_bytes text, const struct mrl_http_limits *limits,
                            struct mrl_http_headers *out, struct mrl_http_refusal *refusal)
{
    size_t most = limits->headers < MRL_HTTP_HEADERS_MAX ? limits->headers : MRL_HTTP_HEADERS_MAX;

    out->count = 0;
    for (mrl_bytes line = next_line(&text); line.len > 0; line = next_line(&text)) {
        if (out->count == most)
            return mrl_http_refuse(refusal, 431, MRL_ERR_LIMIT, "more than %zu headers", most);
        MRL_TRY(read_header(line, &out->at[out->count], refusal));
        out->count++;
    }
    return check_singletons(out, refusal);
}

mrl_err mrl_http_read_head(mrl_bytes in, const struct mrl_http_limits *limits, bool leading_empty,
                           struct mrl_http_head *out, struct mrl_http_refusal *refusal)
{
    size_t start = leading_empty && mrl_bytes_starts(in, MRL_LIT("\r\n")) ? 2 : 0;
    mrl_bytes text;

    if (leading_empty && in.len == 1 && in.data[0] == '\r' && limits->head_bytes > 1)
        return MRL_ERR_AGAIN; /* may become the empty line */
    MRL_TRY(find_end(in, limits, start, &out->len, refusal));
    text = mrl_bytes_sub(in, start, out->len - start);
    out->first_line = next_line(&text);
    if (out->first_line.len == 0)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "empty first line");
    return read_headers(text, limits, &out->headers, refusal);
}

/* RFC 9112 6.3: an unknown coding hides where the body ends. */
static mrl_err read_coding(mrl_bytes value, struct mrl_http_refusal *refusal)
{
    mrl_bytes last = value, rest, head;

    if (mrl_bytes_eq_nocase(value, MRL_LIT("chunked")))
        return MRL_OK;
    while (mrl_bytes_split(last, ',', &head, &rest))
        last = trim_blanks(rest);
    if (!mrl_bytes_eq_nocase(last, MRL_LIT("chunked")))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED,
                               "Transfer-Encoding does not end in chunked");
    return mrl_http_refuse(refusal, 501, MRL_ERR_UNSUPPORTED,
                           "Transfer-Encoding other than chunked"); /* RFC 9112 6.1 */
}

static mrl_err read_length(mrl_bytes value, uint64_t body_limit, uint64_t *length,
                           struct mrl_http_refusal *refusal)
{
    enum { DIGITS_MAX = 19 }; /* below 2^64, however many zeros lead */
    uint64_t v;

    if (!mrl_bytes_to_u64(value, UINT64_MAX, &v) || value.len > DIGITS_MAX) /* RFC 9110 8.6 */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "Content-Length is not a number");
    if (v > body_limit)
        return mrl_http_refuse(refusal, 413, MRL_ERR_LIMIT, "body is over %llu bytes",
                               (unsigned long long)body_limit);
    *length = v;
    return MRL_OK;
}

mrl_err mrl_http_read_framing(const struct mrl_http_headers *headers, bool http10,
                              uint64_t body_limit, enum mrl_http_framing *framing, uint64_t *length,
                              struct mrl_http_refusal *refusal)
{
    const mrl_bytes *coding = mrl_http_header(headers, "Transfer-Encoding");
    const mrl_bytes *size = mrl_http_header(headers, "Content-Length");

    *framing = MRL_HTTP_BODY_NONE;
    *length = 0;
    if (coding != NULL && size != NULL) /* RFC 9112 6.1: an attempt at smuggling */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED,
                               "both Transfer-Encoding and Content-Length");
    if (coding != NULL && http10) /* RFC 9112 6.1: faulty framing */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "Transfer-Encoding in HTTP/1.0");
    if (coding != NULL) {
        MRL_TRY(read_coding(*coding, refusal));
        *framing = MRL_HTTP_BODY_CHUNKED;
    } else if (size != NULL) {
        MRL_TRY(read_length(*size, body_limit, length, refusal));
        *framing = MRL_HTTP_BODY_LENGTH;
    }
    return MRL_OK;
}

mrl_err mrl_http_read_version(mrl_bytes text, bool *http10, struct mrl_http_refusal *refusal)
{
    if (mrl_bytes_eq(text, MRL_LIT("HTTP/1.1")) || mrl_bytes_eq(text, MRL_LIT("HTTP/1.0"))) {
        *http10 = text.data[text.len - 1] == '0';
        return MRL_OK;
    }
    if (text.len == 8 && mrl_bytes_starts(text, MRL_LIT("HTTP/")) && text.data[6] == '.' &&
        text.data[5] >= '0' && text.data[5] <= '9' && text.data[7] >= '0' && text.data[7] <= '9')
        return mrl_http_refuse(refusal, 505, MRL_ERR_UNSUPPORTED,
                               "only HTTP/1.1 and HTTP/1.0"); /* RFC 9110 15.6.6 */
    return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "not an HTTP version"); /* 9112 2.3 */
}

const mrl_bytes *mrl_http_header(const struct mrl_http_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (mrl_bytes_eq_nocase(headers->at[i].name, mrl_str(name)))
            return &headers->at[i].value;
    return NULL;
}

static bool list_has(mrl_bytes list, mrl_bytes token)
{
    bool more = true;

    while (more) {
        mrl_bytes item;

        more = mrl_bytes_split(list, ',', &item, &list);
        if (mrl_bytes_eq_nocase(trim_blanks(item), token))
            return true;
    }
    return false;
}

bool mrl_http_header_lists(const struct mrl_http_headers *headers, const char *name,
                           mrl_bytes token)
{
    for (size_t i = 0; i < headers->count; i++)
        if (mrl_bytes_eq_nocase(headers->at[i].name, mrl_str(name)) &&
            list_has(headers->at[i].value, token))
            return true;
    return false;
}

bool mrl_http_media_is(mrl_bytes content_type, const char *type)
{
    mrl_bytes media, parameters;

    (void)mrl_bytes_split(content_type, ';', &media, &parameters);
    return mrl_bytes_eq_nocase(trim_blanks(media), mrl_str(type));
}
