/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy denies, when it changes while sessions stand. */
#include "tests/unit/messages/session_fixture.h"

static void a_principal_that_may_not_stay_is_evicted_alone(void **state)
{
    struct fixture *f = *state;
    struct door bad = {0}, good = {0};

    attach(f->hubs[0], &bad, &(struct wish){.principal = "bad", .client = "c", .expiry_s = 60});
    attach(f->hubs[0], &good, &(struct wish){.principal = "good", .client = "c", .expiry_s = 60});
    f->may_connect = false;
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("bad"));
    assert_saw(&bad, "E 1;");
    assert_saw(&good, "");
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 1);
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("nobody"));
    assert_int_equal(mrl_hub_session_count(f->hubs[0]), 1);
    done(&bad);
    done(&good);
}

static void a_narrower_policy_takes_subscriptions_away(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "a", 0, 0);
    subscribe(&d, "b", 0, 0);
    f->denied = "a";
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_BYTES_NONE);
    publish(f->hubs[0], "a", "x", 0);
    publish(f->hubs[0], "b", "x", 0);
    assert_saw(&d, "P0-- 0 b x;");
    done(&d);
}

static void a_narrower_policy_takes_shared_subscriptions_away(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/a", 0, 0);
    subscribe(&d, "$share/g/b", 0, 0);
    f->denied = "$share/g/a";
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_BYTES_NONE);
    publish(f->hubs[0], "a", "x", 0);
    publish(f->hubs[0], "b", "x", 0);
    assert_saw(&d, "P0-- 0 b x;");
    done(&d);
}

static void a_lower_qos_acts_on_a_subscription_that_stands(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "a", 1, 0);
    f->lowered = true;
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("d"));
    assert_int_equal(f->asked.action, MRL_HUB_SUBSCRIBE);
    publish(f->hubs[0], "a", "x", 1);
    assert_saw(&d, "P0-- 0 a x;");
    done(&d);
}

static void a_lost_connection_sends_the_will_and_a_denied_will_stays(void **state)
{
    struct fixture *f = *state;
    struct door d = {0}, watcher = {0};
    const struct wish w = {.principal = "d", .client = "c", .will = "w"};

    attach(f->hubs[0], &watcher, &(struct wish){.principal = "w", .client = "w"});
    subscribe(&watcher, "w", 0, 0);
    attach(f->hubs[0], &d, &w);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_saw(&watcher, "P0-- 0 w gone;");
    f->denied = "w";
    attach(f->hubs[0], &d, &w);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_saw(&watcher, "");
    attach(f->hubs[0], &d, &w);
    done(&d);
    assert_saw(&watcher, "");
    done(&watcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_principal_that_may_not_stay_is_evicted_alone),
        CASE(a_narrower_policy_takes_subscriptions_away),
        CASE(a_narrower_policy_takes_shared_subscriptions_away),
        CASE(a_lower_qos_acts_on_a_subscription_that_stands),
        CASE(a_lost_connection_sends_the_will_and_a_denied_will_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
