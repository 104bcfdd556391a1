/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing is shown by tests/integration/test_a_claim_certificate_opens_nothing_else.py. */
#include "doors/mqtt/merlon_topics.h"

#include "devices/device_log.h"
#include "tests/unit/unit.h"

#define CREATE "$merlon/provisioning/certificates/create-from-csr/"
#define REGISTER "$merlon/provisioning/provisioning-templates/"

static const struct mrl_subject claim = {.kind = MRL_PRINCIPAL_CLAIM,
                                         .id = MRL_LIT_INIT("line-3"),
                                         .attributes = MRL_LIT_INIT("meters=1\nvalves=1")};

static bool may(enum mrl_principal_kind kind, const char *filter)
{
    struct mrl_subject who = claim;
    uint8_t qos = 2;
    bool allowed;

    who.kind = kind;
    allowed = mrl_merlon_may_subscribe(&who, mrl_str(filter), &qos);
    assert_int_equal(qos, allowed ? 1 : 2);
    return allowed;
}

static void a_claim_is_answered_on_the_topics_of_its_templates(void **state)
{
    static const char *const good[] = {
        CREATE "json/accepted",
        CREATE "cbor/rejected",
        "$merlon/provisioning/certificates/create/json/rejected",
        REGISTER "meters/provision/json/accepted",
        REGISTER "valves/provision/cbor/rejected",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        if (!may(MRL_PRINCIPAL_CLAIM, good[i]))
            fail_msg("%s", good[i]);
        assert_false(may(MRL_PRINCIPAL_DEVICE, good[i]));
        assert_false(may(MRL_PRINCIPAL_APPLICATION, good[i]));
        assert_false(may(MRL_PRINCIPAL_OPERATOR, good[i]));
    }
}

static void nothing_else_is(void **state)
{
    static const char *const bad[] = {
        "",
        "/accepted",
        "#",
        "+/accepted",
        CREATE "json",
        CREATE "json/",
        CREATE "json/+",
        CREATE "json/accepted/rejected",
        CREATE "+/accepted",
        CREATE "/accepted",
        CREATE "JSON/accepted",
        "/" CREATE "json/accepted",
        "$share/g/" CREATE "json/accepted",
        REGISTER "pumps/provision/json/accepted",
        REGISTER "+/provision/json/accepted",
        REGISTER "/provision/json/accepted",
        REGISTER "meters/provision/json/x/accepted",
        REGISTER "meters=1/provision/json/accepted",
        "$merlon/log/head/accepted",
        "$aws/certificates/create-from-csr/json/accepted",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        if (may(MRL_PRINCIPAL_CLAIM, bad[i]))
            fail_msg("%s", bad[i]);
}

static void what_is_not_answered_has_no_topics_of_answers(void **state)
{
    (void)state;
    assert_false(may(MRL_PRINCIPAL_DEVICE, MRL_DEVICE_LOG_TOPIC "/accepted"));
    assert_false(may(MRL_PRINCIPAL_DEVICE, MRL_DEVICE_LOG_TOPIC "/rejected"));
}

static void the_qos_asked_for_is_not_raised(void **state)
{
    uint8_t qos = 0;

    (void)state;
    assert_true(mrl_merlon_may_subscribe(&claim, MRL_LIT(CREATE "json/accepted"), &qos));
    assert_int_equal(qos, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_is_answered_on_the_topics_of_its_templates),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(what_is_not_answered_has_no_topics_of_answers),
        cmocka_unit_test(the_qos_asked_for_is_not_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
