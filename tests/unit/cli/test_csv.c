/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/csv.h"

#include <string.h>

#include "tests/unit/unit.h"

/* All records as "line:[field][field]...", and how it ended. */
static mrl_err read_all(mrl_bytes text, struct mrl_buf *all, struct mrl_why *why)
{
    FILE *in = fmemopen((void *)text.data, text.len, "r");
    struct mrl_csv c;
    mrl_err err;

    assert_non_null(in);
    mrl_csv_init(&c, in);
    while ((err = mrl_csv_next(&c, why)) == MRL_OK) {
        assert_ok(mrl_buf_printf(all, "%lu:", c.line));
        for (size_t i = 0; i < c.count; i++)
            assert_ok(mrl_buf_printf(all, "[%.*s]", MRL_FMT(mrl_csv_field(&c, i))));
    }
    mrl_csv_done(&c);
    assert_int_equal(fclose(in), 0);
    return err;
}

static void assert_records(const char *text, const char *wanted)
{
    MRL_SCOPED(mrl_buf) all = {0};
    struct mrl_why why = {{0}};

    assert_int_equal(read_all(mrl_str(text), &all, &why), MRL_ERR_NOT_FOUND);
    assert_bytes_equal(mrl_buf_bytes(&all), mrl_str(wanted));
}

static void assert_wrong(mrl_bytes text, mrl_err wanted, const char *sentence)
{
    MRL_SCOPED(mrl_buf) all = {0};
    struct mrl_why why = {{0}};

    assert_int_equal(read_all(text, &all, &why), wanted);
    assert_string_equal(why.text, sentence);
}

static void records_are_read_as_rfc_4180_says(void **state)
{
    (void)state;
    assert_records("a,b\r\nc,d\r\n", "1:[a][b]2:[c][d]");
    assert_records("a,b\r\nc,d", "1:[a][b]2:[c][d]"); /* 2.2 */
    assert_records("a,b\nc,d\n", "1:[a][b]2:[c][d]");
    assert_records("\"a\",\"b\r\nb\",c\r\nd", "1:[a][b\r\nb][c]3:[d]"); /* 2.6 */
    assert_records("\"a\"\"b\",\"\"\"\",\"\"\n", "1:[a\"b][\"][]");     /* 2.7 */
    assert_records("a, b ,\n", "1:[a][ b ][]");                         /* 2.4 */
    assert_records("a\n\nb\n", "1:[a]2:[]3:[b]");
    assert_records("\xef\xbb\xbfid\n", "1:[id]");
    assert_records("\xef\xbb\xbf", "");
    assert_records("\"a\"", "1:[a]");
}

static void what_is_quoted_badly_is_named_with_its_line(void **state)
{
    (void)state;
    assert_wrong(MRL_LIT("a\nb\"c\n"), MRL_ERR_MALFORMED,
                 "line 2: a quote inside a field that is not quoted");
    assert_wrong(MRL_LIT("a\n\"b\" ,c\n"), MRL_ERR_MALFORMED,
                 "line 2: text behind a closing quote");
    assert_wrong(MRL_LIT("a\n\"b\n\nc"), MRL_ERR_MALFORMED, "line 2: a quote is never closed");
    assert_wrong(MRL_LIT("a\rb\n"), MRL_ERR_MALFORMED,
                 "line 1: a carriage return without a line feed");
    assert_wrong(MRL_LIT("a\r"), MRL_ERR_MALFORMED,
                 "line 1: a carriage return without a line feed");
    assert_wrong(MRL_LIT("a\n\"b\nc\0\"\n"), MRL_ERR_MALFORMED, "line 3: a zero byte");
    assert_wrong(MRL_LIT("\xef\xbb?"), MRL_ERR_MALFORMED, "line 1: not text in UTF-8");
}

static void a_record_has_at_most_64_fields_and_16_kib(void **state)
{
    char text[MRL_CSV_RECORD_MAX + 2];
    MRL_SCOPED(mrl_buf) all = {0};

    (void)state;
    memset(text, ',', sizeof(text));
    assert_int_equal(read_all(mrl_bytes_of(text, MRL_CSV_FIELDS_MAX - 1), &all, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_wrong(mrl_bytes_of(text, MRL_CSV_FIELDS_MAX), MRL_ERR_LIMIT,
                 "line 1: more than 64 fields");
    memset(text, 'x', sizeof(text));
    assert_int_equal(read_all(mrl_bytes_of(text, MRL_CSV_RECORD_MAX), &all, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_wrong(mrl_bytes_of(text, MRL_CSV_RECORD_MAX + 1), MRL_ERR_LIMIT,
                 "line 1: a record has at most 16384 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_as_rfc_4180_says),
        cmocka_unit_test(what_is_quoted_badly_is_named_with_its_line),
        cmocka_unit_test(a_record_has_at_most_64_fields_and_16_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
