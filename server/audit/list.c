/* SPDX-License-Identifier: Apache-2.0 */
/* Searching: epoch by epoch. One that is in the index gives the few entries to look at; others are
 * read whole. What the index says is only a hint: each entry is compared itself. */
#include <string.h>

#include "audit/facts.h"
#include "audit/index.h"
#include "audit/read.h"

enum { PREFIX_MAX = 64, ACTOR_TEXT_MAX = 1024 };

struct search {
    struct mrl_tx *tx;
    const struct mrl_audit_filter *filter;
    mrl_err (*each)(void *context, const struct mrl_audit_row *row);
    void *context;
    bool looks_inside;    /* some condition is about the text */
    uint64_t first, last; /* numbers that can match */
    unsigned left;        /* entries still to be given */
};

static bool is_action(mrl_bytes prefix)
{
    for (size_t i = 0; i < prefix.len; i++) {
        uint8_t c = prefix.data[i];

        if (c != '.' && c != '_' && (c < 'a' || c > 'z'))
            return false;
    }
    return prefix.len <= PREFIX_MAX;
}

/* --- one entry --- */

static bool is_actor(const struct mrl_audit_facts *f, mrl_bytes wanted)
{
    mrl_bytes kind, id;

    return mrl_bytes_split(wanted, ':', &kind, &id) && mrl_bytes_eq(kind, f->kind) &&
           mrl_bytes_eq(id, f->actor);
}

static bool matches(const struct mrl_audit_filter *f, const struct mrl_audit_facts *facts)
{
    if (!mrl_bytes_starts(facts->action, f->action_prefix))
        return false;
    if (f->actor.len > 0 && !is_actor(facts, f->actor))
        return false;
    if (f->target.len > 0 && !mrl_bytes_eq(f->target, facts->target))
        return false;
    if (f->outcome != NULL &&
        !mrl_bytes_eq(facts->outcome, mrl_str(mrl_audit_outcome_name(*f->outcome))))
        return false;
    return f->since_ms == 0 || facts->time_ms >= f->since_ms;
}

/* MRL_ERR_NO_SPACE: the list is full now. */
static mrl_err give(struct search *s, const struct mrl_audit_row *row)
{
    MRL_TRY(s->each(s->context, row));
    return --s->left == 0 ? MRL_ERR_NO_SPACE : MRL_OK;
}

static mrl_err look_at(void *context, const struct mrl_audit_row *row)
{
    struct search *s = context;
    struct mrl_audit_facts facts;
    bool wanted;

    if (!s->looks_inside || mrl_audit_facts_read(row, &facts) != MRL_OK)
        return give(s, row); /* what cannot be read is not hidden either */
    wanted = matches(s->filter, &facts);
    mrl_audit_facts_done(&facts);
    return wanted ? give(s, row) : MRL_OK;
}

static mrl_err look_at_range(struct search *s, uint64_t from, uint64_t to)
{
    const struct mrl_audit_range range = {.from = from < s->first ? s->first : from,
                                          .to = to > s->last ? s->last : to,
                                          .newest_first = s->filter->newest_first,
                                          .open = MRL_AUDIT_OPENED};

    if (range.from > range.to)
        return MRL_OK;
    return mrl_audit_walk_entries(s->tx, &range, look_at, s, s->filter->why);
}

/* --- an epoch that is in the index --- */

static void narrow(struct mrl_audit_places *places, const struct mrl_audit_places *found)
{
    for (size_t i = 0; i < MRL_COUNT(places->bits); i++)
        places->bits[i] &= found->bits[i];
}

static mrl_err narrow_by(struct search *s, uint64_t epoch, enum mrl_audit_index_kind kind,
                         mrl_bytes value, struct mrl_audit_places *places)
{
    struct mrl_audit_places found = {0};
    uint64_t key;

    MRL_TRY(mrl_audit_index_key(kind, value, &key));
    MRL_TRY(mrl_audit_index_find(s->tx, epoch, key, &found));
    narrow(places, &found);
    return MRL_OK;
}

/* Every action that begins so. */
static mrl_err narrow_by_action(struct search *s, uint64_t epoch, struct mrl_audit_places *places)
{
    struct mrl_audit_places found = {0};
    uint64_t key;

    for (int i = 0; i < MRL_AUDIT_ACTION_COUNT_; i++) {
        mrl_bytes name = mrl_str(mrl_audit_action_name((enum mrl_audit_action)i));

        if (!mrl_bytes_starts(name, s->filter->action_prefix))
            continue;
        MRL_TRY(mrl_audit_index_key(MRL_AUDIT_BY_ACTION, name, &key));
        MRL_TRY(mrl_audit_index_find(s->tx, epoch, key, &found));
    }
    narrow(places, &found);
    return MRL_OK;
}

static bool is_indexed(const struct mrl_audit_filter *f)
{
    return f->action_prefix.len > 0 || f->actor.len > 0 || f->target.len > 0 ||
           (f->outcome != NULL && *f->outcome != MRL_AUDIT_OK);
}

