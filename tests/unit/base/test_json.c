/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "tests/unit/unit.h"

static const struct mrl_json_limits limits = {64, 3};

static void text_is_written_in_its_one_spelling(void **state)
{
    MRL_AUTO(json_t) json = NULL;
    MRL_SCOPED(mrl_buf) out = {0};
    MRL_SCOPED(mrl_buf) small = {.limit = 5};

    (void)state;
    assert_ok(
        mrl_json_read(MRL_LIT(" {\"b\": [1, true ], \"a\":\"\\u00fc\"}\n"), &limits, &json, NULL));
    assert_ok(mrl_json_write(json, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("{\"a\":\"\xc3\xbc\",\"b\":[1,true]}"));
    assert_int_equal(mrl_json_write(json, &small), MRL_ERR_LIMIT);
    assert_int_equal(small.len, 0);
}

static void what_is_not_strict_json_is_refused(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT(""),         MRL_LIT_INIT("1"),          MRL_LIT_INIT("{\"a\":1,\"a\":2}"),
        MRL_LIT_INIT("{} x"),     MRL_LIT_INIT("[1,]"),       MRL_LIT_INIT("[\"\\u0000\"]"),
        MRL_LIT_INIT("[\"\0\"]"), MRL_LIT_INIT("[\"\xff\"]"), MRL_LIT_INIT("[\"\\ud800\"]"),
        MRL_LIT_INIT("[NaN]"),    MRL_LIT_INIT("[1e999]"),    MRL_LIT_INIT("[9223372036854775808]"),
        MRL_LIT_INIT("[01]"),     MRL_LIT_INIT("{a:1}"),      MRL_LIT_INIT("[] /* */"),
        MRL_LIT_INIT("[\"\n\"]"), MRL_LIT_INIT("[1]\0"),      MRL_LIT_INIT("\xef\xbb\xbf[]"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_AUTO(json_t) json = NULL;

        assert_int_equal(mrl_json_read(bad[i], &limits, &json, NULL), MRL_ERR_MALFORMED);
        assert_null(json);
    }
}

static mrl_err read_only(const char *text)
{
    MRL_AUTO(json_t) json = NULL;

    return mrl_json_read(mrl_str(text), &limits, &json, NULL);
}

static void limits_hold_exactly(void **state)
{
    (void)state;
    assert_ok(read_only("[[[1]]]"));
    assert_int_equal(read_only("[[[[1]]]]"), MRL_ERR_LIMIT);
    assert_int_equal(read_only("[[{\"a\":{}}]]"), MRL_ERR_LIMIT);
    assert_ok(read_only("[\"[[[[\\\"[[[\", [[]], [[]]]"));
    assert_ok(read_only("[\"012345678901234567890123456789012345678901234567890123456789\"]"));
    assert_int_equal(
        read_only("[\"0123456789012345678901234567890123456789012345678901234567890\"]"),
        MRL_ERR_LIMIT);
}

static void getters_check_presence_type_and_range(void **state)
{
    static const char *const known[] = {"s", "i", "b", "o", NULL};
    MRL_AUTO(json_t) obj = mrl_json_object();
    struct mrl_why why = {0};
    mrl_bytes text = MRL_LIT("kept");
    json_t *part;
    int64_t number;
    bool truth;

    (void)state;
    assert_ok(mrl_json_set_str(obj, "s", MRL_LIT("x")));
    assert_ok(mrl_json_set_int(obj, "i", 10));
    assert_ok(mrl_json_set_bool(obj, "b", true));
    assert_ok(mrl_json_set(obj, "o", mrl_json_object()));
    assert_int_equal(mrl_json_get_str(obj, "i", &text, &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "i is not a string");
    assert_int_equal(mrl_json_get_str(obj, "none", &text, &why), MRL_ERR_NOT_FOUND);
    assert_string_equal(why.text, "none is missing");
    assert_ok(mrl_json_optional(mrl_json_get_str(obj, "none", &text, NULL)));
    assert_int_equal(mrl_json_optional(mrl_json_get_str(obj, "i", &text, NULL)), MRL_ERR_INVALID);
    assert_bytes_equal(text, MRL_LIT("kept"));
    assert_ok(mrl_json_get_str(obj, "s", &text, NULL));
    assert_bytes_equal(text, MRL_LIT("x"));
    assert_ok(mrl_json_get_int(obj, "i", 10, 10, &number, NULL));
    assert_int_equal(mrl_json_get_int(obj, "i", 11, 20, &number, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_get_int(obj, "i", 0, 9, &number, NULL), MRL_ERR_INVALID);
    assert_ok(mrl_json_get_bool(obj, "b", &truth, NULL));
    assert_true(truth);
    assert_ok(mrl_json_get_object(obj, "o", &part, NULL));
    assert_int_equal(mrl_json_get_array(obj, "o", &part, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_get_str(NULL, "s", &text, NULL), MRL_ERR_INVALID);
    assert_ok(mrl_json_only(obj, known, NULL));
    assert_int_equal(mrl_json_only(obj, &known[1], &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "unknown member s");
}

static void what_could_not_be_read_back_is_not_built(void **state)
{
    MRL_AUTO(json_t) obj = mrl_json_object();
    MRL_AUTO(json_t) list = mrl_json_array();

    (void)state;
    assert_int_equal(mrl_json_set_str(obj, "s", MRL_LIT("\xff")), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_set_str(obj, "s", MRL_LIT("a\0b")), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_append_str(list, MRL_LIT("\xff")), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_append(obj, mrl_json_object()), MRL_ERR_INVALID);
    assert_int_equal(mrl_json_set(list, "a", mrl_json_object()), MRL_ERR_INVALID);
    assert_ok(mrl_json_append_str(list, MRL_BYTES_NONE));
    assert_int_equal(json_array_size(list), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_written_in_its_one_spelling),
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(getters_check_presence_type_and_range),
        cmocka_unit_test(what_could_not_be_read_back_is_not_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
