/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

#include "tests/unit/unit.h"

static void only_the_shortest_definite_length_is_read(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT(""),                         /* no tag */
        MRL_LIT_INIT("\x04"),                     /* no length */
        MRL_LIT_INIT("\x04\x01"),                 /* no content */
        MRL_LIT_INIT("\x04\x81\x01\x00"),         /* long form below 128 */
        MRL_LIT_INIT("\x04\x82\x00\x01\x00"),     /* leading zero */
        MRL_LIT_INIT("\x30\x80\x00\x00"),         /* indefinite */
        MRL_LIT_INIT("\x04\xff"),                 /* reserved */
        MRL_LIT_INIT("\x04\x84\xff\xff\xff\xff"), /* beyond the input */
        MRL_LIT_INIT("\x04\x85\x01\x00\x00\x00\x00"),
        MRL_LIT_INIT("\x1f\x20\x00"), /* high tag number */
        MRL_LIT_INIT("\x00\x00"),     /* end of contents */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_reader r = {bad[i], 0};
        mrl_bytes content = MRL_LIT("untouched");

        assert_int_equal(mrl_der_read_any(&r, NULL, &content, NULL), MRL_ERR_MALFORMED);
        assert_int_equal(r.at, 0);
        assert_bytes_equal(content, MRL_LIT("untouched"));
    }
}

static void integers_have_one_spelling(void **state)
{
    static const mrl_bytes bad[] = {MRL_LIT_INIT("\x02\x00"), MRL_LIT_INIT("\x02\x01\x80"),
                                    MRL_LIT_INIT("\x02\x02\x00\x7f"), MRL_LIT_INIT("\x03\x01\x01")};
    struct mrl_reader zero = {MRL_LIT("\x02\x01\x00"), 0};
    struct mrl_reader big = {MRL_LIT("\x02\x02\x00\x80"), 0};
    mrl_bytes n;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_reader r = {bad[i], 0};

        assert_int_equal(mrl_der_read_unsigned(&r, &n), MRL_ERR_MALFORMED);
        assert_int_equal(r.at, 0);
    }
    assert_ok(mrl_der_read_unsigned(&zero, &n));
    assert_int_equal(n.len, 0);
    assert_ok(mrl_der_read_unsigned(&big, &n));
    assert_bytes_equal(n, MRL_LIT("\x80"));
}

static void bit_strings_are_whole_bytes(void **state)
{
    struct mrl_reader partial = {MRL_LIT("\x03\x02\x01\x80"), 0};
    struct mrl_reader empty = {MRL_LIT("\x03\x00"), 0};
    struct mrl_reader good = {MRL_LIT("\x03\x02\x00\x80"), 0};
    mrl_bytes bits;

    (void)state;
    assert_int_equal(mrl_der_read_bits(&partial, &bits), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_der_read_bits(&empty, &bits), MRL_ERR_MALFORMED);
    assert_ok(mrl_der_read_bits(&good, &bits));
    assert_bytes_equal(bits, MRL_LIT("\x80"));
}

static void what_is_written_is_read_back_at_every_length_form(void **state)
{
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
    static uint8_t content[65536];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        MRL_SCOPED(mrl_buf) out = {0};
        struct mrl_der d = mrl_der_on(&out);
        struct mrl_reader r, inside;
        mrl_bytes back;

        mrl_der_begin(&d, MRL_DER_SEQUENCE);
        mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(content, sizes[i]));
        mrl_der_end(&d);
        assert_ok(mrl_der_finish(&d));
        r = (struct mrl_reader){mrl_buf_bytes(&out), 0};
        assert_ok(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
        assert_ok(mrl_reader_end(&r));
        assert_ok(mrl_der_read(&inside, MRL_DER_OCTET_STRING, &back));
        assert_bytes_equal(back, mrl_bytes_of(content, sizes[i]));
    }
}

static void unsigned_integers_are_written_shortest_and_positive(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_der d = mrl_der_on(&out);

    (void)state;
    mrl_der_unsigned(&d, MRL_LIT("\x00\x00\x7f"));
    mrl_der_unsigned(&d, MRL_LIT("\x80"));
    mrl_der_unsigned(&d, MRL_LIT("\x00"));
    mrl_der_small(&d, 200);
    assert_ok(mrl_der_finish(&d));
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("\x02\x01\x7f\x02\x02\x00\x80\x02\x01\x00\x02\x02\x00\xc8"));
}

