/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/chain.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"

mrl_err mrl_audit_chain_next(const uint8_t before[static MRL_AUDIT_HASH_SIZE], mrl_bytes json,
                             uint8_t out[static MRL_AUDIT_HASH_SIZE])
{
    static const uint8_t leaf = 0x00;
    MRL_AUTO(mrl_sha256) h = NULL;

    MRL_TRY(mrl_sha256_new(&h));
    MRL_TRY(mrl_sha256_add(h, mrl_bytes_of(&leaf, 1)));
    MRL_TRY(mrl_sha256_add(h, mrl_bytes_of(before, MRL_AUDIT_HASH_SIZE)));
    MRL_TRY(mrl_sha256_add(h, json));
    return mrl_sha256_end(h, out);
}

void mrl_audit_head_text(const struct mrl_audit_head *h, char to[static MRL_AUDIT_HEAD_TEXT_MAX])
{
    char hex[2 * MRL_AUDIT_HASH_SIZE + 1];

    mrl_hex(mrl_bytes_of(h->hash, sizeof(h->hash)), hex);
    (void)snprintf(to, MRL_AUDIT_HEAD_TEXT_MAX, "merlon audit head v1\n%llu\n%s\n",
                   (unsigned long long)h->size, hex);
}

static mrl_err bad(struct mrl_audit_chain *c, uint64_t entry, struct mrl_why *why, const char *what)
{
    c->bad = entry;
    return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu %s", (unsigned long long)entry, what);
}

static bool is_hash(mrl_bytes given, const uint8_t *hash)
{
    return mrl_bytes_eq(given, mrl_bytes_of(hash, MRL_AUDIT_HASH_SIZE));
}

/* The number is also inside the text, so that a row cannot be given another one. Only the entry's
 * own member matches: no detail is called seq, and a quote inside a string is escaped. */
static bool has_number(mrl_bytes json, uint64_t seq)
{
    char text[40];
    int len = snprintf(text, sizeof(text), ",\"seq\":%llu,", (unsigned long long)seq);
    mrl_bytes pattern = mrl_bytes_of(text, (size_t)len);

    for (size_t at = mrl_bytes_find(json, ',', 0); at < json.len;
         at = mrl_bytes_find(json, ',', at + 1)) {
        if (mrl_bytes_starts(mrl_bytes_sub(json, at, pattern.len), pattern))
            return true;
    }
    return false;
}

mrl_err mrl_audit_chain_row(struct mrl_audit_chain *c, const struct mrl_audit_row *row,
                            struct mrl_why *why)
{
    uint8_t hash[MRL_AUDIT_HASH_SIZE];
    uint64_t expected = c->at.size + 1;

    if (c->bad != 0)
        return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu is wrong", (unsigned long long)c->bad);
    if (row->seq > expected)
        return bad(c, expected, why, "is missing");
    if (row->seq < expected)
        return bad(c, row->seq == 0 ? 1 : row->seq, why, "is out of order");
    MRL_TRY(mrl_audit_chain_next(c->at.hash, row->json, hash));
    if (!is_hash(row->hash, hash))
        return bad(c, row->seq, why, "does not fit its hash and the entry before");
    if (!has_number(row->json, row->seq))
        return bad(c, row->seq, why, "has another number in its text");
    c->at.size = row->seq;
    memcpy(c->at.hash, hash, sizeof(hash));
    return MRL_OK;
}

mrl_err mrl_audit_chain_head(struct mrl_audit_chain *c, const struct mrl_audit_signed_head *h,
                             const struct mrl_key *key, struct mrl_why *why)
{
    char text[MRL_AUDIT_HEAD_TEXT_MAX];
    struct mrl_audit_head head = {.size = h->size};
    uint64_t entry = h->size == 0 ? 1 : h->size;

    if (c->bad != 0)
        return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu is wrong", (unsigned long long)c->bad);
    if (h->hash.len != sizeof(head.hash))
        return bad(c, entry, why, "has a signed head that is none");
    memcpy(head.hash, h->hash.data, sizeof(head.hash));
    mrl_audit_head_text(&head, text);
    if (mrl_key_verify(key, MRL_SIGN_ED25519, mrl_str(text), h->signature) != MRL_OK)
        return bad(c, entry, why, "has a head whose signature is not by the audit key");
    if (h->size > c->at.size)
        return bad(c, c->at.size + 1, why, "is missing: a signed head is beyond the end");
    if (h->size < c->at.size)
        return bad(c, entry, why, "has a head that came late");
    if (!is_hash(h->hash, c->at.hash))
        return bad(c, entry, why, "is another than the one whose head was signed");
    c->signed_size = h->size;
    return MRL_OK;
}
