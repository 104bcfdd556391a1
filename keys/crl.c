/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/crl.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "keys/policy.h"

/* Of a root the daemon asks for none: what it signs is CAs, and the operator alone ends those. */
static mrl_err find_ca(const struct mrl_keystore *k, mrl_bytes ski,
                       const struct mrl_generation **out, struct mrl_why *why)
{
    for (size_t i = 0; i < k->cas.count; i++) {
        const struct mrl_generation *ca = &k->cas.at[i];

        if (ca->kind != MRL_CA_ISSUING || ca->key == NULL ||
            !mrl_bytes_eq(mrl_cert_facts(ca->cert)->ski, ski))
            continue;
        *out = ca;
        return MRL_OK;
    }
    return mrl_fail(why, MRL_ERR_INVALID, "no issuing CA here has this key identifier");
}

static mrl_err numbers_of(struct mrl_keys_crls *c, mrl_bytes ca, struct mrl_keys_crl_numbers **out,
                          struct mrl_why *why)
{
    for (size_t i = 0; i < MRL_COUNT(c->numbers); i++) {
        struct mrl_keys_crl_numbers *n = &c->numbers[i];

        if (n->ca_len == 0) {
            memcpy(n->ca, ca.data, ca.len); /* at most MRL_KEYS_CA_MAX: read so */
            n->ca_len = ca.len;
        }
        if (mrl_bytes_eq(mrl_bytes_of(n->ca, n->ca_len), ca)) {
            *out = n;
            return MRL_OK;
        }
    }
    return mrl_fail(why, MRL_ERR_LIMIT, "more than %d CAs have lists", MRL_KEYS_CRL_CAS);
}

static uint64_t *number_of(struct mrl_keys_crl_numbers *n, const struct mrl_keys_crl *want)
{
    if (want->kind == MRL_KEYS_CRL_SHARD)
        return &n->shards[want->shard];
    return want->kind == MRL_KEYS_CRL_DELTA ? &n->delta : &n->full;
}

/* RFC 5280 5.2.3: what replaces a list has a higher number. */
static mrl_err check_number(const struct mrl_keys_crl *want, uint64_t last, struct mrl_why *why)
{
    if (want->number <= last)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "a list of number %" PRIu64 " was signed: %" PRIu64 " would go back", last,
                        want->number);
    if ((want->kind == MRL_KEYS_CRL_DELTA) != (want->base != 0) || want->base >= want->number)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "a delta, and only a delta, has a base, of a lower number");
    return MRL_OK;
}

static mrl_err check(const struct mrl_keys_crl *want, uint64_t last, mrl_bytes url,
                     struct mrl_why *why)
{
    MRL_TRY(check_number(want, last, why));
    MRL_TRY(mrl_policy_check_start(want->this_update, mrl_wall_s(), "thisUpdate", why));
    if (want->next_update <= want->this_update ||
        want->next_update - want->this_update > MRL_POLICY_CRL_LIFE_S)
        return mrl_fail(why, MRL_ERR_DENIED, "nextUpdate is 1 s to %d days after thisUpdate",
                        MRL_POLICY_CRL_LIFE_S / 86400);
    if (want->entries_len > MRL_KEYS_CRL_BYTES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the entries of a list have at most %d bytes",
                        MRL_KEYS_CRL_BYTES_MAX);
    if (want->kind == MRL_KEYS_CRL_SHARD && url.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a shard is named by its URL, and there is none");
    return MRL_OK;
}

static void close_list(struct mrl_keys_crls *c)
{
    mrl_signing_free(c->signing);
    c->signing = NULL;
    mrl_buf_done(&c->tail);
}

void mrl_keys_crls_done(struct mrl_keys_crls *c)
{
    close_list(c);
}

static mrl_err open_list(struct mrl_keys_crls *c, const struct mrl_generation *ca, mrl_bytes url,
                         const struct mrl_keys_crl *want, struct mrl_buf *head)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(ca->cert);
    struct mrl_crl_plan plan = {.issuer = f->subject,
                                .aki = f->ski,
                                .alg = mrl_key_algorithm(ca->key),
                                .number = want->number,
                                .base = want->base,
                                .this_update = want->this_update,
                                .next_update = want->next_update,
                                .entries_len = (size_t)want->entries_len};
    char scope[MRL_KEYS_CRL_URL_MAX], freshest[MRL_KEYS_CRL_URL_MAX];

    if (want->kind == MRL_KEYS_CRL_SHARD) {
        mrl_keys_crl_url(url, want->ca, want->kind, want->shard, scope);
        plan.scope_url = mrl_str(scope);
    }
    if (want->kind == MRL_KEYS_CRL_FULL && url.len > 0) {
        mrl_keys_crl_url(url, want->ca, MRL_KEYS_CRL_DELTA, 0, freshest);
        plan.freshest_url = mrl_str(freshest);
    }
    MRL_TRY(mrl_crl_frame(&plan, head, &c->tail));
    MRL_TRY(mrl_signing_new(ca->key, &c->signing));
    c->alg = plan.alg;
    c->left = want->entries_len;
    return mrl_signing_add(c->signing, mrl_buf_bytes(head));
}

static mrl_err begin(struct mrl_keys_crls *c, const struct mrl_keystore *k, mrl_bytes url,
                     const struct mrl_keys_crl *want, struct mrl_buf *out, struct mrl_why *why)
{
    struct mrl_keys_crl_numbers *numbers;
    const struct mrl_generation *ca;
    uint64_t *last;

    close_list(c);
    MRL_TRY(find_ca(k, want->ca, &ca, why));
    MRL_TRY(numbers_of(c, want->ca, &numbers, why));
    last = number_of(numbers, want);
    MRL_TRY(check(want, *last, url, why));
    if (open_list(c, ca, url, want, out) != MRL_OK) {
        close_list(c);
        return mrl_fail(why, MRL_ERR_CRYPTO, "the list could not be begun");
    }
    *last = want->number;
    return MRL_OK;
}

static mrl_err add(struct mrl_keys_crls *c, mrl_bytes entries, struct mrl_why *why)
{
    if (entries.len > c->left)
        return mrl_fail(why, MRL_ERR_STATE, "more entries than were announced");
    if (mrl_crl_entries_check(entries) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "these are not whole entries");
    c->left -= entries.len;
    return mrl_signing_add(c->signing, entries);
}

static mrl_err end(struct mrl_keys_crls *c, struct mrl_buf *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) signature = {0};

    if (c->left > 0)
        return mrl_fail(why, MRL_ERR_STATE, "fewer entries than were announced");
    MRL_TRY(mrl_signing_add(c->signing, mrl_buf_bytes(&c->tail)));
    MRL_TRY(mrl_signing_end(c->signing, &signature));
    return mrl_crl_end(mrl_buf_bytes(&c->tail), c->alg, mrl_buf_bytes(&signature), out);
}

mrl_err mrl_keys_crl_step(struct mrl_keys_crls *c, const struct mrl_keystore *k, mrl_bytes url,
                          const struct mrl_keys_crl *want, struct mrl_buf *out, struct mrl_why *why)
{
    mrl_err err;

    if (want->step == MRL_KEYS_CRL_BEGIN)
        return begin(c, k, url, want, out, why);
    if (c->signing == NULL)
        return mrl_fail(why, MRL_ERR_STATE, "no list is begun");
    err = want->step == MRL_KEYS_CRL_ADD ? add(c, want->entries, why) : end(c, out, why);
    if (err != MRL_OK || want->step == MRL_KEYS_CRL_END)
        close_list(c);
    return err;
}
