/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/eventlog_walk.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"

enum { HASH_TEXT = 2 * MRL_SHA256_SIZE, TAIL = sizeof(",\"hash\":\"") - 1 + HASH_TEXT + 2 };

struct line {
    json_t *root;
    mrl_bytes body; /* what is hashed */
    int64_t seq;
    mrl_bytes before; /* empty: not the first of a file */
    uint8_t hash[MRL_SHA256_SIZE];
};

static mrl_err split(mrl_bytes text, struct line *out)
{
    mrl_bytes tail;

    MRL_ENSURE(text.len > TAIL && text.len <= MRL_EVENTLOG_LINE_MAX, MRL_ERR_MALFORMED);
    out->body = mrl_bytes_sub(text, 0, text.len - TAIL);
    tail = mrl_bytes_sub(text, out->body.len, TAIL);
    MRL_ENSURE(mrl_bytes_starts(tail, MRL_LIT(",\"hash\":\"")) &&
                   mrl_bytes_ends(tail, MRL_LIT("\"}")),
               MRL_ERR_MALFORMED);
    return mrl_unhex(mrl_bytes_sub(tail, sizeof(",\"hash\":\"") - 1, HASH_TEXT), out->hash,
                     sizeof(out->hash));
}

static mrl_err parse(mrl_bytes text, struct line *out)
{
    const struct mrl_json_limits limits = {MRL_EVENTLOG_LINE_MAX, 2};

    MRL_TRY(split(text, out));
    MRL_TRY(mrl_json_read(text, &limits, &out->root, NULL));
    MRL_TRY(mrl_json_get_int(out->root, "seq", 1, INT64_MAX - 1, &out->seq, NULL));
    return mrl_json_optional(mrl_json_get_str(out->root, "before", &out->before, NULL));
}

/* The chain goes on at the line, or begins with it. */
static mrl_err join(const struct mrl_eventlog_walk *w, const struct line *l,
                    uint8_t before[static MRL_SHA256_SIZE])
{
    if (l->before.len > 0)
        MRL_TRY(mrl_unhex(l->before, before, MRL_SHA256_SIZE));
    if (w->first == 0)
        return l->before.len > 0 ? MRL_OK : MRL_ERR_CORRUPT;
    MRL_ENSURE((uint64_t)l->seq == w->seq + 1, MRL_ERR_CORRUPT);
    MRL_ENSURE(l->before.len == 0 || memcmp(before, w->head, MRL_SHA256_SIZE) == 0,
               MRL_ERR_CORRUPT);
    memcpy(before, w->head, MRL_SHA256_SIZE);
    return MRL_OK;
}

static mrl_err follow(struct mrl_eventlog_walk *w, const struct line *l)
{
    uint8_t before[MRL_SHA256_SIZE], hash[MRL_SHA256_SIZE];

    MRL_TRY(join(w, l, before));
    MRL_TRY(mrl_sha256_parts((const mrl_bytes[]){mrl_bytes_of(before, sizeof(before)), l->body}, 2,
                             hash));
    MRL_ENSURE(memcmp(hash, l->hash, sizeof(hash)) == 0, MRL_ERR_CORRUPT);
    if (w->first == 0)
        w->first = (uint64_t)l->seq;
    w->seq = (uint64_t)l->seq;
    memcpy(w->head, hash, sizeof(hash));
    return MRL_OK;
}

static mrl_err walk_line(struct mrl_eventlog_walk *w, mrl_bytes text)
{
    struct line l = {0};
    mrl_err err = parse(text, &l);

    if (err == MRL_OK)
        err = follow(w, &l);
    json_decref(l.root);
    return err;
}

mrl_err mrl_eventlog_walk_text(struct mrl_eventlog_walk *w, mrl_bytes text, size_t *good,
                               struct mrl_why *why)
{
    unsigned number = 1;

    for (*good = 0; *good < text.len; number++) {
        size_t end = mrl_bytes_find(text, '\n', *good);

        if (end == text.len)
            return MRL_OK;
        if (walk_line(w, mrl_bytes_sub(text, *good, end - *good)) != MRL_OK)
            return mrl_fail(why, MRL_ERR_CORRUPT,
                            "line %u is not what follows entry %llu of the chain", number,
                            (unsigned long long)w->seq);
        *good = end + 1;
    }
    return MRL_OK;
}
