/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/event.h"

#include <string.h>

#include "audit/text.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/writer.h"

enum {
    EXACT_MAX = 53,   /* bits: larger integers are not exact in JSON (RFC 8785 3.2.2.3) */
    TAIL_MAX = 16384, /* everything but the details, escaped */
};

static const char *const kinds[] = {
    [MRL_ACTOR_UNKNOWN] = "unknown",         [MRL_ACTOR_DEVICE] = "device",
    [MRL_ACTOR_APPLICATION] = "application", [MRL_ACTOR_OPERATOR] = "operator",
    [MRL_ACTOR_SYSTEM] = "system",           [MRL_ACTOR_CLAIM] = "claim",
};
static const char *const outcomes[] = {
    [MRL_AUDIT_OK] = "ok", [MRL_AUDIT_DENIED] = "denied", [MRL_AUDIT_FAILED] = "failed"};

const char *mrl_audit_actor_kind_name(enum mrl_audit_actor_kind kind)
{
    return (unsigned)kind < MRL_ACTOR_COUNT_ ? kinds[kind] : kinds[MRL_ACTOR_UNKNOWN];
}

const char *mrl_audit_outcome_name(enum mrl_audit_outcome outcome)
{
    return (unsigned)outcome < MRL_AUDIT_OUTCOME_COUNT_ ? outcomes[outcome]
                                                        : outcomes[MRL_AUDIT_FAILED];
}

/* An object being written: where the comma stands, and whether a value was cut. */
struct object {
    struct mrl_writer *to;
    bool started;
    bool truncated;
    struct mrl_audit_private *private; /* takes what is written as a commitment */
    mrl_err failed;                    /* the first of those that could not be made */
};

static void put_name(struct object *o, const char *name)
{
    mrl_put_bytes(o->to, o->started ? MRL_LIT(",\"") : MRL_LIT("\""));
    mrl_put_bytes(o->to, mrl_str(name));
    mrl_put_bytes(o->to, MRL_LIT("\":"));
    o->started = true;
}

static void put_number(struct object *o, const char *name, int64_t number)
{
    bool exact = number < (1LL << EXACT_MAX) && number > -(1LL << EXACT_MAX);

    put_name(o, name);
    mrl_put_text(o->to, exact ? "%lld" : "\"%lld\"", (long long)number);
}

/* Leaves out what is empty. */
static void put_string(struct object *o, const char *name, mrl_bytes text, size_t max)
{
    if (text.len == 0)
        return;
    put_name(o, name);
    if (mrl_audit_put_json_text(o->to, text, max))
        o->truncated = true;
}

/* The value as it would stand in the text, kept for the opening. */
static mrl_bytes keep_value(struct object *o, mrl_bytes text, size_t max)
{
    struct mrl_audit_private *p = o->private;
    struct mrl_writer w = mrl_writer_on(&p->memory[p->used], sizeof(p->memory) - p->used);

    if (mrl_audit_put_plain_text(&w, text, max))
        o->truncated = true;
    p->used += w.len;
    return mrl_bytes_of(w.data, w.len);
}

/* Leaves out what is empty, as put_string. */
static void put_committed(struct object *o, const char *name, mrl_bytes field, mrl_bytes text,
                          size_t max)
{
    struct mrl_audit_openings *openings = &o->private->openings;
    char commitment[MRL_AUDIT_COMMITMENT + 1] = "";
    struct mrl_audit_opening *opening = &openings->at[openings->count];
    mrl_err err;

    if (text.len == 0)
        return;
    opening->field = field;
    mrl_random(opening->salt, sizeof(opening->salt));
    opening->value = keep_value(o, text, max);
    err = mrl_audit_commit(opening, commitment);
    if (o->failed == MRL_OK)
        o->failed = err;
    openings->count++;
    put_string(o, name, mrl_str(commitment), sizeof(commitment));
}

static void put_actor(struct object *o, const struct mrl_audit_event *e)
{
    struct object actor = {.to = o->to, .private = o->private};

    put_name(o, "actor");
    mrl_put_u8(o->to, '{');
    put_string(&actor, "auth", e->actor.auth, MRL_AUDIT_ID_MAX);
    if (e->actor.kind == MRL_ACTOR_OPERATOR)
        put_committed(&actor, "id", MRL_LIT("actor.id"), e->actor.id, MRL_AUDIT_ID_MAX);
    else
        put_string(&actor, "id", e->actor.id, MRL_AUDIT_ID_MAX);
    put_string(&actor, "kind", mrl_str(mrl_audit_actor_kind_name(e->actor.kind)), MRL_AUDIT_ID_MAX);
    mrl_put_u8(o->to, '}');
    o->truncated |= actor.truncated;
    o->failed = actor.failed;
}

/* What is done to an operator names a person. */
static void put_target(struct object *o, const struct mrl_audit_event *e)
{
    mrl_bytes action = mrl_str(mrl_audit_action_name(e->action));

    if (mrl_bytes_starts(action, MRL_LIT("operator.")))
        put_committed(o, "target", MRL_LIT("target"), e->target, MRL_AUDIT_ID_MAX);
    else
        put_string(o, "target", e->target, MRL_AUDIT_TARGET_MAX);
}

