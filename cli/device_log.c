/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_log.h"

#include <string.h>

#include "base/hex.h"
#include "cli/file.h"
#include "cli/request.h"
#include "cli/target.h"
#include "device/agent/eventlog_walk.h"

static const struct mrl_cli_column shown[] = {
    {"First line", "first"},
    {"Last line", "last"},
    {"Anchors that hold", "anchors"},
    {"Older anchors", "older"},
    {NULL},
};

struct anchor {
    uint64_t seq; /* of the device */
    uint64_t entry;
    uint8_t hash[MRL_SHA256_SIZE];
};

static mrl_err read_anchor(const json_t *item, struct anchor *out, struct mrl_why *why)
{
    json_t *details = NULL;
    int64_t seq, entry;
    mrl_bytes hash;

    MRL_TRY(mrl_json_get_int(item, "seq", 1, INT64_MAX, &entry, why));
    MRL_TRY(mrl_json_get_object(item, "details", &details, why));
    MRL_TRY(mrl_json_get_int(details, "device_seq", 1, INT64_MAX, &seq, why));
    MRL_TRY(mrl_json_get_str(details, "device_hash", &hash, why));
    MRL_TRY(mrl_unhex(hash, out->hash, sizeof(out->hash)));
    out->seq = (uint64_t)seq;
    out->entry = (uint64_t)entry;
    return MRL_OK;
}

struct comparison {
    const json_t *anchors;
    size_t next; /* anchor */
    struct mrl_eventlog_walk walk;
    struct mrl_device_log_result result;
};

/* The anchors of the line the walk stands on. */
static mrl_err check_line(struct comparison *c, unsigned line, struct mrl_why *why)
{
    for (; c->next < json_array_size(c->anchors); c->next++) {
        struct anchor a;

        MRL_TRY(read_anchor(json_array_get(c->anchors, c->next), &a, why));
        if (a.seq > c->walk.seq)
            return MRL_OK;
        if (a.seq < c->walk.seq) {
            c->result.older++;
            continue;
        }
        if (memcmp(a.hash, c->walk.head, sizeof(a.hash)) != 0)
            return mrl_fail(
                why, MRL_ERR_CORRUPT,
                "line %u (number %llu) is not what the device told of in entry %llu, or "
                "one before it is not",
                line, (unsigned long long)a.seq, (unsigned long long)a.entry);
        c->result.anchors++;
    }
    return MRL_OK;
}

static mrl_err check_end(struct comparison *c, struct mrl_why *why)
{
    struct anchor a;

    if (c->next == json_array_size(c->anchors))
        return MRL_OK;
    MRL_TRY(read_anchor(json_array_get(c->anchors, json_array_size(c->anchors) - 1), &a, why));
    return mrl_fail(why, MRL_ERR_CORRUPT,
                    "the file ends with number %llu; in entry %llu the device told of number %llu",
                    (unsigned long long)c->walk.seq, (unsigned long long)a.entry,
                    (unsigned long long)a.seq);
}

static mrl_err walk_lines(struct comparison *c, mrl_bytes text, struct mrl_why *why)
{
    for (unsigned line = 1; text.len > 0; line++) {
        size_t len = mrl_bytes_find(text, '\n', 0) + 1, good;
        mrl_bytes one = mrl_bytes_sub(text, 0, len);

        if (mrl_eventlog_walk_text(&c->walk, one, &good, NULL) != MRL_OK || good != len)
            return mrl_fail(why, MRL_ERR_CORRUPT,
                            "line %u is not what follows number %llu of the chain", line,
                            (unsigned long long)c->walk.seq);
        MRL_TRY(check_line(c, line, why));
        text = mrl_bytes_sub(text, len, text.len);
    }
    return MRL_OK;
}

mrl_err mrl_device_log_compare(mrl_bytes text, const json_t *anchors,
                               struct mrl_device_log_result *out, struct mrl_why *why)
{
    struct comparison c = {.anchors = anchors};

    if (json_array_size(anchors) == 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "the device told of no log yet");
    MRL_TRY(walk_lines(&c, text, why));
    MRL_TRY(check_end(&c, why));
    c.result.first = c.walk.first;
    c.result.last = c.walk.seq;
    *out = c.result;
    return MRL_OK;
}

static mrl_exit print_result(struct mrl_cli *cli, const struct mrl_device_log_result *r)
{
    MRL_AUTO(json_t) o = mrl_json_object();

    if (mrl_json_set_int(o, "first", (int64_t)r->first) != MRL_OK ||
        mrl_json_set_int(o, "last", (int64_t)r->last) != MRL_OK ||
        mrl_json_set_int(o, "anchors", (int64_t)r->anchors) != MRL_OK ||
        mrl_json_set_int(o, "older", (int64_t)r->older) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    if (cli->json)
        mrl_cli_print_json(cli, o);
    else
        mrl_cli_print_record(cli, shown, o);
    return MRL_EXIT_OK;
}

mrl_exit mrl_device_log_verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_AUTO(json_t) anchors = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    struct mrl_device_log_result result;
    mrl_err err;

    MRL_EXIT_TRY(mrl_cli_file_read(cli, mrl_cli_operand(given, 1), &text));
    mrl_cli_target(&target, "/v1/audit");
    mrl_cli_target_query(&target, "action", MRL_LIT("device.log_anchored"));
    mrl_cli_target_query(&target, "target", mrl_str(mrl_cli_operand(given, 0)));
    mrl_cli_target_query(&target, "order", MRL_LIT("oldest"));
    MRL_EXIT_TRY(mrl_cli_list(cli, mrl_buf_bytes(&target), /*max=*/0, &anchors));
    err = mrl_device_log_compare(mrl_buf_bytes(&text), anchors, &result, &cli->why);
    if (err != MRL_OK)
        return err == MRL_ERR_NOT_FOUND ? MRL_EXIT_REFUSED : MRL_EXIT_UNVERIFIED;
    return print_result(cli, &result);
}
