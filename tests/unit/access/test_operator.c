/* SPDX-License-Identifier: Apache-2.0 */
#include "access/operator.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* The table again, from the point of view of each role: what it may do and nothing else. */
static void each_role_may_do_exactly_this(void **state)
{
    static const struct {
        enum mrl_operator_role role;
        const char *may; /* permissions with blanks around each */
    } rows[] = {
        {MRL_OPERATOR_VIEWER,
         " devices:read credentials:read applications:read server:read events:read "},
        {MRL_OPERATOR_OPERATOR,
         " devices:read devices:add devices:change devices:suspend devices:quarantine "
         "devices:renew tokens:read "
         "tokens:create tokens:cancel claims:read claims:revoke makers:read approvals:read "
         "credentials:read applications:read "
         "roles:read quotas:read "
         "quotas:manage server:read events:read "},
        {MRL_OPERATOR_SECURITY,
         " devices:read devices:suspend devices:quarantine devices:revoke devices:retire "
         "devices:renew "
         "tokens:read tokens:cancel claims:read claims:revoke makers:read approvals:read "
         "approvals:decide credentials:read credentials:revoke "
         "applications:read "
         "operators:read roles:read quotas:read quotas:manage audit:read server:read events:read "},
        {MRL_OPERATOR_AUDITOR, " audit:read "},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        for (int p = 0; p < MRL_PERMISSION_COUNT_; p++) {
            char word[64];

            (void)snprintf(word, sizeof(word), " %s ", mrl_permission_name(p));
            if (mrl_access_operator_may(rows[i].role, p) != (strstr(rows[i].may, word) != NULL))
                fail_msg("%s and%s", mrl_operator_role_name(rows[i].role), word);
        }
    }
}

static void admin_may_everything_and_nobody_nothing(void **state)
{
    (void)state;
    for (int p = 0; p < MRL_PERMISSION_COUNT_; p++) {
        assert_true(mrl_access_operator_may(MRL_OPERATOR_ADMIN, p));
        assert_false(mrl_access_operator_may(0, p));
        assert_false(mrl_access_operator_may(~(uint32_t)MRL_OPERATOR_ROLES_ALL, p));
    }
    assert_false(mrl_access_operator_may(MRL_OPERATOR_ROLES_ALL, MRL_PERMISSION_COUNT_));
    assert_false(mrl_access_operator_may(MRL_OPERATOR_ROLES_ALL, (enum mrl_permission)0x7fffffff));
}

static void looking_is_not_reading_the_audit_log(void **state)
{
    (void)state;
    assert_false(
        mrl_access_operator_may(MRL_OPERATOR_VIEWER | MRL_OPERATOR_OPERATOR, MRL_MAY_READ_AUDIT));
    assert_true(
        mrl_access_operator_may(MRL_OPERATOR_VIEWER | MRL_OPERATOR_AUDITOR, MRL_MAY_READ_AUDIT));
    assert_false(mrl_access_operator_may(MRL_OPERATOR_AUDITOR, MRL_MAY_READ_DEVICES));
}

static void roles_survive_a_round_trip_as_text(void **state)
{
    char text[MRL_OPERATOR_ROLES_TEXT];

    (void)state;
    for (uint32_t roles = 1; roles <= MRL_OPERATOR_ROLES_ALL; roles++) {
        uint32_t back = 0;

        mrl_operator_roles_format(roles, text);
        assert_ok(mrl_operator_roles_parse(mrl_str(text), &back, NULL));
        assert_int_equal(back, roles);
    }
    mrl_operator_roles_format(0, text);
    assert_string_equal(text, "");
    mrl_operator_roles_format(UINT32_MAX, text);
    assert_string_equal(text, "viewer operator security auditor admin");
}

static void unknown_roles_are_refused(void **state)
{
    static const char *const bad[] = {"",       " , ",         "root", "Admin", "viewer root",
                                      "adminx", "viewer;admin"};
    uint32_t roles = 77;
    struct mrl_why why = {{0}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_operator_roles_parse(mrl_str(bad[i]), &roles, NULL), MRL_ERR_INVALID);
    assert_int_equal(roles, 77);
    assert_int_equal(mrl_operator_roles_parse(MRL_LIT("viewer,root"), &roles, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "word 2"));
    assert_ok(mrl_operator_roles_parse(MRL_LIT(",viewer,, admin"), &roles, NULL));
    assert_int_equal(roles, MRL_OPERATOR_VIEWER | MRL_OPERATOR_ADMIN);
    assert_null(mrl_operator_role_name(0));
    assert_null(mrl_operator_role_name(MRL_OPERATOR_VIEWER | MRL_OPERATOR_ADMIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_may_do_exactly_this),
        cmocka_unit_test(admin_may_everything_and_nobody_nothing),
        cmocka_unit_test(looking_is_not_reading_the_audit_log),
        cmocka_unit_test(roles_survive_a_round_trip_as_text),
        cmocka_unit_test(unknown_roles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
