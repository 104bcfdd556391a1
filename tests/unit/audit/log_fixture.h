/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a store of its own, with a sealer of its own. For tests of what writes entries. */
#ifndef MRL_TESTS_AUDIT_LOG_FIXTURE_H
#define MRL_TESTS_AUDIT_LOG_FIXTURE_H

#include "audit/audit.h"
#include "tests/unit/store/seal_fixture.h"

struct log_on_store {
    struct mrl_sealer *own;
    struct mrl_audit *audit;
};

/* sealer: borrowed; NULL: one of its own. */
static inline void log_open(struct log_on_store *l, struct mrl_store *store,
                            struct mrl_sealer *sealer)
{
    if (sealer == NULL && l->own == NULL)
        l->own = test_sealer();
    assert_ok(mrl_audit_new(store,
                            &(struct mrl_audit_options){.node = MRL_LIT("test"),
                                                        .sealer = sealer != NULL ? sealer : l->own},
                            &l->audit));
}

/* The store must still be open. */
static inline void log_close(struct log_on_store *l)
{
    mrl_audit_free(l->audit);
    mrl_sealer_free(l->own);
    *l = (struct log_on_store){0};
}

#endif
