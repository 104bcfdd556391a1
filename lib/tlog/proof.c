/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/proof.h"

/* RFC 9162 2.1.3.2, with its names. */
static mrl_err climb(const struct mrl_tlog_proof *p, uint64_t fn, uint64_t sn,
                     struct mrl_tlog_hash *r)
{
    for (size_t i = 0; i < p->count; i++) {
        MRL_ENSURE(sn != 0, MRL_ERR_CORRUPT);
        if ((fn & 1) != 0 || fn == sn) {
            MRL_TRY(mrl_tlog_node(&p->path[i], r, r));
            for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
                sn >>= 1;
        } else {
            MRL_TRY(mrl_tlog_node(r, &p->path[i], r));
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 ? MRL_OK : MRL_ERR_CORRUPT;
}

mrl_err mrl_tlog_check_inclusion(const struct mrl_tlog_proof *p, uint64_t index, uint64_t size,
                                 const struct mrl_tlog_hash *leaf, const struct mrl_tlog_hash *root)
{
    struct mrl_tlog_hash r = *leaf;

    MRL_ENSURE(index < size && p->count <= MRL_TLOG_PROOF_MAX, MRL_ERR_CORRUPT);
    MRL_TRY(climb(p, index, size - 1, &r));
    return mrl_tlog_hash_eq(&r, root) ? MRL_OK : MRL_ERR_CORRUPT;
}

/* Both roots, climbed together from the same node. */
struct climb {
    uint64_t fn, sn;
    struct mrl_tlog_hash fr, sr;
};

static mrl_err climb_step(struct climb *c, const struct mrl_tlog_hash *next)
{
    MRL_ENSURE(c->sn != 0, MRL_ERR_CORRUPT);
    if ((c->fn & 1) != 0 || c->fn == c->sn) {
        MRL_TRY(mrl_tlog_node(next, &c->fr, &c->fr));
        MRL_TRY(mrl_tlog_node(next, &c->sr, &c->sr));
        for (; (c->fn & 1) == 0 && c->fn != 0; c->fn >>= 1)
            c->sn >>= 1;
    } else {
        MRL_TRY(mrl_tlog_node(&c->sr, next, &c->sr));
    }
    c->fn >>= 1;
    c->sn >>= 1;
    return MRL_OK;
}

static bool is_power_of_two(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

/* RFC 9162 2.1.4.2, with its names; 0 < old < size. */
static mrl_err climb_both(const struct mrl_tlog_proof *p, uint64_t old,
                          const struct mrl_tlog_hash *old_root, uint64_t size, struct climb *c)
{
    size_t i = is_power_of_two(old) ? 0 : 1; /* then the old root itself is where it starts */

    MRL_ENSURE(p->count > 0 && p->count <= MRL_TLOG_PROOF_MAX, MRL_ERR_CORRUPT);
    c->fr = c->sr = i == 0 ? *old_root : p->path[0];
    c->fn = old - 1;
    c->sn = size - 1;
    for (; (c->fn & 1) != 0; c->fn >>= 1)
        c->sn >>= 1;
    for (; i < p->count; i++)
        MRL_TRY(climb_step(c, &p->path[i]));
    return c->sn == 0 ? MRL_OK : MRL_ERR_CORRUPT;
}

mrl_err mrl_tlog_check_consistency(const struct mrl_tlog_proof *p, uint64_t old,
                                   const struct mrl_tlog_hash *old_root, uint64_t size,
                                   const struct mrl_tlog_hash *root)
{
    struct climb c;

    MRL_ENSURE(old <= size, MRL_ERR_CORRUPT);
    if (old == size)
        return p->count == 0 && mrl_tlog_hash_eq(old_root, root) ? MRL_OK : MRL_ERR_CORRUPT;
    if (old == 0)
        return p->count == 0 ? MRL_OK : MRL_ERR_CORRUPT;
    MRL_TRY(climb_both(p, old, old_root, size, &c));
    return mrl_tlog_hash_eq(&c.fr, old_root) && mrl_tlog_hash_eq(&c.sr, root) ? MRL_OK
                                                                              : MRL_ERR_CORRUPT;
}
