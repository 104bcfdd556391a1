/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_id_char(uint8_t c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == ':' || c == '-';
}

static bool is_label_char(uint8_t c)
{
    return is_lower(c) || is_digit(c) || c == '-';
}

static bool all_of(mrl_bytes text, bool (*allowed)(uint8_t c))
{
    for (size_t i = 0; i < text.len; i++)
        if (!allowed(text.data[i]))
            return false;
    return true;
}

bool mrl_keys_id_valid(mrl_bytes id)
{
    return id.len >= 1 && id.len <= MRL_KEYS_ID_MAX && all_of(id, is_id_char) &&
           id.data[0] != '.' && id.data[0] != '-';
}

bool mrl_keys_tenant_valid(mrl_bytes tenant)
{
    return tenant.len >= 1 && tenant.len <= MRL_KEYS_TENANT_MAX && all_of(tenant, is_label_char) &&
           tenant.data[0] != '-';
}

static bool is_label(mrl_bytes label)
{
    return label.len >= 1 && label.len <= 63 && all_of(label, is_label_char) &&
           label.data[0] != '-' && label.data[label.len - 1] != '-';
}

bool mrl_keys_dns_valid(mrl_bytes name)
{
    mrl_bytes label;
    mrl_bytes rest = name;
    bool more = true;

    if (name.len == 0 || name.len > MRL_KEYS_DNS_MAX)
        return false;
    if (mrl_bytes_starts(name, MRL_LIT("*.")))
        rest = mrl_bytes_sub(name, 2, SIZE_MAX);
    while (more) {
        more = mrl_bytes_split(rest, '.', &label, &rest);
        if (!is_label(label))
            return false;
    }
    return true;
}

const char *mrl_keys_kind_name(enum mrl_keys_kind kind)
{
    static const char *const names[MRL_KEYS_KIND_END_] = {
        [MRL_KEYS_DEVICE] = "device",     [MRL_KEYS_APPLICATION] = "app",
        [MRL_KEYS_OPERATOR] = "operator", [MRL_KEYS_SERVER] = "server",
        [MRL_KEYS_CLAIM] = "claim",       [MRL_KEYS_OCSP] = "ocsp",
    };

    return (unsigned)kind < MRL_KEYS_KIND_END_ ? names[kind] : NULL;
}

void mrl_keys_audit_origin(mrl_bytes tenant, char to[static MRL_KEYS_ORIGIN_MAX])
{
    (void)snprintf(to, MRL_KEYS_ORIGIN_MAX, "%.*s/merlon-audit", MRL_FMT(tenant));
}

mrl_err mrl_keys_uri(enum mrl_keys_kind kind, mrl_bytes tenant, mrl_bytes id,
                     char to[static MRL_KEYS_URI_MAX])
{
    const char *name = mrl_keys_kind_name(kind);

    MRL_ENSURE(name != NULL && kind < MRL_KEYS_SERVER, MRL_ERR_INVALID);
    MRL_ENSURE(mrl_keys_tenant_valid(tenant) && mrl_keys_id_valid(id), MRL_ERR_INVALID);
    (void)snprintf(to, MRL_KEYS_URI_MAX, "urn:merlon:%.*s:%s:%.*s", MRL_FMT(tenant), name,
                   MRL_FMT(id)); /* at most 11 + 64 + 10 + 64: fits always */
    return MRL_OK;
}

void mrl_keys_crl_name(mrl_bytes ca, enum mrl_keys_crl_kind kind, uint8_t shard,
                       char to[static MRL_KEYS_CRL_NAME_MAX])
{
    enum { NAMED = 8 };
    char hex[2 * NAMED + 1];

    mrl_hex(mrl_bytes_sub(ca, 0, NAMED), hex);
    if (kind == MRL_KEYS_CRL_SHARD)
        (void)snprintf(to, MRL_KEYS_CRL_NAME_MAX, "%s-%02x.crl", hex, shard); /* all fit */
    else
        (void)snprintf(to, MRL_KEYS_CRL_NAME_MAX, "%s%s.crl", hex,
                       kind == MRL_KEYS_CRL_DELTA ? "-delta" : "");
}

static bool is_url_char(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '?' &&
           c != '#';
}

bool mrl_keys_url_valid(mrl_bytes url)
{
    mrl_bytes rest = mrl_bytes_sub(url, 7, SIZE_MAX);

    return mrl_bytes_starts(url, MRL_LIT("http://")) && url.len <= MRL_KEYS_URL_MAX &&
           rest.len > 0 && all_of(rest, is_url_char) && rest.data[rest.len - 1] != '/';
}

void mrl_keys_crl_url(mrl_bytes url, mrl_bytes ca, enum mrl_keys_crl_kind kind, uint8_t shard,
                      char to[static MRL_KEYS_CRL_URL_MAX])
{
    char name[MRL_KEYS_CRL_NAME_MAX];

    mrl_keys_crl_name(ca, kind, shard, name);
    (void)snprintf(to, MRL_KEYS_CRL_URL_MAX, "%.*s/crl/%s", MRL_FMT(url), name); /* all fit */
}

mrl_err mrl_keys_wrapped_by(mrl_bytes wrapped, uint32_t *number)
{
    struct mrl_reader r = {wrapped, 0};

    return mrl_read_u32(&r, number);
}
