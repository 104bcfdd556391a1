/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/witness_answer.h"

#include "tests/unit/audit/witness_fixture.h"

#define TEXT MRL_LIT("log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")

static void a_size_is_one_decimal_line(void **state)
{
    static const char *const bad[] = {"",     "\n",    "7",    "07x\n",
                                      "-1\n", "7\n\n", " 7\n", "9223372036854775808\n"};
    uint64_t size = 0;

    (void)state;
    assert_ok(mrl_witness_size(MRL_LIT("9223372036854775807\n"), &size));
    assert_true(size == INT64_MAX);
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_witness_size(mrl_str(bad[i]), &size), MRL_ERR_MALFORMED);
}

static void the_line_of_the_witness_is_found_among_others(void **state)
{
    struct test_witness a = {0}, b = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_buf) only = {0};
    MRL_SCOPED(mrl_buf) line = {0};
    uint64_t time = 0;

    (void)state;
    test_witness_make(&a, "a.example");
    test_witness_make(&b, "b.example");
    test_witness_cosign(&a, TEXT, &body);
    test_witness_cosign(&b, TEXT, &body);
    test_witness_cosign(&b, TEXT, &only);
    assert_ok(mrl_witness_cosignature(mrl_buf_bytes(&body), TEXT, &b.note_key, &line, &time));
    assert_true(mrl_bytes_eq(mrl_buf_bytes(&line), mrl_buf_bytes(&only)));
    assert_true(time > 0);
    test_witness_done(&a);
    test_witness_done(&b);
}

static void what_does_not_verify_is_no_cosignature(void **state)
{
    struct test_witness a = {0}, b = {0};
    MRL_SCOPED(mrl_buf) other = {0};
    MRL_SCOPED(mrl_buf) foreign = {0};
    MRL_SCOPED(mrl_buf) line = {0};
    uint64_t time;

    (void)state;
    test_witness_make(&a, "a.example");
    test_witness_make(&b, "b.example");
    test_witness_cosign(&a, MRL_LIT("log\n8\nAAAA\n"), &other);
    test_witness_cosign(&b, TEXT, &foreign);
    assert_int_equal(
        mrl_witness_cosignature(mrl_buf_bytes(&other), TEXT, &a.note_key, &line, &time),
        MRL_ERR_CRYPTO);
    assert_int_equal(
        mrl_witness_cosignature(mrl_buf_bytes(&foreign), TEXT, &a.note_key, &line, &time),
        MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_witness_cosignature(MRL_LIT("<html>"), TEXT, &a.note_key, &line, &time),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_witness_cosignature(MRL_BYTES_NONE, TEXT, &a.note_key, &line, &time),
                     MRL_ERR_MALFORMED);
    assert_int_equal(line.len, 0);
    test_witness_done(&a);
    test_witness_done(&b);
}

/* Who answers must not change what was cosigned. */
static void a_body_cannot_lengthen_the_text(void **state)
{
    struct test_witness a = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_buf) line = {0};
    uint64_t time;

    (void)state;
    test_witness_make(&a, "a.example");
    assert_ok(mrl_buf_append(&body, MRL_LIT("more\n\n")));
    test_witness_cosign(
        &a, MRL_LIT("log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nmore\n"), &body);
    assert_int_equal(mrl_witness_cosignature(mrl_buf_bytes(&body), TEXT, &a.note_key, &line, &time),
                     MRL_ERR_MALFORMED);
    test_witness_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_one_decimal_line),
        cmocka_unit_test(the_line_of_the_witness_is_found_among_others),
        cmocka_unit_test(what_does_not_verify_is_no_cosignature),
        cmocka_unit_test(a_body_cannot_lengthen_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
