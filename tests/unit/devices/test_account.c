/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/account.h"

#include "tests/unit/devices/fixture.h"

#define APP MRL_PRINCIPAL_APPLICATION
#define PERSON MRL_PRINCIPAL_OPERATOR

static mrl_err add_account(struct fixture *f, enum mrl_principal_kind kind, const char *id,
                           uint32_t roles)
{
    return mrl_account_add(f->registry, &admin, kind, mrl_str(id), roles, MRL_LIT("note"), NULL);
}

static void an_operator_needs_roles_and_an_application_has_none(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add_account(f, PERSON, "ann", 0), MRL_ERR_INVALID);
    assert_int_equal(add_account(f, PERSON, "ann", 1u << 5), MRL_ERR_INVALID);
    assert_int_equal(add_account(f, APP, "erp", MRL_OPERATOR_ADMIN), MRL_ERR_INVALID);
    assert_int_equal(add_account(f, MRL_PRINCIPAL_DEVICE, "d1", 0), MRL_ERR_INVALID);
    assert_int_equal(add_account(f, APP, "a/b", 0), MRL_ERR_INVALID);
    assert_ok(add_account(f, PERSON, "ann", MRL_OPERATOR_VIEWER | MRL_OPERATOR_AUDITOR));
    assert_ok(add_account(f, APP, "ann", 0)); /* another kind is another principal */
    assert_int_equal(add_account(f, PERSON, "ann", MRL_OPERATOR_ADMIN), MRL_ERR_EXISTS);
    assert_int_equal(audited(f->store, "operator.added", "\"roles\":\"viewer auditor\""), 1);
    assert_int_equal(audited(f->store, "application.added", NULL), 1);
}

static void a_disabled_account_is_refused_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c, more;

    assert_ok(add_account(f, APP, "erp", 0));
    fake_cert(&c, APP, "erp", 1);
    fake_cert(&more, APP, "erp", 2);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_ok(mrl_account_disable(f->registry, &admin, APP, MRL_LIT("erp"), MRL_LIT("left"), NULL));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_DISABLED);
    assert_int_equal(enrol(f, &more.it), MRL_ERR_STATE);
    assert_int_equal(
        mrl_account_disable(f->registry, &admin, APP, MRL_LIT("erp"), MRL_BYTES_NONE, NULL),
        MRL_ERR_STATE);
    assert_ok(mrl_account_enable(f->registry, &admin, APP, MRL_LIT("erp"), NULL));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(mrl_account_enable(f->registry, &admin, APP, MRL_LIT("none"), NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "application.changed", "\"state\":\"active\""), 2);
}

