/* SPDX-License-Identifier: Apache-2.0 */
/* The makers in memory, and what of them is in the store. Layer: onboarding, internal. */
#ifndef MRL_ONBOARDING_MAKER_INTERNAL_H
#define MRL_ONBOARDING_MAKER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/rcu.h"
#include "onboarding/maker.h"

struct mrl_maker {
    struct mrl_maker_rule rule;
    struct mrl_cert_list anchors;
    struct mrl_cert_list helpers;
    bool partial; /* an anchor need not be self-signed */
    struct mrl_buf crl_bytes;
    mrl_bytes crls[MRL_MAKER_CRLS_MAX]; /* in crl_bytes */
    size_t crl_count;
};

/* All makers as they are now; never changes, is replaced whole. */
struct mrl_maker_set {
    struct rcu_head rcu;
    size_t count;
    struct mrl_maker makers[];
};
void mrl_maker_set_free(struct mrl_maker_set *s); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_maker_set);
/* In any transaction. Gives *out. */
mrl_err mrl_maker_set_load(struct mrl_tx *tx, struct mrl_maker_set **out);

struct mrl_makers {
    struct mrl_store *store; /* borrowed */
    _Atomic(struct mrl_maker_set *) now;
    pthread_mutex_t lock; /* of what follows; held for a few instructions */
    struct {
        struct mrl_name maker;
        int64_t minute;
        uint64_t count;
    } rates[MRL_MAKERS_MAX];
};
/* [writer] Takes set. */
void mrl_makers_publish(struct mrl_makers *m, struct mrl_maker_set *set);

/* Lists of revoked certificates: DER, one after the other. MRL_ERR_MALFORMED, MRL_ERR_LIMIT. */
mrl_err mrl_maker_crls_split(mrl_bytes all, mrl_bytes out[static MRL_MAKER_CRLS_MAX],
                             size_t *count);

/* Columns that mrl_maker_rule_of_row reads, in this order. */
#define MRL_MAKER_COLUMNS "name, grp, prefix, id_from, approve, jitp, rate, devices"
enum { MRL_MAKER_COLUMN_COUNT = 8 };
mrl_err mrl_maker_rule_of_row(const struct mrl_rows *rows, struct mrl_maker_rule *out);
/* All CA certificates of a maker in the order in which they were given. */
mrl_err mrl_maker_cas_read(struct mrl_tx *tx, mrl_bytes maker, struct mrl_cert_list *out);

#endif