static mrl_err ask_index(struct search *s, uint64_t epoch, struct mrl_audit_places *places)
{
    const struct mrl_audit_filter *f = s->filter;

    memset(places->bits, 0xff, sizeof(places->bits));
    if (f->action_prefix.len > 0)
        MRL_TRY(narrow_by_action(s, epoch, places));
    if (f->actor.len > 0)
        MRL_TRY(narrow_by(s, epoch, MRL_AUDIT_BY_ACTOR, f->actor, places));
    if (f->target.len > 0)
        MRL_TRY(narrow_by(s, epoch, MRL_AUDIT_BY_TARGET, f->target, places));
    if (f->outcome != NULL && *f->outcome != MRL_AUDIT_OK)
        MRL_TRY(narrow_by(s, epoch, MRL_AUDIT_BY_OUTCOME,
                          mrl_str(mrl_audit_outcome_name(*f->outcome)), places));
    return MRL_OK;
}

static bool has_place(const struct mrl_audit_places *p, unsigned place)
{
    return (p->bits[place / 64] >> place % 64 & 1) != 0;
}

static mrl_err look_at_places(struct search *s, uint64_t epoch,
                              const struct mrl_audit_places *places)
{
    for (unsigned i = 0; i < MRL_AUDIT_EPOCH; i++) {
        unsigned place = s->filter->newest_first ? MRL_AUDIT_EPOCH - 1 - i : i;
        uint64_t seq = epoch * MRL_AUDIT_EPOCH + 1 + place;

        if (has_place(places, place))
            MRL_TRY(look_at_range(s, seq, seq));
    }
    return MRL_OK;
}

static mrl_err look_at_epoch(struct search *s, uint64_t epoch)
{
    uint64_t from = epoch * MRL_AUDIT_EPOCH + 1, to = (epoch + 1) * MRL_AUDIT_EPOCH;
    struct mrl_audit_places places;
    int64_t oldest, newest;
    mrl_err err;

    if (to < s->first || from > s->last)
        return MRL_OK;
    err = mrl_audit_epoch_times(s->tx, epoch, &oldest, &newest);
    if (err == MRL_ERR_NOT_FOUND)
        return look_at_range(s, from, to);
    MRL_TRY(err);
    if (s->filter->since_ms != 0 && newest < s->filter->since_ms)
        return MRL_OK;
    if (!is_indexed(s->filter))
        return look_at_range(s, from, to);
    MRL_TRY(ask_index(s, epoch, &places));
    return look_at_places(s, epoch, &places);
}

/* --- the whole log --- */

static mrl_err look_at_all(struct search *s)
{
    uint64_t from = (s->first - 1) / MRL_AUDIT_EPOCH, to = (s->last - 1) / MRL_AUDIT_EPOCH;

    for (uint64_t i = 0; i <= to - from; i++)
        MRL_TRY(look_at_epoch(s, s->filter->newest_first ? to - i : from + i));
    return MRL_OK;
}

static mrl_err find_bounds(struct search *s)
{
    const struct mrl_audit_filter *f = s->filter;

    MRL_ENSURE(f->after_seq <= INT64_MAX && f->before_seq <= INT64_MAX, MRL_ERR_INVALID);
    MRL_TRY(mrl_audit_bounds(s->tx, &s->first, &s->last));
    if (f->after_seq >= s->first)
        s->first = f->after_seq + 1;
    if (f->before_seq != 0 && f->before_seq <= s->last)
        s->last = f->before_seq - 1;
    return MRL_OK;
}

mrl_err mrl_audit_list(struct mrl_tx *tx, const struct mrl_audit_filter *f,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context)
{
    struct search s = {.tx = tx,
                       .filter = f,
                       .each = each,
                       .context = context,
                       .looks_inside = is_indexed(f) || f->outcome != NULL || f->since_ms != 0,
                       .left = f->limit};
    mrl_err err;

    MRL_ENSURE(f->limit >= 1 && f->limit <= MRL_AUDIT_LIST_MAX, MRL_ERR_LIMIT);
    MRL_ENSURE(is_action(f->action_prefix), MRL_ERR_INVALID);
    if (f->actor.len > ACTOR_TEXT_MAX || f->target.len > 3 * MRL_AUDIT_TARGET_MAX)
        return MRL_OK; /* longer than any */
    MRL_TRY(find_bounds(&s));
    if (s.last == 0 || s.first > s.last)
        return MRL_OK;
    err = look_at_all(&s);
    return err == MRL_ERR_NO_SPACE && s.left == 0 ? MRL_OK : err;
}

struct one {
    mrl_err (*each)(void *context, const struct mrl_audit_row *row);
    void *context;
    bool found;
};

static mrl_err show_one(void *context, const struct mrl_audit_row *row)
{
    struct one *o = context;

    o->found = true;
    return o->each(o->context, row);
}

mrl_err mrl_audit_show(struct mrl_tx *tx, uint64_t seq,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context, struct mrl_why *why)
{
    const struct mrl_audit_range range = {.from = seq, .to = seq, .open = MRL_AUDIT_OPENED};
    struct one one = {.each = each, .context = context};
    uint64_t first, last;

    MRL_TRY(mrl_audit_walk_entries(tx, &range, show_one, &one, why));
    if (one.found)
        return MRL_OK;
    MRL_TRY(mrl_audit_bounds(tx, &first, &last));
    return mrl_fail(why, MRL_ERR_NOT_FOUND,
                    seq < first ? "entry %llu was pruned" : "there is no entry %llu",
                    (unsigned long long)seq);
}