static void revoking_takes_the_certificates_and_leaves_the_account(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c, fresh;

    assert_ok(add_account(f, PERSON, "ann", MRL_OPERATOR_ADMIN));
    fake_cert(&c, PERSON, "ann", 1);
    fake_cert(&fresh, PERSON, "ann", 2);
    assert_ok(enrol(f, &c.it));
    assert_ok(
        mrl_account_revoke(f->registry, &admin, PERSON, MRL_LIT("ann"), MRL_LIT("lost"), NULL));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_ok(enrol(f, &fresh.it));
    assert_int_equal(judged(f, &fresh.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(audited(f->store, "operator.changed", "\"certificates\":1"), 1);
}

static uint32_t roles_of(struct fixture *f, const char *id)
{
    const struct mrl_principal *p;
    uint32_t roles;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(f->registry, PERSON, mrl_str(id));
    roles = p != NULL ? p->operator_roles : UINT32_MAX;
    mrl_rcu_read_end();
    return roles;
}

static void new_roles_are_in_the_snapshot_when_the_call_returns(void **state)
{
    struct fixture *f = *state;

    assert_ok(add_account(f, PERSON, "ann", MRL_OPERATOR_ADMIN));
    assert_int_equal(roles_of(f, "ann"), MRL_OPERATOR_ADMIN);
    assert_ok(
        mrl_operator_set_roles(f->registry, &admin, MRL_LIT("ann"), MRL_OPERATOR_VIEWER, NULL));
    assert_int_equal(roles_of(f, "ann"), MRL_OPERATOR_VIEWER);
    assert_int_equal(mrl_operator_set_roles(f->registry, &admin, MRL_LIT("ann"), 0, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(
        mrl_operator_set_roles(f->registry, &admin, MRL_LIT("bob"), MRL_OPERATOR_VIEWER, NULL),
        MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "operator.changed", "\"roles\":\"viewer\""), 1);
}

static void there_are_at_most_10000_of_a_kind(void **state)
{
    struct fixture *f = *state;

    assert_ok(add_account(f, APP, "x", 0));
    assert_ok(
        store_exec(f->store,
                   "INSERT INTO accounts (kind, id, roles, state, note, reason, created, changed) "
                   "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $1) "
                   "SELECT 2, 'x' || i, 0, 1, NULL, '', 1, 1 FROM n",
                   MRL_ARGS(MRL_INT(MRL_ACCOUNTS_MAX - 1))));
    assert_ok(add_account(f, APP, "last", 0));
    assert_int_equal(add_account(f, APP, "one-more", 0), MRL_ERR_LIMIT);
    assert_ok(add_account(f, PERSON, "ann", MRL_OPERATOR_VIEWER));
}

struct seen {
    char ids[128];
    size_t credentials;
    enum mrl_account_state state;
    uint32_t roles;
};

static void see(void *context, const struct mrl_account_info *a)
{
    struct seen *s = context;
    size_t len = strlen(s->ids);

    (void)snprintf(&s->ids[len], sizeof(s->ids) - len, "%.*s ", MRL_FMT(a->id));
    s->credentials = a->credential_count;
    s->state = a->state;
    s->roles = a->operator_roles;
    assert_bytes_equal(a->note, MRL_LIT("note"));
}

static void accounts_are_listed_and_shown(void **state)
{
    struct fixture *f = *state;
    struct seen all = {0}, page = {0}, one = {0};
    struct fake_cert c;

    assert_ok(add_account(f, PERSON, "cat", MRL_OPERATOR_VIEWER));
    assert_ok(add_account(f, PERSON, "ann", MRL_OPERATOR_SECURITY));
    assert_ok(add_account(f, PERSON, "bob", MRL_OPERATOR_VIEWER));
    assert_ok(add_account(f, APP, "app", 0));
    fake_cert(&c, PERSON, "ann", 1);
    assert_ok(enrol(f, &c.it));
    assert_ok(mrl_account_list(f->registry, PERSON, MRL_BYTES_NONE, 10, see, &all, NULL));
    assert_string_equal(all.ids, "ann bob cat ");
    assert_ok(mrl_account_list(f->registry, PERSON, MRL_LIT("ann"), 1, see, &page, NULL));
    assert_string_equal(page.ids, "bob ");
    assert_ok(mrl_account_show(f->registry, PERSON, MRL_LIT("ann"), see, &one, NULL));
    assert_int_equal(one.credentials, 1);
    assert_int_equal(one.roles, MRL_OPERATOR_SECURITY);
    assert_int_equal(one.state, MRL_ACCOUNT_ACTIVE);
    assert_int_equal(mrl_account_show(f->registry, APP, MRL_LIT("ann"), see, &one, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_account_list(f->registry, PERSON, MRL_BYTES_NONE, 0, see, &one, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(
        mrl_account_list(f->registry, MRL_PRINCIPAL_DEVICE, MRL_BYTES_NONE, 1, see, &one, NULL),
        MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(an_operator_needs_roles_and_an_application_has_none),
        WITH_REGISTRY(a_disabled_account_is_refused_and_comes_back),
        WITH_REGISTRY(revoking_takes_the_certificates_and_leaves_the_account),
        WITH_REGISTRY(new_roles_are_in_the_snapshot_when_the_call_returns),
        WITH_REGISTRY(there_are_at_most_10000_of_a_kind),
        WITH_REGISTRY(accounts_are_listed_and_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
