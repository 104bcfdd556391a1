/* SPDX-License-Identifier: Apache-2.0 */
#include "access/attributes.h"

#include "base/utf8.h"

static bool name_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool mrl_attribute_name_valid(mrl_bytes name)
{
    if (name.len == 0 || name.len > MRL_ATTRIBUTE_NAME_MAX || name.data[0] == '.' ||
        name.data[0] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!name_letter(name.data[i]))
            return false;
    return true;
}

bool mrl_attribute_value_valid(mrl_bytes value)
{
    if (value.len == 0 || value.len > MRL_ATTRIBUTE_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];

        if (c < 0x20 || c == 0x7f || c == '/' || c == '+' || c == '#')
            return false;
    }
    return mrl_utf8_valid(value);
}

bool mrl_attributes_next(mrl_bytes *rest, mrl_bytes *name, mrl_bytes *value)
{
    mrl_bytes line;

    if (rest->len == 0)
        return false;
    (void)mrl_bytes_split(*rest, '\n', &line, rest); /* the last one has no line break */
    (void)mrl_bytes_split(line, '=', name, value);   /* a valid line has the sign */
    return true;
}

mrl_bytes mrl_attributes_get(mrl_bytes set, mrl_bytes name)
{
    mrl_bytes each, value;

    while (mrl_attributes_next(&set, &each, &value))
        if (mrl_bytes_eq(each, name))
            return value;
    return MRL_BYTES_NONE;
}

bool mrl_attributes_valid(mrl_bytes set)
{
    mrl_bytes before = MRL_BYTES_NONE, name, value;
    size_t count = 0;

    if (mrl_bytes_ends(set, MRL_LIT("\n")))
        return false;
    for (; mrl_attributes_next(&set, &name, &value); before = name, count++)
        if (!mrl_attribute_name_valid(name) || !mrl_attribute_value_valid(value) ||
            mrl_bytes_cmp(before, name) >= 0)
            return false;
    return count <= MRL_ATTRIBUTES_MAX;
}

static mrl_err check(mrl_bytes name, mrl_bytes value, struct mrl_why *why)
{
    if (!mrl_attribute_name_valid(name))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "attribute name: 1 to %d letters, digits and . _ -, and neither . nor - "
                        "first",
                        MRL_ATTRIBUTE_NAME_MAX);
    if (value.len > 0 && !mrl_attribute_value_valid(value))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "attribute %.*s: 1 to %d bytes of UTF-8 without / + # and control "
                        "characters",
                        MRL_FMT(name), MRL_ATTRIBUTE_VALUE_MAX);
    return MRL_OK;
}

static mrl_err put(struct mrl_buf *out, mrl_bytes name, mrl_bytes value)
{
    if (value.len == 0)
        return MRL_OK;
    return mrl_buf_printf(out, "%s%.*s=%.*s", mrl_buf_bytes(out).len > 0 ? "\n" : "", MRL_FMT(name),
                          MRL_FMT(value));
}

mrl_err mrl_attributes_with(mrl_bytes set, mrl_bytes name, mrl_bytes value, struct mrl_buf *out,
                            struct mrl_why *why)
{
    bool placed = false;
    mrl_bytes each, its;
    size_t count = value.len > 0;

    MRL_TRY(check(name, value, why));
    while (mrl_attributes_next(&set, &each, &its)) {
        int order = mrl_bytes_cmp(each, name);

        if (order >= 0 && !placed) {
            MRL_TRY(put(out, name, value));
            placed = true;
        }
        if (order == 0)
            continue;
        MRL_TRY(put(out, each, its));
        count++;
    }
    if (!placed)
        MRL_TRY(put(out, name, value));
    if (count > MRL_ATTRIBUTES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "a device has at most %d attributes",
                        MRL_ATTRIBUTES_MAX);
    return MRL_OK;
}
