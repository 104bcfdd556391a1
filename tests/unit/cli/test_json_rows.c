/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_rows.h"

#include <string.h>

#include "tests/unit/unit.h"

/* All objects as "line:{...}", "line:?" for one that is none, and how it ended. */
static mrl_err read_all(mrl_bytes text, struct mrl_buf *all, struct mrl_why *why)
{
    FILE *in = fmemopen((void *)text.data, text.len, "r");
    struct mrl_json_rows r;
    json_t *row = NULL;
    mrl_err err;

    assert_non_null(in);
    mrl_json_rows_init(&r, in);
    while ((err = mrl_json_rows_next(&r, &row, why)) == MRL_OK || err == MRL_ERR_INVALID) {
        assert_ok(mrl_buf_printf(all, "%lu:", r.line));
        if (err == MRL_OK)
            assert_ok(mrl_json_write(row, all));
        else
            assert_ok(mrl_buf_append(all, MRL_LIT("?")));
        json_decref(MRL_TAKE(row));
    }
    mrl_json_rows_done(&r);
    assert_int_equal(fclose(in), 0);
    return err;
}

static void assert_rows(const char *text, const char *wanted)
{
    MRL_SCOPED(mrl_buf) all = {0};
    struct mrl_why why = {{0}};

    assert_int_equal(read_all(mrl_str(text), &all, &why), MRL_ERR_NOT_FOUND);
    assert_bytes_equal(mrl_buf_bytes(&all), mrl_str(wanted));
}

static void assert_wrong(const char *text, mrl_err wanted, const char *sentence)
{
    MRL_SCOPED(mrl_buf) all = {0};
    struct mrl_why why = {{0}};

    assert_int_equal(read_all(mrl_str(text), &all, &why), wanted);
    assert_string_equal(why.text, sentence);
}

static void arrays_and_objects_in_lines_are_read_alike(void **state)
{
    (void)state;
    assert_rows("[{\"a\":1},\n {\"b\":{}}\n]\n", "1:{\"a\":1}2:{\"b\":{}}");
    assert_rows("{\"a\":1}\n\n{\"b\":[{}]}\n", "1:{\"a\":1}3:{\"b\":[{}]}");
    assert_rows("{\"a\":\"}{\\\"}\\\\\"}{\"b\":2}", "1:{\"a\":\"}{\\\"}\\\\\"}1:{\"b\":2}");
    assert_rows("[]", "");
    assert_rows(" ", "");
}

static void a_row_that_is_none_does_not_hide_the_next(void **state)
{
    (void)state;
    assert_rows("{\"a\":}\n{\"b\":1}\n{\"c\":1,\"c\":2}", "1:?2:{\"b\":1}3:?");
    assert_rows("[{a},{}]", "1:?1:{}");
}

static void what_is_no_list_is_named_with_its_line(void **state)
{
    (void)state;
    assert_wrong("x", MRL_ERR_MALFORMED, "line 1: the \"{\" of an object is missing here");
    assert_wrong("[", MRL_ERR_MALFORMED, "line 1: the \"{\" of an object is missing here");
    assert_wrong("[\n{}\n{}]", MRL_ERR_MALFORMED, "line 3: a comma or \"]\" is missing here");
    assert_wrong("[{},]", MRL_ERR_MALFORMED, "line 1: the \"{\" of an object is missing here");
    assert_wrong("[{}", MRL_ERR_MALFORMED, "line 1: a comma or \"]\" is missing here");
    assert_wrong("[{}]\n{}", MRL_ERR_MALFORMED, "line 2: something behind the array");
    assert_wrong("{}\n{\"a\":\n\n", MRL_ERR_MALFORMED, "line 2: an object never ends");
    assert_wrong("{}\n7", MRL_ERR_MALFORMED, "line 2: the \"{\" of an object is missing here");
}

static void an_object_has_at_most_16_kib(void **state)
{
    char text[MRL_JSON_ROW_MAX + 2];

    (void)state;
    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[MRL_JSON_ROW_MAX - 1] = '}';
    text[MRL_JSON_ROW_MAX] = '\0';
    assert_rows(text, "1:{}");
    text[MRL_JSON_ROW_MAX - 1] = ' ';
    text[MRL_JSON_ROW_MAX] = '}';
    text[MRL_JSON_ROW_MAX + 1] = '\0';
    assert_wrong(text, MRL_ERR_LIMIT, "line 1: an object has at most 16384 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_objects_in_lines_are_read_alike),
        cmocka_unit_test(a_row_that_is_none_does_not_hide_the_next),
        cmocka_unit_test(what_is_no_list_is_named_with_its_line),
        cmocka_unit_test(an_object_has_at_most_16_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
