/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cbor.h"

#include "tests/unit/unit.h"

static struct mrl_reader on(mrl_bytes in)
{
    return (struct mrl_reader){in, 0};
}

static mrl_err read(mrl_bytes in, struct mrl_cbor_item *out)
{
    struct mrl_reader r = on(in);

    MRL_TRY(mrl_cbor_read(&r, out));
    return mrl_reader_end(&r);
}

/* RFC 8949 appendix A */
static void the_examples_of_the_standard_are_read(void **state)
{
    static const struct {
        mrl_bytes in;
        enum mrl_cbor_type type;
        uint64_t number;
    } examples[] = {
        {MRL_LIT_INIT("\x00"), MRL_CBOR_UNSIGNED, 0},
        {MRL_LIT_INIT("\x17"), MRL_CBOR_UNSIGNED, 23},
        {MRL_LIT_INIT("\x18\x18"), MRL_CBOR_UNSIGNED, 24},
        {MRL_LIT_INIT("\x19\x03\xe8"), MRL_CBOR_UNSIGNED, 1000},
        {MRL_LIT_INIT("\x1a\x00\x0f\x42\x40"), MRL_CBOR_UNSIGNED, 1000000},
        {MRL_LIT_INIT("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), MRL_CBOR_UNSIGNED, UINT64_MAX},
        {MRL_LIT_INIT("\x20"), MRL_CBOR_NEGATIVE, 0},
        {MRL_LIT_INIT("\x39\x03\xe7"), MRL_CBOR_NEGATIVE, 999},
        {MRL_LIT_INIT("\xf9\x3c\x00"), MRL_CBOR_FLOAT, 0x3c00},
        {MRL_LIT_INIT("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"), MRL_CBOR_FLOAT, 0x3ff199999999999a},
        {MRL_LIT_INIT("\xf4"), MRL_CBOR_SIMPLE, 20},
        {MRL_LIT_INIT("\xf8\xff"), MRL_CBOR_SIMPLE, 255},
        {MRL_LIT_INIT("\x80"), MRL_CBOR_ARRAY, 0},
        {MRL_LIT_INIT("\xa0"), MRL_CBOR_MAP, 0},
    };
    struct mrl_cbor_item item;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(examples); i++) {
        assert_ok(read(examples[i].in, &item));
        assert_int_equal(item.type, examples[i].type);
        assert_true(item.number == examples[i].number);
    }
    assert_ok(read(MRL_LIT("\x44\x01\x02\x03\x04"), &item));
    assert_int_equal(item.type, MRL_CBOR_BYTES);
    assert_int_equal(item.bytes.len, 4);
    assert_ok(read(MRL_LIT("\x62\xc3\xbc"), &item));
    assert_int_equal(item.type, MRL_CBOR_TEXT);
}

static void what_is_not_well_formed_is_refused(void **state)
{
    static const mrl_bytes wrong[] = {
        MRL_LIT_INIT(""),         /* nothing */
        MRL_LIT_INIT("\x18"),     /* argument cut */
        MRL_LIT_INIT("\x19\x03"), /* likewise */
        MRL_LIT_INIT("\x1c"),
        MRL_LIT_INIT("\x1e"), /* reserved, RFC 8949 3 */
        MRL_LIT_INIT("\x63"
                     "ab"),                                   /* text cut */
        MRL_LIT_INIT("\x7b\xff\xff\xff\xff\xff\xff\xff\xff"), /* text of 2^64 bytes */
        MRL_LIT_INIT("\x62\xc3\x28"),
        MRL_LIT_INIT("\x63\xed\xa0\x80"),                         /* not UTF-8 */
        MRL_LIT_INIT("\x81"),                                     /* an array without its item */
        MRL_LIT_INIT("\xa1\x00"),                                 /* a pair without its half */
        MRL_LIT_INIT("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00"), /* more than there is */
        MRL_LIT_INIT("\xbb\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00"),
        MRL_LIT_INIT("\xf8\x14"),
        MRL_LIT_INIT("\xf8\x1f"), /* false in two bytes, RFC 8949 3.3 */
        MRL_LIT_INIT("\xfc"),
    };
    static const mrl_bytes not_ours[] = {
        MRL_LIT_INIT("\xc0\x00"),     /* a tag */
        MRL_LIT_INIT("\x9f\x00\xff"), /* lengths told later, RFC 8949 3.2 */
        MRL_LIT_INIT("\xbf\xff"),     MRL_LIT_INIT("\x7f\xff"), MRL_LIT_INIT("\xff"),
    };
    struct mrl_cbor_item item = {.number = 7};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        struct mrl_reader r = on(wrong[i]);

        assert_int_equal(mrl_cbor_read(&r, &item), MRL_ERR_MALFORMED);
        assert_int_equal(r.at, 0);
    }
    for (size_t i = 0; i < MRL_COUNT(not_ours); i++)
        assert_int_equal(read(not_ours[i], &item), MRL_ERR_UNSUPPORTED);
    assert_int_equal(item.number, 7);
}

