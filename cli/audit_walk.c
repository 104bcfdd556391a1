/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_walk.h"

#include "base/hex.h"

enum { PAGE = 1000, LINE_MAX_BYTES = 1 << 20 };

static const struct mrl_json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 4};

mrl_err mrl_audit_line_read(mrl_bytes text, json_t **json, uint8_t hash[static MRL_AUDIT_HASH_SIZE],
                            struct mrl_audit_line *out, struct mrl_why *why)
{
    MRL_AUTO(json_t) o = NULL;
    int64_t seq;
    mrl_bytes hex;

    if (mrl_json_read(text, &limits, &o, why) != MRL_OK ||
        mrl_json_get_int(o, "seq", 1, INT64_MAX, &seq, why) != MRL_OK ||
        mrl_json_get_str(o, "json", &out->row.json, why) != MRL_OK ||
        mrl_json_get_str(o, "hash", &hex, why) != MRL_OK)
        return MRL_ERR_CORRUPT;
    if (mrl_unhex(hex, hash, MRL_AUDIT_HASH_SIZE) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "entry %lld has no hash", (long long)seq);
    out->text = text;
    out->row.seq = (uint64_t)seq;
    out->row.hash = mrl_bytes_of(hash, MRL_AUDIT_HASH_SIZE);
    *json = MRL_TAKE(o);
    return MRL_OK;
}

/* Without regard to what the numbers mean: *last is the largest seen, so that a server that repeats
 * itself does not keep us for ever. */
static mrl_exit visit_page(struct mrl_cli *cli, mrl_bytes page, uint64_t *last,
                           mrl_audit_visit *visit, void *context)
{
    uint64_t before = *last;
    mrl_bytes text;

    while (page.len > 0) {
        uint8_t hash[MRL_AUDIT_HASH_SIZE];
        struct mrl_audit_line line = {0};
        MRL_AUTO(json_t) json = NULL;

        (void)mrl_bytes_split(page, '\n', &text, &page); /* no LF: the last line */
        if (mrl_audit_line_read(text, &json, hash, &line, &cli->why) != MRL_OK)
            return MRL_EXIT_UNVERIFIED;
        MRL_EXIT_TRY(visit(cli, context, &line));
        *last = line.row.seq > *last ? line.row.seq : *last;
    }
    return *last > before
               ? MRL_EXIT_OK
               : mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the server sends the same entries again");
}

mrl_exit mrl_audit_walk(struct mrl_cli *cli, mrl_audit_visit *visit, void *context)
{
    uint64_t last = 0;

    for (;;) {
        MRL_SCOPED(mrl_cli_answer) answer = {0};
        MRL_SCOPED(mrl_buf) target = {0};

        mrl_cli_target(&target, "/v1/audit/export", NULL);
        mrl_cli_target_query_number(&target, "after", last);
        mrl_cli_target_query_number(&target, "limit", PAGE);
        MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
        if (answer.raw.body.len == 0)
            return MRL_EXIT_OK;
        MRL_EXIT_TRY(visit_page(cli, mrl_buf_bytes(&answer.raw.body), &last, visit, context));
    }
}
