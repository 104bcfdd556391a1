/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/alias.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static void a_received_alias_stands_for_its_last_topic(void **state)
{
    struct mrl_aliases *a = NULL;
    mrl_bytes topic = MRL_LIT("first");

    (void)state;
    assert_ok(mrl_aliases_receive(&a, 16, 7, &topic));
    assert_bytes_equal(topic, MRL_LIT("first"));
    topic = MRL_BYTES_NONE;
    assert_ok(mrl_aliases_receive(&a, 16, 7, &topic));
    assert_bytes_equal(topic, MRL_LIT("first"));
    topic = MRL_LIT("second, and longer");
    assert_ok(mrl_aliases_receive(&a, 16, 7, &topic));
    topic = MRL_BYTES_NONE;
    assert_ok(mrl_aliases_receive(&a, 16, 7, &topic));
    assert_bytes_equal(topic, MRL_LIT("second, and longer"));
    mrl_aliases_free(a);
}

static void received_aliases_have_a_limit(void **state)
{
    struct mrl_aliases *a = NULL;
    mrl_bytes topic = MRL_LIT("t");

    (void)state;
    assert_int_equal(mrl_aliases_receive(&a, 16, 0, &topic), MRL_ERR_LIMIT);
    assert_int_equal(mrl_aliases_receive(&a, 16, 17, &topic), MRL_ERR_LIMIT);
    assert_int_equal(mrl_aliases_receive(&a, 0, 1, &topic), MRL_ERR_LIMIT);
    assert_null(a); /* nothing was kept for a refusal */
    assert_ok(mrl_aliases_receive(&a, 16, 16, &topic));
    mrl_aliases_free(a);
}

static void an_alias_that_was_never_set_stands_for_nothing(void **state)
{
    struct mrl_aliases *a = NULL;
    mrl_bytes topic = MRL_BYTES_NONE, other = MRL_LIT("t");

    (void)state;
    assert_int_equal(mrl_aliases_receive(&a, 16, 1, &topic), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_aliases_receive(&a, 16, 9, &other));
    for (uint16_t alias = 1; alias <= 16; alias++) {
        topic = MRL_BYTES_NONE;
        assert_int_equal(mrl_aliases_receive(&a, 16, alias, &topic),
                         alias == 9 ? MRL_OK : MRL_ERR_NOT_FOUND);
    }
    mrl_aliases_free(a);
}

static uint16_t send(struct mrl_aliases **a, unsigned most, const char *topic, bool *known)
{
    return mrl_aliases_send(a, most, mrl_str(topic), known);
}

static void a_topic_gets_its_alias_the_second_time(void **state)
{
    struct mrl_aliases *a = NULL;
    bool known;

    (void)state;
    assert_int_equal(send(&a, 2, "t", &known), 0);
    assert_int_equal(send(&a, 2, "t", &known), 1);
    assert_false(known);
    assert_int_equal(send(&a, 2, "t", &known), 1);
    assert_true(known);
    assert_int_equal(send(&a, 2, "u", &known), 0);
    assert_int_equal(send(&a, 2, "u", &known), 2);
    assert_false(known);
    mrl_aliases_free(a);
}

static void a_client_that_takes_none_gets_none(void **state)
{
    struct mrl_aliases *a = NULL;
    bool known;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send(&a, 0, "t", &known), 0);
    assert_null(a);
}

static void twice(struct mrl_aliases **a, unsigned most, const char *topic)
{
    bool known;

    (void)send(a, most, topic, &known); /* the first time only makes it known here */
    (void)send(a, most, topic, &known);
}

static void the_least_recently_used_gives_way(void **state)
{
    struct mrl_aliases *a = NULL;
    bool known;

    (void)state;
    twice(&a, 2, "t");
    twice(&a, 2, "u");
    assert_int_equal(send(&a, 2, "t", &known), 1);
    twice(&a, 2, "v"); /* takes the place of u */
    assert_int_equal(send(&a, 2, "v", &known), 2);
    assert_true(known);
    assert_int_equal(send(&a, 2, "t", &known), 1);
    assert_true(known);
    assert_int_equal(send(&a, 2, "u", &known), 1 + 1);
    assert_false(known); /* u came before: it is back, with its topic, in the place of v */
    mrl_aliases_free(a);
}

static void topics_that_come_once_push_nobody_out(void **state)
{
    struct mrl_aliases *a = NULL;
    char topic[16];
    bool known;

    (void)state;
    twice(&a, 1, "often");
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(topic, sizeof(topic), "once/%d", i);
        assert_int_equal(send(&a, 1, topic, &known), 0);
    }
    assert_int_equal(send(&a, 1, "often", &known), 1);
    assert_true(known);
    mrl_aliases_free(a);
}

static void no_alias_is_above_the_maximum(void **state)
{
    struct mrl_aliases *a = NULL;
    char topic[16];
    bool known;

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(topic, sizeof(topic), "t/%d", i);
        (void)send(&a, 5, topic, &known);
        assert_in_range(send(&a, 5, topic, &known), 1, 5);
    }
    mrl_aliases_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_received_alias_stands_for_its_last_topic),
        cmocka_unit_test(received_aliases_have_a_limit),
        cmocka_unit_test(an_alias_that_was_never_set_stands_for_nothing),
        cmocka_unit_test(a_topic_gets_its_alias_the_second_time),
        cmocka_unit_test(a_client_that_takes_none_gets_none),
        cmocka_unit_test(the_least_recently_used_gives_way),
        cmocka_unit_test(topics_that_come_once_push_nobody_out),
        cmocka_unit_test(no_alias_is_above_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
