/* SPDX-License-Identifier: Apache-2.0 */
#include "access/reach.h"

#include "access/attributes.h"
#include "access/name.h"

static bool ends_in_hash(const struct mrl_filter *f)
{
    return f->levels[f->count - 1].kind == MRL_LEVEL_HASH;
}

/* "#" and "/#" need one level more than they show, for no topic is empty [MQTT-4.7.3-1]. */
static bool is_short(const struct mrl_filter *f)
{
    return ends_in_hash(f) &&
           (f->count == 1 || (f->count == 2 && f->levels[0].kind == MRL_LEVEL_LITERAL &&
                              f->levels[0].text.len == 0));
}

/* With the "+" that a short filter does not show; NULL behind the last level. */
static const struct mrl_level *level_at(const struct mrl_filter *f, size_t i)
{
    static const struct mrl_level plus = {MRL_LEVEL_PLUS, MRL_LIT_INIT("+")};

    if (is_short(f) && i + 1 >= f->count)
        return i + 1 == f->count ? &plus : (i == f->count ? &f->levels[i - 1] : NULL);
    return i < f->count ? &f->levels[i] : NULL;
}

static bool is_hash(const struct mrl_level *l)
{
    return l != NULL && l->kind == MRL_LEVEL_HASH;
}

static bool takes(const struct mrl_level *wide, const struct mrl_level *narrow)
{
    if (narrow == NULL || is_hash(narrow))
        return false;
    return wide->kind == MRL_LEVEL_PLUS ||
           (wide->kind == narrow->kind && mrl_bytes_eq(wide->text, narrow->text));
}

bool mrl_filter_covers(const struct mrl_filter *wide, const struct mrl_filter *narrow)
{
    for (size_t i = 0;; i++) {
        const struct mrl_level *want = level_at(wide, i), *have = level_at(narrow, i);

        if (is_hash(want))
            return true; /* 4.7.1.2: the parent level too */
        if (want == NULL)
            return have == NULL;
        if (!takes(want, have))
            return false;
    }
}

static bool may_stand_for(const struct mrl_level *variable, mrl_bytes text)
{
    return variable->kind == MRL_LEVEL_ATTRIBUTE ? mrl_attribute_value_valid(text)
                                                 : mrl_name_valid(text);
}

static bool meet(const struct mrl_level *a, const struct mrl_level *b)
{
    if (a->kind == MRL_LEVEL_PLUS || b->kind == MRL_LEVEL_PLUS)
        return true;
    if (mrl_level_is_variable(a) && mrl_level_is_variable(b))
        return true;
    if (mrl_level_is_variable(a))
        return may_stand_for(a, b->text);
    return mrl_level_is_variable(b) ? may_stand_for(b, a->text) : mrl_bytes_eq(a->text, b->text);
}

bool mrl_filters_overlap(const struct mrl_filter *a, const struct mrl_filter *b)
{
    for (size_t i = 0;; i++) {
        const struct mrl_level *left = level_at(a, i), *right = level_at(b, i);

        if (is_hash(left) || is_hash(right))
            return true;
        if (left == NULL || right == NULL)
            return left == right;
        if (!meet(left, right))
            return false;
    }
}
