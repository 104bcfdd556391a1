/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/offer.h"

#include <string.h>

#include "tests/unit/unit.h"

static void fields_are_read_and_what_is_none_is_refused(void **state)
{
    static const struct {
        const char *text;
        int64_t start; /* 0: refused */
    } rows[] = {
        {"start=10, end=20, grace=0", 10},
        {"end=20,start=10", 10},
        {"start=10, end=10", 10},
        {"start=10, end=20, more=x", 10},
        {" start=10 ,  end=20 ", 10},
        {"start=20, end=10", 0},
        {"start=0, end=10", 0},
        {"start=-5, end=10", 0},
        {"start=10", 0},
        {"end=10", 0},
        {"start=10, end", 0},
        {"start=1e3, end=2000", 0},
        {"start=10, end=99999999999999999999", 0},
        {"start=10; end=20", 0},
        {"", 0},
        {",", 0},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_offer o = {0};

        if (mrl_offer_read_field(mrl_str(rows[i].text), &o) != (rows[i].start != 0) ||
            o.start_s != rows[i].start)
            fail_msg("%s", rows[i].text);
    }
}

static void a_field_has_512_bytes_and_not_513(void **state)
{
    char text[MRL_OFFER_TEXT_MAX + 2];
    struct mrl_offer o;

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text, "start=10, end=20", sizeof("start=10, end=20") - 1);
    assert_true(mrl_offer_read_field(mrl_bytes_of(text, MRL_OFFER_TEXT_MAX), &o));
    assert_false(mrl_offer_read_field(mrl_bytes_of(text, MRL_OFFER_TEXT_MAX + 1), &o));
}

static void messages_are_read_and_what_is_none_is_refused(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"{\"end\":20,\"order\":3,\"reason\":\"order\",\"start\":10}", true},
        {"{\"end\":20,\"start\":10}", true},
        {"{\"end\":10,\"start\":20}", false},
        {"{\"end\":20}", false},
        {"{\"end\":\"20\",\"start\":10}", false},
        {"{\"end\":1e300,\"start\":10}", false},
        {"{\"end\":20,\"start\":10,\"deep\":{\"er\":{}}}", false},
        {"[]", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_offer o;

        if ((mrl_offer_read_message(mrl_str(rows[i].text), &o) == MRL_OK) != rows[i].good)
            fail_msg("%s", rows[i].text);
    }
}

static void what_is_kept_is_of_one_certificate(void **state)
{
    const struct mrl_offer o = {10, 20};
    struct mrl_offer back = {0};
    MRL_SCOPED(mrl_buf) json = {0};

    (void)state;
    assert_ok(mrl_offer_write(&o, MRL_LIT("ab12"), &json));
    assert_ok(mrl_offer_read(mrl_buf_bytes(&json), MRL_LIT("ab12"), &back));
    assert_true(back.start_s == 10 && back.end_s == 20);
    assert_int_equal(mrl_offer_read(mrl_buf_bytes(&json), MRL_LIT("ab13"), &back),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_offer_read(MRL_LIT("{}"), MRL_LIT("ab12"), &back), MRL_ERR_MALFORMED);
}

static void seconds_are_a_number_and_nothing_else(void **state)
{
    int64_t s = 0;

    (void)state;
    assert_true(mrl_offer_read_seconds(MRL_LIT(" 120 "), &s));
    assert_int_equal(s, 120);
    assert_false(mrl_offer_read_seconds(MRL_LIT("Fri, 31 Dec 1999 23:59:59 GMT"), &s));
    assert_false(mrl_offer_read_seconds(MRL_LIT("-1"), &s));
    assert_false(mrl_offer_read_seconds(MRL_LIT(""), &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_and_what_is_none_is_refused),
        cmocka_unit_test(a_field_has_512_bytes_and_not_513),
        cmocka_unit_test(messages_are_read_and_what_is_none_is_refused),
        cmocka_unit_test(what_is_kept_is_of_one_certificate),
        cmocka_unit_test(seconds_are_a_number_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
