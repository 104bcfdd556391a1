/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/name.h"

#include "base/utf8.h"
#include "crypto/oid.h"

enum { URI_MAX = 512, DNS_MAX = 253, DNS_LABEL_MAX = 63 };

static size_t characters(mrl_bytes utf8)
{
    size_t n = 0;

    for (size_t i = 0; i < utf8.len; i++)
        n += (utf8.data[i] & 0xc0) != 0x80;
    return n;
}

static bool is_clean(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    }
    return mrl_utf8_valid(text);
}

static bool is_visible(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    return text.len > 0;
}

static bool is_text_tag(uint8_t tag)
{
    return tag == MRL_DER_UTF8 || tag == MRL_DER_PRINTABLE || tag == MRL_DER_IA5;
}

static mrl_err read_attribute(struct mrl_reader *set, struct mrl_name *name)
{
    struct mrl_reader r;
    mrl_bytes oid, value;
    uint8_t tag;

    MRL_TRY(mrl_der_enter(set, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_der_read(&r, MRL_DER_OID, &oid));
    MRL_TRY(mrl_der_read_any(&r, &tag, &value, NULL));
    MRL_TRY(mrl_reader_end(&r));
    if (!mrl_bytes_eq(oid, MRL_LIT(MRL_OID_COMMON_NAME))) {
        name->others++;
        return MRL_OK;
    }
    MRL_ENSURE(is_text_tag(tag) && value.len > 0 && is_clean(value), MRL_ERR_MALFORMED);
    name->cn = value;
    name->cn_count++;
    return MRL_OK;
}

mrl_err mrl_name_read(mrl_bytes der, struct mrl_name *out)
{
    struct mrl_reader r = {der, 0}, rdns, set;
    struct mrl_name name = {0};

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &rdns));
    MRL_TRY(mrl_reader_end(&r));
    while (mrl_reader_left(&rdns) > 0) {
        MRL_TRY(mrl_der_enter(&rdns, MRL_DER_SET, &set));
        do {
            MRL_ENSURE(name.cn_count + name.others < MRL_NAME_RDNS_MAX, MRL_ERR_LIMIT);
            MRL_TRY(read_attribute(&set, &name));
        } while (mrl_reader_left(&set) > 0);
    }
    *out = name;
    return MRL_OK;
}

void mrl_name_write(struct mrl_der *d, mrl_bytes cn)
{
    if (d->err == MRL_OK && (cn.len == 0 || !is_clean(cn) || characters(cn) > MRL_CN_MAX))
        d->err = MRL_ERR_INVALID;
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_SET);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_COMMON_NAME));
    mrl_der_put(d, MRL_DER_UTF8, cn);
    mrl_der_end(d);
    mrl_der_end(d);
    mrl_der_end(d);
}

/* RFC 5280 4.2.1.6 GeneralName: what is text, and what is something else by its tag. */
static mrl_err read_entry(struct mrl_reader *r, enum mrl_san_kind *kind, mrl_bytes *value)
{
    mrl_bytes whole;
    uint8_t tag;

    MRL_TRY(mrl_der_read_any(r, &tag, value, &whole));
    switch (tag) {
    case MRL_DER_CONTEXT(1):
        *kind = MRL_SAN_EMAIL;
        break;
    case MRL_DER_CONTEXT(2):
        *kind = MRL_SAN_DNS;
        break;
    case MRL_DER_CONTEXT(6):
        *kind = MRL_SAN_URI;
        break;
    case MRL_DER_CONTEXT(7):
        *kind = MRL_SAN_IP;
        return value->len == 4 || value->len == 16 ? MRL_OK : MRL_ERR_MALFORMED;
    default:
        *kind = MRL_SAN_OTHER;
        *value = whole;
        return (tag & 0xc0) == 0x80 && (tag & 0x1f) <= 8 ? MRL_OK : MRL_ERR_MALFORMED;
    }
    return is_visible(*value) ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_san_start(mrl_bytes der, struct mrl_san *out)
{
    struct mrl_reader r = {der, 0}, entries = {0}, at;
    enum mrl_san_kind kind;
    mrl_bytes value;
    size_t count = 0;

    if (der.len > 0) {
        MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &entries));
        MRL_TRY(mrl_reader_end(&r));
        MRL_ENSURE(entries.in.len > 0, MRL_ERR_MALFORMED); /* RFC 5280 4.2.1.6: at least one */
    }
    for (at = entries; mrl_reader_left(&at) > 0;) {
        MRL_ENSURE(++count <= MRL_SAN_ENTRIES_MAX, MRL_ERR_LIMIT);
        MRL_TRY(read_entry(&at, &kind, &value));
    }
    out->rest = entries;
    return MRL_OK;
}

bool mrl_san_next(struct mrl_san *s, enum mrl_san_kind *kind, mrl_bytes *value)
{
    return mrl_reader_left(&s->rest) > 0 && read_entry(&s->rest, kind, value) == MRL_OK;
}

static bool is_alpha_num(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 1123 2.1 */
static bool is_label(mrl_bytes label)
{
    if (label.len == 0 || label.len > DNS_LABEL_MAX || !is_alpha_num(label.data[0]) ||
        !is_alpha_num(label.data[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alpha_num(label.data[i]) && label.data[i] != '-')
            return false;
    }
    return true;
}

static bool is_dns(mrl_bytes name)
{
    mrl_bytes label,
        rest = mrl_bytes_starts(name, MRL_LIT("*.")) ? mrl_bytes_sub(name, 2, name.len) : name;
    bool more;

    if (name.len > DNS_MAX)
        return false;
    do {
        more = mrl_bytes_split(rest, '.', &label, &rest);
        if (!is_label(label))
            return false;
    } while (more);
    return true;
}

static bool is_uri(mrl_bytes uri)
{
    size_t colon = mrl_bytes_find(uri, ':', 0);

    return uri.len <= URI_MAX && is_visible(uri) && colon > 0 && colon + 1 < uri.len;
}

static bool is_ip(mrl_bytes ip)
{
    return ip.len == 4 || ip.len == 16;
}

static void write_entries(struct mrl_der *d, uint8_t tag, struct mrl_names names,
                          bool (*acceptable)(mrl_bytes))
{
    for (size_t i = 0; i < names.count; i++) {
        if (d->err == MRL_OK && !acceptable(names.items[i]))
            d->err = MRL_ERR_INVALID;
        mrl_der_put(d, tag, names.items[i]);
    }
}

void mrl_san_write(struct mrl_der *d, struct mrl_names uris, struct mrl_names dns,
                   struct mrl_names ips)
{
    if (d->err == MRL_OK && (uris.count > MRL_SAN_ENTRIES_MAX || dns.count > MRL_SAN_ENTRIES_MAX ||
                             ips.count > MRL_SAN_ENTRIES_MAX ||
                             uris.count + dns.count + ips.count > MRL_SAN_ENTRIES_MAX))
        d->err = MRL_ERR_LIMIT;
    if (d->err != MRL_OK)
        return;
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    write_entries(d, MRL_DER_CONTEXT(6), uris, is_uri);
    write_entries(d, MRL_DER_CONTEXT(2), dns, is_dns);
    write_entries(d, MRL_DER_CONTEXT(7), ips, is_ip);
    mrl_der_end(d);
}
