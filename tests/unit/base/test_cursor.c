/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"
#include "base/writer.h"
#include "tests/unit/unit.h"

static void what_is_written_is_read_back(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_reader r = {0};
    mrl_bytes blob;
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;

    (void)state;
    mrl_put_u8(&w, 0x12);
    mrl_put_u16(&w, 0x3456);
    mrl_put_u32(&w, 0x789abcde);
    mrl_put_u64(&w, 0x0102030405060708);
    mrl_put_blob16(&w, MRL_LIT("blob"));
    mrl_put_blob32(&w, MRL_LIT(""));
    assert_ok(mrl_writer_end(&w, &r.in));
    assert_ok(mrl_read_u8(&r, &a));
    assert_ok(mrl_read_u16(&r, &b));
    assert_ok(mrl_read_u32(&r, &c));
    assert_ok(mrl_read_u64(&r, &d));
    assert_true(a == 0x12 && b == 0x3456 && c == 0x789abcde && d == 0x0102030405060708);
    assert_ok(mrl_read_blob16(&r, &blob));
    assert_bytes_equal(blob, MRL_LIT("blob"));
    assert_ok(mrl_read_blob32(&r, &blob));
    assert_int_equal(blob.len, 0);
    assert_ok(mrl_reader_end(&r));
}

static void a_short_read_moves_nothing(void **state)
{
    struct mrl_reader r = {MRL_LIT_INIT("\x00\x05"
                                        "abc")};
    mrl_bytes blob = MRL_LIT("before");
    uint64_t number = 9;

    (void)state;
    assert_int_equal(mrl_read_u64(&r, &number), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_read_blob16(&r, &blob), MRL_ERR_MALFORMED);
    assert_int_equal(r.at, 0);
    assert_int_equal(number, 9);
    assert_int_equal(mrl_read_blob32(&r, &blob), MRL_ERR_MALFORMED);
    assert_bytes_equal(blob, MRL_LIT("before"));
    assert_int_equal(mrl_reader_end(&r), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_read_rest(&r).len, 5);
    assert_ok(mrl_reader_end(&r));
}

static void overflow_is_remembered(void **state)
{
    uint8_t memory[4];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes out = MRL_LIT("before");

    (void)state;
    mrl_put_u32(&w, 1);
    assert_ok(mrl_writer_end(&w, &out));
    mrl_put_u8(&w, 1);
    mrl_put_bytes(&w, MRL_BYTES_NONE);
    assert_int_equal(mrl_writer_end(&w, &out), MRL_ERR_NO_SPACE);
    assert_int_equal(w.len, 4);
}

static void a_blob_longer_than_its_length_field_is_refused(void **state)
{
    static uint8_t large[UINT16_MAX + 10];
    static uint8_t memory[UINT16_MAX + 100];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes out;

    (void)state;
    mrl_put_blob16(&w, mrl_bytes_of(large, UINT16_MAX));
    assert_ok(mrl_writer_end(&w, &out));
    w = mrl_writer_on(memory, sizeof(memory));
    mrl_put_blob16(&w, mrl_bytes_of(large, UINT16_MAX + 1));
    assert_int_equal(mrl_writer_end(&w, &out), MRL_ERR_NO_SPACE);
}

static void a_counting_writer_tells_the_size_and_touches_nothing(void **state)
{
    struct mrl_writer w = mrl_writer_counting();

    (void)state;
    mrl_put_u8(&w, 1);
    mrl_put_u64(&w, 2);
    mrl_put_blob16(&w, MRL_LIT("blob"));
    mrl_put_text(&w, "%d", 12);
    assert_null(mrl_put_space(&w, 5));
    assert_false(w.overflow);
    assert_int_equal(w.len, 1 + 8 + 2 + 4 + 2 + 5);
    mrl_put_bytes(&w, mrl_bytes_of("", SIZE_MAX)); /* cannot be counted */
    assert_true(w.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_short_read_moves_nothing),
        cmocka_unit_test(overflow_is_remembered),
        cmocka_unit_test(a_blob_longer_than_its_length_field_is_refused),
        cmocka_unit_test(a_counting_writer_tells_the_size_and_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
