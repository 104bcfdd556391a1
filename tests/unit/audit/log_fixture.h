/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a store of its own, with a sealer of its own. For tests of what writes entries. */
#ifndef MRL_TESTS_AUDIT_LOG_FIXTURE_H
#define MRL_TESTS_AUDIT_LOG_FIXTURE_H

#include "audit/audit.h"
#include "tests/unit/store/fixture.h"

struct log_on_store {
    struct mrl_sealer *sealer;
    struct mrl_audit *audit;
};

static inline struct mrl_sealer *log_sealer(void)
{
    struct mrl_sealer *s = mrl_sealer_new(NULL);

    assert_ok(mrl_sealer_add(s, 1, mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"))));
    return s;
}

static inline void log_open(struct log_on_store *l, struct mrl_store *store)
{
    struct mrl_audit_options o = {.node = MRL_LIT("test")};

    if (l->sealer == NULL)
        l->sealer = log_sealer();
    o.sealer = l->sealer;
    assert_ok(mrl_audit_new(store, &o, &l->audit));
}

/* The store must still be open. */
static inline void log_close(struct log_on_store *l)
{
    mrl_audit_free(l->audit);
    mrl_sealer_free(l->sealer);
    *l = (struct log_on_store){0};
}

#endif
