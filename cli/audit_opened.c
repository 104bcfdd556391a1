/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_opened.h"

#include "base/hex.h"
#include "cli/print.h"
#include "crypto/hash.h"

enum { SALT_MAX = 64 };

static mrl_err commitment(mrl_bytes salt_hex, const char *name, mrl_bytes value,
                          struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) whole = {0};
    uint8_t digest[MRL_SHA256_SIZE];
    char hex[2 * MRL_SHA256_SIZE + 1];
    uint8_t salt[SALT_MAX];
    size_t len = salt_hex.len / 2;

    MRL_ENSURE(salt_hex.len % 2 == 0 && len <= sizeof(salt), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_unhex(salt_hex, salt, len));
    MRL_TRY(mrl_buf_append(&whole, mrl_bytes_of(salt, len)));
    MRL_TRY(mrl_buf_append(&whole, mrl_str(name)));
    MRL_TRY(mrl_buf_append(&whole, mrl_bytes_of("", 1)));
    MRL_TRY(mrl_buf_append(&whole, value));
    MRL_TRY(mrl_sha256(mrl_buf_bytes(&whole), digest));
    mrl_hex(mrl_bytes_of(digest, sizeof(digest)), hex);
    return mrl_buf_printf(out, "sha256:%s", hex);
}

static mrl_err check_one(const json_t *entry, const char *name, const json_t *opening,
                         struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) computed = {0};
    mrl_bytes salt, value;

    if (mrl_json_get_str(opening, "salt", &salt, NULL) != MRL_OK ||
        mrl_json_get_str(opening, "value", &value, NULL) != MRL_OK ||
        commitment(salt, name, value, &computed) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "what opens %.64s cannot be read", name);
    if (!mrl_bytes_eq(mrl_buf_bytes(&computed), mrl_cli_text_of(entry, name)))
        return mrl_fail(why, MRL_ERR_CORRUPT, "the value of %.64s is not the one committed to",
                        name);
    return MRL_OK;
}

mrl_err mrl_audit_opened_check(const json_t *entry, const json_t *opened, struct mrl_why *why)
{
    const char *name;
    json_t *opening;

    json_object_foreach((json_t *)opened, name, opening)
        MRL_TRY(check_one(entry, name, opening, why));
    return MRL_OK;
}

static mrl_err put(json_t *entry, const char *dotted, mrl_bytes value)
{
    mrl_bytes head, tail;
    char name[64];

    if (!mrl_bytes_split(mrl_str(dotted), '.', &head, &tail))
        return mrl_json_set_str(entry, dotted, value);
    MRL_ENSURE(mrl_bytes_to_cstr(head, name, sizeof(name)), MRL_ERR_INVALID);
    return mrl_json_set_str(json_object_get(entry, name), &dotted[head.len + 1], value);
}

mrl_err mrl_audit_opened_merge(json_t *entry, const json_t *opened)
{
    const char *name;
    json_t *opening;
    mrl_bytes value;

    json_object_foreach((json_t *)opened, name, opening)
    {
        if (json_is_string(opening))
            value = mrl_bytes_of(json_string_value(opening), json_string_length(opening));
        else
            MRL_TRY(mrl_json_get_str(opening, "value", &value, NULL));
        MRL_TRY(put(entry, name, value));
    }
    return MRL_OK;
}
