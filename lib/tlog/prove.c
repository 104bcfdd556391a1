/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/proof.h"
#include "tlog/range.h"

static mrl_err push(struct mrl_tlog_ranges *r, uint64_t from, uint64_t to, struct mrl_tlog_proof *p)
{
    MRL_ENSURE(p->count < MRL_TLOG_PROOF_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_tlog_range(r, from, to, &p->path[p->count]));
    p->count++;
    return MRL_OK;
}

mrl_err mrl_tlog_prove_inclusion(const struct mrl_tlog_tiles *t, uint64_t index, uint64_t size,
                                 struct mrl_tlog_proof *out)
{
    struct mrl_tlog_ranges r = {t, size};
    uint64_t node = index, last = size - 1;

    MRL_ENSURE(index < size && size <= MRL_TLOG_SIZE_MAX, MRL_ERR_INVALID);
    out->count = 0;
    for (unsigned height = 0; last > 0; height++, node /= 2, last /= 2) {
        uint64_t sibling = node ^ 1;

        if (sibling > last)
            continue; /* the right edge: this subtree is the whole of its parent */
        MRL_TRY(push(&r, sibling << height, sibling == last ? size : (sibling + 1) << height, out));
    }
    return MRL_OK;
}

static uint64_t largest_power_below(uint64_t n)
{
    return (uint64_t)1 << (63U - (unsigned)__builtin_clzll(n - 1));
}

static void reverse(struct mrl_tlog_proof *p)
{
    for (size_t i = 0; i < p->count / 2; i++) {
        struct mrl_tlog_hash first = p->path[i];

        p->path[i] = p->path[p->count - 1 - i];
        p->path[p->count - 1 - i] = first;
    }
}

/* RFC 6962 2.1.2: PROOF and SUBPROOF, from the root down. */
static mrl_err descend(struct mrl_tlog_ranges *r, uint64_t old, struct mrl_tlog_proof *out)
{
    uint64_t from = 0, to = r->size;

    while (old != to) {
        uint64_t middle = from + largest_power_below(to - from);

        if (old <= middle) {
            MRL_TRY(push(r, middle, to, out));
            to = middle;
        } else {
            MRL_TRY(push(r, from, middle, out));
            from = middle;
        }
    }
    return from == 0 ? MRL_OK : push(r, from, to, out); /* from 0 it is the old root itself */
}

mrl_err mrl_tlog_prove_consistency(const struct mrl_tlog_tiles *t, uint64_t old, uint64_t size,
                                   struct mrl_tlog_proof *out)
{
    struct mrl_tlog_ranges r = {t, size};

    MRL_ENSURE(old <= size && size <= MRL_TLOG_SIZE_MAX, MRL_ERR_INVALID);
    out->count = 0;
    if (old == 0)
        return MRL_OK;
    MRL_TRY(descend(&r, old, out));
    reverse(out);
    return MRL_OK;
}
