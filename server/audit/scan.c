/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/scan.h"

enum { DEPTH_MAX = 4 };

struct cursor {
    mrl_bytes text;
    size_t at;
    unsigned depth;
    struct mrl_audit_scan *to;
};

/* Takes the value of a member. */
typedef bool take_value(struct cursor *c, mrl_bytes name);

static uint8_t next(const struct cursor *c)
{
    return c->at < c->text.len ? c->text.data[c->at] : 0;
}

static bool take(struct cursor *c, uint8_t byte)
{
    if (next(c) != byte)
        return false;
    c->at++;
    return true;
}

/* What stands between the quotes, escapes and all. */
static bool take_string(struct cursor *c, mrl_bytes *out)
{
    size_t from = c->at + 1;

    if (!take(c, '"'))
        return false;
    while (c->at < c->text.len && c->text.data[c->at] != '"')
        c->at += c->text.data[c->at] == '\\' ? 2 : 1;
    if (c->at >= c->text.len)
        return false;
    *out = mrl_bytes_sub(c->text, from, c->at - from);
    c->at++;
    return true;
}

static bool take_members(struct cursor *c, take_value *value)
{
    mrl_bytes name;
    bool whole;

    if (c->depth == DEPTH_MAX || !take(c, '{'))
        return false;
    if (take(c, '}'))
        return true;
    c->depth++;
    do {
        whole = take_string(c, &name) && take(c, ':') && value(c, name);
    } while (whole && take(c, ','));
    c->depth--;
    return whole && take(c, '}');
}

static bool skip(struct cursor *c, mrl_bytes name)
{
    mrl_bytes ignored;

    (void)name;
    if (next(c) == '"')
        return take_string(c, &ignored);
    if (next(c) == '{')
        return take_members(c, skip);
    while (c->at < c->text.len && next(c) != ',' && next(c) != '}')
        c->at++;
    return true;
}

static bool take_plain(struct cursor *c, mrl_bytes *out)
{
    return take_string(c, out) && mrl_bytes_find(*out, '\\', 0) == out->len;
}

static bool take_number(struct cursor *c, uint64_t *out)
{
    size_t from = c->at;

    return skip(c, MRL_BYTES_NONE) &&
           mrl_bytes_to_u64(mrl_bytes_sub(c->text, from, c->at - from), INT64_MAX, out);
}

static bool take_actor(struct cursor *c, mrl_bytes name)
{
    if (mrl_bytes_eq(name, MRL_LIT("kind")))
        return take_plain(c, &c->to->kind);
    if (mrl_bytes_eq(name, MRL_LIT("id")))
        return take_plain(c, &c->to->actor);
    return skip(c, name);
}

static bool take_time(struct cursor *c)
{
    uint64_t time;

    if (!take_number(c, &time))
        return false;
    c->to->time_ms = (int64_t)time;
    return true;
}

static bool take_member(struct cursor *c, mrl_bytes name)
{
    if (mrl_bytes_eq(name, MRL_LIT("action")))
        return take_plain(c, &c->to->action);
    if (mrl_bytes_eq(name, MRL_LIT("actor")))
        return take_members(c, take_actor);
    if (mrl_bytes_eq(name, MRL_LIT("outcome")))
        return take_plain(c, &c->to->outcome);
    if (mrl_bytes_eq(name, MRL_LIT("target")))
        return take_plain(c, &c->to->target);
    if (mrl_bytes_eq(name, MRL_LIT("time")))
        return take_time(c);
    if (mrl_bytes_eq(name, MRL_LIT("seq")))
        return take_number(c, &c->to->seq);
    return skip(c, name);
}

mrl_err mrl_audit_scan(mrl_bytes json, struct mrl_audit_scan *out)
{
    struct mrl_audit_scan found = {.seq = 0};
    struct cursor c = {.text = json, .to = &found};

    MRL_ENSURE(take_members(&c, take_member) && c.at == json.len, MRL_ERR_UNSUPPORTED);
    *out = found;
    return MRL_OK;
}
