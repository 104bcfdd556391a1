/* SPDX-License-Identifier: Apache-2.0 */
#include "access/level.h"

#include "access/attributes.h"

static const char attribute_begin[] = "${attr.";

const char *mrl_principal_kind_name(enum mrl_principal_kind k)
{
    static const char *const names[] = {
        [MRL_PRINCIPAL_DEVICE] = "device",
        [MRL_PRINCIPAL_APPLICATION] = "application",
        [MRL_PRINCIPAL_OPERATOR] = "operator",
        [MRL_PRINCIPAL_CLAIM] = "claim",
    };
    return (size_t)k < MRL_COUNT(names) && names[k] != NULL ? names[k] : "unknown";
}

static bool mentions_variable(mrl_bytes level)
{
    for (size_t at = mrl_bytes_find(level, '$', 0); at < level.len;
         at = mrl_bytes_find(level, '$', at + 1))
        if (mrl_bytes_starts(mrl_bytes_sub(level, at, level.len), MRL_LIT("${")))
            return true;
    return false;
}

static bool read_attribute(mrl_bytes text, struct mrl_level *out)
{
    const size_t begin = sizeof(attribute_begin) - 1;
    mrl_bytes name;

    if (!mrl_bytes_starts(text, mrl_str(attribute_begin)) || !mrl_bytes_ends(text, MRL_LIT("}")))
        return false;
    name = mrl_bytes_sub(text, begin, text.len - begin - 1);
    *out = (struct mrl_level){MRL_LEVEL_ATTRIBUTE, name};
    return mrl_attribute_name_valid(name);
}

bool mrl_level_read(mrl_bytes text, struct mrl_level *out)
{
    static const struct {
        const char *text;
        enum mrl_level_kind kind;
    } words[] = {
        {"+", MRL_LEVEL_PLUS},
        {"#", MRL_LEVEL_HASH},
        {"${id}", MRL_LEVEL_ID},
        {"${group}", MRL_LEVEL_GROUP},
    };

    *out = (struct mrl_level){MRL_LEVEL_LITERAL, text};
    for (size_t i = 0; i < MRL_COUNT(words); i++)
        if (mrl_bytes_eq(text, mrl_str(words[i].text)))
            out->kind = words[i].kind;
    if (out->kind != MRL_LEVEL_LITERAL || !mentions_variable(text))
        return true;
    return read_attribute(text, out);
}

mrl_bytes mrl_level_value(const struct mrl_level *l, const struct mrl_subject *who)
{
    if (l->kind == MRL_LEVEL_ID)
        return who->id;
    if (l->kind == MRL_LEVEL_GROUP)
        return who->group;
    if (l->kind == MRL_LEVEL_ATTRIBUTE)
        return mrl_attributes_get(who->attributes, l->text);
    return MRL_BYTES_NONE;
}
