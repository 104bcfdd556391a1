/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/admit.h"

#include <string.h>

#include "net/network.h"
#include "tests/unit/unit.h"

static struct mrl_peer peer(const char *host)
{
    struct mrl_peer p;

    assert_ok(mrl_network_parse_host(mrl_str(host), &p));
    return p;
}

static struct mrl_admission *admission(size_t waiting, size_t of_source)
{
    const struct mrl_admission_config config = {.waiting = waiting, .of_source = of_source};

    return mrl_admission_new(&config);
}

static void a_place_is_given_back_once(void **state)
{
    struct mrl_admission *a = admission(2, 0);
    struct mrl_peer here = peer("192.0.2.1");
    struct mrl_place first = {0}, second = {0};
    struct mrl_deferral d;

    (void)state;
    assert_true(mrl_place_take(a, &here, &first, &d));
    assert_true(mrl_place_take(a, &here, &second, &d));
    mrl_place_leave(&first);
    mrl_place_leave(&first);
    assert_int_equal(mrl_admission_waiting(a), 1);
    second = mrl_place_of(a, &here);
    mrl_place_leave(&second);
    assert_int_equal(mrl_admission_waiting(a), 0);
    mrl_admission_free(a);
}

static void it_is_said_who_has_no_place_and_when_there_is_one(void **state)
{
    struct mrl_admission *a = admission(2, 1);
    struct mrl_peer here = peer("192.0.2.1"), there = peer("192.0.2.2"), third = peer("192.0.2.3");
    struct mrl_place first = {0}, second = {0}, none = {0};
    struct mrl_deferral d = {0};

    (void)state;
    assert_true(mrl_place_take(a, &here, &first, &d));
    assert_false(mrl_place_take(a, &here, &none, &d));
    assert_true(d.of_source && d.wait_s >= 1);
    assert_non_null(strstr(d.why, "from this address"));
    assert_true(mrl_place_take(a, &there, &second, &d));
    assert_false(mrl_place_take(a, &third, &none, &d));
    assert_true(!d.of_source && d.wait_s >= 1);
    assert_null(none.of);
    mrl_place_leave(&first);
    mrl_place_leave(&second);
    mrl_admission_free(a);
}

static void without_an_admission_there_is_room(void **state)
{
    struct mrl_peer here = peer("192.0.2.1");
    struct mrl_place place = {0};
    struct mrl_deferral d;

    (void)state;
    assert_true(mrl_place_take(NULL, &here, &place, &d));
    mrl_place_leave(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_given_back_once),
        cmocka_unit_test(it_is_said_who_has_no_place_and_when_there_is_one),
        cmocka_unit_test(without_an_admission_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