/* RFC 5280 4.1.2.5 */
static void time_changes_its_form_at_1950_and_2050(void **state)
{
    static const struct {
        int64_t seconds;
        const char *der;
    } cases[] = {
        {INT64_C(-631152000), "\x17\x0d"
                              "500101000000Z"},
        {INT64_C(-631152001), "\x18\x0f"
                              "19491231235959Z"},
        {INT64_C(2524607999), "\x17\x0d"
                              "491231235959Z"},
        {INT64_C(2524608000), "\x18\x0f"
                              "20500101000000Z"},
        {INT64_C(253402300799), "\x18\x0f"
                                "99991231235959Z"},
    };
    MRL_SCOPED(mrl_buf) none = {0};
    struct mrl_der beyond = mrl_der_on(&none);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_SCOPED(mrl_buf) out = {0};
        struct mrl_der d = mrl_der_on(&out);

        mrl_der_time(&d, cases[i].seconds);
        assert_ok(mrl_der_finish(&d));
        assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(cases[i].der));
    }
    mrl_der_time(&beyond, INT64_C(253402300800));
    assert_int_equal(mrl_der_finish(&beyond), MRL_ERR_INVALID);
}

static void generalized_time_is_one_form_in_every_year(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_der d = mrl_der_on(&out);

    (void)state;
    mrl_der_generalized_time(&d, 0);
    mrl_der_generalized_time(&d, INT64_C(253402300799));
    assert_ok(mrl_der_finish(&d));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("\x18\x0f"
                                                    "19700101000000Z"
                                                    "\x18\x0f"
                                                    "99991231235959Z"));
    mrl_der_generalized_time(&d, INT64_C(253402300800));
    assert_int_equal(mrl_der_finish(&d), MRL_ERR_INVALID);
}

static void a_header_may_stand_for_content_elsewhere(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_der d = mrl_der_on(&out);

    (void)state;
    mrl_der_header(&d, MRL_DER_SEQUENCE, 0x7f);
    mrl_der_header(&d, MRL_DER_SEQUENCE, 0x12345678);
    assert_ok(mrl_der_finish(&d));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("\x30\x7f\x30\x84\x12\x34\x56\x78"));
    mrl_der_header(&d, MRL_DER_SEQUENCE, (size_t)UINT32_MAX + 1);
    assert_int_equal(mrl_der_finish(&d), MRL_ERR_LIMIT);
}

static void unbalanced_or_too_deep_writing_is_reported(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_der open = mrl_der_on(&out), closed = mrl_der_on(&out), deep = mrl_der_on(&out);
    MRL_SCOPED(mrl_buf) small = {.limit = 4};
    struct mrl_der full = mrl_der_on(&small);

    (void)state;
    mrl_der_begin(&open, MRL_DER_SEQUENCE);
    assert_int_equal(mrl_der_finish(&open), MRL_ERR_STATE);
    mrl_der_end(&closed);
    assert_int_equal(mrl_der_finish(&closed), MRL_ERR_STATE);
    for (int i = 0; i <= MRL_DER_DEEPEST; i++)
        mrl_der_begin(&deep, MRL_DER_SEQUENCE);
    for (int i = 0; i <= MRL_DER_DEEPEST; i++)
        mrl_der_end(&deep);
    assert_int_equal(mrl_der_finish(&deep), MRL_ERR_LIMIT);
    mrl_der_put(&full, MRL_DER_OCTET_STRING, MRL_LIT("abc"));
    assert_int_equal(mrl_der_finish(&full), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_shortest_definite_length_is_read),
        cmocka_unit_test(integers_have_one_spelling),
        cmocka_unit_test(bit_strings_are_whole_bytes),
        cmocka_unit_test(what_is_written_is_read_back_at_every_length_form),
        cmocka_unit_test(unsigned_integers_are_written_shortest_and_positive),
        cmocka_unit_test(time_changes_its_form_at_1950_and_2050),
        cmocka_unit_test(generalized_time_is_one_form_in_every_year),
        cmocka_unit_test(a_header_may_stand_for_content_elsewhere),
        cmocka_unit_test(unbalanced_or_too_deep_writing_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