static void put_digest(struct object *o, const char *name, const struct mrl_audit_digest *d)
{
    char hex[2 * MRL_SHA256_SIZE + 1];

    if (!d->known)
        return;
    mrl_hex(mrl_bytes_of(d->bytes, sizeof(d->bytes)), hex);
    put_string(o, name, mrl_str(hex), sizeof(hex));
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && len <= MRL_AUDIT_DETAIL_NAME_MAX && name[len] == '\0';
}

/* The next detail by name after `after` (NULL: the first); NULL when there is none. */
static const struct mrl_audit_detail *next_detail(const struct mrl_audit_event *e,
                                                  const char *after)
{
    const struct mrl_audit_detail *next = NULL;

    for (size_t i = 0; i < e->details_count; i++) {
        const struct mrl_audit_detail *d = &e->details[i];

        if ((after == NULL || strcmp(d->name, after) > 0) &&
            (next == NULL || strcmp(d->name, next->name) < 0))
            next = d;
    }
    return next;
}

static void put_detail(struct object *o, const struct mrl_audit_detail *d)
{
    struct mrl_writer before = *o->to;
    bool started = o->started;

    if (d->is_number) {
        put_number(o, d->name, d->number);
    } else {
        put_name(o, d->name);
        if (mrl_audit_put_json_text(o->to, d->text, MRL_AUDIT_DETAIL_MAX))
            o->truncated = true;
    }
    if (!o->to->overflow)
        return;
    *o->to = before; /* leave out what does not fit, keep the entry whole */
    o->started = started;
    o->truncated = true;
}

/* Details may use all but what the rest of the entry can need. */
static void put_details(struct object *o, const struct mrl_audit_event *e)
{
    struct object details = {.to = o->to};
    size_t cap = o->to->cap;

    if (e->details_count == 0)
        return;
    put_name(o, "details");
    mrl_put_u8(o->to, '{');
    o->to->cap = MRL_AUDIT_ENTRY_MAX - TAIL_MAX;
    for (const struct mrl_audit_detail *d = next_detail(e, NULL); d != NULL;
         d = next_detail(e, d->name))
        put_detail(&details, d);
    o->to->cap = cap;
    mrl_put_u8(o->to, '}');
    o->truncated |= details.truncated;
}

static mrl_err check(const struct mrl_audit_event *e)
{
    MRL_ENSURE((unsigned)e->action < MRL_AUDIT_ACTION_COUNT_, MRL_ERR_INVALID);
    MRL_ENSURE(e->details_count <= MRL_AUDIT_DETAILS_MAX, MRL_ERR_LIMIT);
    for (size_t i = 0; i < e->details_count; i++)
        MRL_ENSURE(is_name(e->details[i].name), MRL_ERR_INVALID);
    return MRL_OK;
}

static void put_members(struct object *o, const struct mrl_audit_event *e, uint64_t seq,
                        mrl_bytes node)
{
    put_string(o, "action", mrl_str(mrl_audit_action_name(e->action)), MRL_AUDIT_ID_MAX);
    put_actor(o, e);
    put_digest(o, "after", &e->after);
    put_digest(o, "before", &e->before);
    put_details(o, e);
    put_string(o, "node", node, MRL_AUDIT_NODE_MAX);
    put_string(o, "outcome", mrl_str(mrl_audit_outcome_name(e->outcome)), MRL_AUDIT_ID_MAX);
    put_string(o, "reason", e->reason, MRL_AUDIT_REASON_MAX);
    if (e->repeated > 0)
        put_number(o, "repeated", (int64_t)e->repeated);
    put_string(o, "request", e->request, MRL_AUDIT_ID_MAX);
    put_number(o, "seq", (int64_t)seq);
    put_committed(o, "source", MRL_LIT("source"), e->source, MRL_AUDIT_SOURCE_MAX);
    put_target(o, e);
    put_number(o, "time", e->time_ms != 0 ? e->time_ms : mrl_wall_ms());
    if (o->truncated)
        mrl_put_text(o->to, ",\"truncated\":true");
    put_number(o, "v", 2);
}

mrl_err mrl_audit_write_json(const struct mrl_audit_event *e, uint64_t seq, mrl_bytes node,
                             struct mrl_audit_private *private, struct mrl_buf *out)
{
    uint8_t *space = NULL;
    struct mrl_writer w;
    struct object o = {.to = &w, .private = private};
    mrl_bytes done;

    MRL_TRY(check(e));
    MRL_TRY(mrl_buf_reserve(out, MRL_AUDIT_ENTRY_MAX, &space));
    w = mrl_writer_on(space, MRL_AUDIT_ENTRY_MAX);
    private->used = private->openings.count = 0;
    mrl_put_u8(&w, '{');
    put_members(&o, e, seq, node);
    mrl_put_u8(&w, '}');
    MRL_TRY(o.failed);
    MRL_TRY(mrl_writer_end(&w, &done));
    mrl_buf_added(out, done.len);
    return MRL_OK;
}