static void another_type_than_wanted_is_told(void **state)
{
    struct mrl_reader r = on(MRL_LIT("\x01"));
    mrl_bytes text;
    size_t pairs;

    (void)state;
    assert_int_equal(mrl_cbor_read_text(&r, &text), MRL_ERR_INVALID);
    r = on(MRL_LIT("\x80"));
    assert_int_equal(mrl_cbor_read_map(&r, &pairs), MRL_ERR_INVALID);
}

static size_t nest(unsigned deep, uint8_t *to)
{
    for (unsigned i = 0; i < deep; i++)
        to[i] = 0x81;
    to[deep] = 0x00;
    return deep + 1;
}

static void items_are_skipped_as_deep_as_the_limit_allows(void **state)
{
    uint8_t deep[MRL_CBOR_DEPTH_MAX + 2];
    struct mrl_reader r = on(mrl_bytes_of(deep, nest(MRL_CBOR_DEPTH_MAX, deep)));

    (void)state;
    assert_ok(mrl_cbor_skip(&r));
    assert_ok(mrl_reader_end(&r));
    r = on(mrl_bytes_of(deep, nest(MRL_CBOR_DEPTH_MAX + 1, deep)));
    assert_int_equal(mrl_cbor_skip(&r), MRL_ERR_LIMIT);
    assert_int_equal(r.at, 0);
    /* {1: [2, 3], 4: {}, "a": h''} and one more */
    r = on(MRL_LIT("\xa3\x01\x82\x02\x03\x04\xa0\x61"
                   "a\x40\x05"));
    assert_ok(mrl_cbor_skip(&r));
    assert_int_equal(mrl_reader_left(&r), 1);
}

static void what_is_written_is_the_shortest_form_and_is_read_again(void **state)
{
    static const struct {
        uint64_t number;
        size_t size;
    } numbers[] = {{0, 1},     {23, 1},         {24, 2},
                   {255, 2},   {256, 3},        {UINT16_MAX, 3},
                   {65536, 5}, {UINT32_MAX, 5}, {UINT64_C(1) << 32, 9}};
    uint8_t memory[64];
    struct mrl_cbor_item item;
    struct mrl_writer w;
    mrl_bytes written;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(numbers); i++) {
        w = mrl_writer_on(memory, sizeof(memory));
        mrl_cbor_put_unsigned(&w, numbers[i].number);
        assert_ok(mrl_writer_end(&w, &written));
        assert_int_equal(written.len, numbers[i].size);
        assert_ok(read(written, &item));
        assert_true(item.number == numbers[i].number);
    }
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_cbor_put_map(&w, 1);
    mrl_cbor_put_text(&w, MRL_LIT("a"));
    mrl_cbor_put_text(&w, MRL_LIT("B"));
    assert_ok(mrl_writer_end(&w, &written));
    assert_true(mrl_bytes_eq(written, MRL_LIT("\xa1\x61"
                                              "a\x61"
                                              "B")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_are_read),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(another_type_than_wanted_is_told),
        cmocka_unit_test(items_are_skipped_as_deep_as_the_limit_allows),
        cmocka_unit_test(what_is_written_is_the_shortest_form_and_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
