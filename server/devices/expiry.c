/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/expiry.h"

#include "devices/snapshot.h"

enum { ENDS_MAX = 16 };

struct counting {
    enum mrl_principal_kind kind;
    const int64_t *ends;
    size_t count;
    uint64_t *out;
};

static mrl_err count_one(struct mrl_tx *tx, enum mrl_principal_kind kind, int64_t end,
                         uint64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT COUNT(*) FROM credentials WHERE kind = $1 AND state = $2 AND not_after < $3",
        MRL_ARGS(MRL_INT(kind), MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_INT(end)), &rows));
    *out = (uint64_t)mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err run(struct mrl_tx *tx, void *context)
{
    const struct counting *c = context;

    for (size_t i = 0; i < c->count; i++)
        MRL_TRY(count_one(tx, c->kind, c->ends[i], &c->out[i]));
    return MRL_OK;
}

mrl_err mrl_credential_count_ending(struct mrl_store *s, enum mrl_principal_kind kind,
                                    const int64_t *ends, size_t count, uint64_t *out)
{
    struct counting c = {kind, ends, count, out};

    MRL_ENSURE(count <= ENDS_MAX, MRL_ERR_LIMIT);
    return mrl_store_read(s, run, &c);
}
