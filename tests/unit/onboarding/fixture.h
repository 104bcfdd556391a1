/* SPDX-License-Identifier: Apache-2.0 */
/* A registry with makers and approvals, and a maker's hierarchy of certificates. */
#ifndef MRL_TESTS_ONBOARDING_FIXTURE_H
#define MRL_TESTS_ONBOARDING_FIXTURE_H

#include "base/clock.h"
#include "onboarding/approval.h"
#include "onboarding/maker_claim.h"
#include "tests/unit/crypto/fixtures.h"
#include "tests/unit/devices/fixture.h"

struct making {
    struct fixture *f;
    struct mrl_makers *makers;
    struct hierarchy acme;
    struct mrl_buf acme_pem; /* its root */
};

static inline int set_up_makers(void **state)
{
    static struct mrl_migration items[8];
    static struct mrl_migration_list both = {items, 0};
    struct making *m = calloc(1, sizeof(*m));

    both.count = 0;
    for (size_t i = 0; i < mrl_maker_migrations.count; i++)
        items[both.count++] = mrl_maker_migrations.items[i];
    for (size_t i = 0; i < mrl_approval_migrations.count; i++)
        items[both.count++] = mrl_approval_migrations.items[i];
    duties_more = &both;
    (void)set_up(state);
    m->f = *state;
    mrl_rcu_register();
    assert_ok(mrl_makers_open(m->f->store, &m->makers, NULL));
    assert_ok(mrl_registry_also_on_revoke(m->f->registry, mrl_maker_on_revoke, NULL));
    hierarchy_new(&m->acme, MRL_KEY_P256);
    assert_ok(mrl_cert_to_pem(root_of(&m->acme), &m->acme_pem));
    *state = m;
    return 0;
}

static inline int tear_down_makers(void **state)
{
    struct making *m = *state;
    void *f = m->f;

    (void)tear_down(&f);
    mrl_makers_free(m->makers);
    hierarchy_done(&m->acme);
    mrl_buf_done(&m->acme_pem);
    free(m);
    return 0;
}

/* The subject of these certificates is a common name: so is the id. */
static inline struct mrl_maker_new new_maker(const struct making *m, const char *name)
{
    return (struct mrl_maker_new){.name = mrl_str(name),
                                  .ca = mrl_buf_bytes(&m->acme_pem),
                                  .id_from = MRL_MAKER_ID_CN,
                                  .approve = MRL_MAKER_APPROVE_ALL,
                                  .rate = MRL_MAKER_RATE_DEFAULT};
}

static inline mrl_err add_maker(struct making *m, const struct mrl_maker_new *maker)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_maker_add(m->makers, &admin, maker, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

#define WITH_MAKERS(test) cmocka_unit_test_setup_teardown(test, set_up_makers, tear_down_makers)

#endif
