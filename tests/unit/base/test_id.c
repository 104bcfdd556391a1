/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <string.h>

#include "tests/unit/unit.h"

static bool every_byte(bool (*valid)(mrl_bytes), const char *wanted, size_t at)
{
    bool as_wanted = true;

    for (unsigned c = 0; c <= UINT8_MAX; c++) {
        uint8_t text[2] = {'x', 'x'};

        text[at] = (uint8_t)c;
        as_wanted = as_wanted && valid(mrl_bytes_of(text, sizeof(text))) ==
                                     (c != '\0' && strchr(wanted, (int)c) != NULL);
    }
    return as_wanted;
}

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static void an_id_stands_everywhere_as_it_is(void **state)
{
    (void)state;
    assert_true(every_byte(mrl_id_valid, WORD ":", 0));
    assert_true(every_byte(mrl_id_valid, WORD ":.-", 1));
}

static void a_label_stands_in_a_path(void **state)
{
    (void)state;
    assert_true(every_byte(mrl_label_valid, WORD "-", 0));
    assert_true(every_byte(mrl_label_valid, WORD "-.", 1));
}

static void both_have_1_to_64_characters(void **state)
{
    uint8_t text[MRL_ID_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_false(mrl_id_valid(MRL_BYTES_NONE));
    assert_true(mrl_id_valid(mrl_bytes_of(text, 1)));
    assert_true(mrl_id_valid(mrl_bytes_of(text, MRL_ID_MAX)));
    assert_false(mrl_id_valid(mrl_bytes_of(text, MRL_ID_MAX + 1)));
    assert_false(mrl_label_valid(MRL_BYTES_NONE));
    assert_true(mrl_label_valid(mrl_bytes_of(text, 1)));
    assert_true(mrl_label_valid(mrl_bytes_of(text, MRL_LABEL_MAX)));
    assert_false(mrl_label_valid(mrl_bytes_of(text, MRL_LABEL_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_stands_everywhere_as_it_is),
        cmocka_unit_test(a_label_stands_in_a_path),
        cmocka_unit_test(both_have_1_to_64_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
