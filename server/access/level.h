/* SPDX-License-Identifier: Apache-2.0 */
/* One level of a rule's filter: a text, a wildcard, or a variable that stands for the whole level.
 * Layer: access. Thread: any. */
#ifndef MRL_ACCESS_LEVEL_H
#define MRL_ACCESS_LEVEL_H

#include "access/subject.h"

enum mrl_level_kind {
    MRL_LEVEL_LITERAL,
    MRL_LEVEL_ID,        /* ${id} */
    MRL_LEVEL_GROUP,     /* ${group} */
    MRL_LEVEL_ATTRIBUTE, /* ${attr.NAME} */
    MRL_LEVEL_PLUS,
    MRL_LEVEL_HASH,
};

struct mrl_level {
    enum mrl_level_kind kind;
    mrl_bytes text; /* as written; of an attribute its name */
};
/* false: it has "${" in it and is no variable as a whole. Views into text. */
bool mrl_level_read(mrl_bytes text, struct mrl_level *out);
static inline bool mrl_level_is_variable(const struct mrl_level *l)
{
    return l->kind == MRL_LEVEL_ID || l->kind == MRL_LEVEL_GROUP || l->kind == MRL_LEVEL_ATTRIBUTE;
}
static inline bool mrl_level_is_wildcard(const struct mrl_level *l)
{
    return l->kind == MRL_LEVEL_PLUS || l->kind == MRL_LEVEL_HASH;
}
/* What a variable stands for with this subject; empty: nothing, and the rule gives nothing. */
mrl_bytes mrl_level_value(const struct mrl_level *l, const struct mrl_subject *who);

#endif
