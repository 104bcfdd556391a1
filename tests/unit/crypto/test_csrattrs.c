/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csrattrs.h"

#include <string.h>

#include "crypto/der.h"
#include "tests/unit/unit.h"

#define OID_CHALLENGE "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define OID_TEMPLATE "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3d"
#define OID_EXTENSIONS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
#define EC_P256 "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define LIST_P256                                                                      \
    "\x30\x15\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x31\x0a\x06\x08\x2a\x86\x48\xce\x3d" \
    "\x03\x01\x07\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
static const mrl_bytes san = MRL_LIT_INIT("\x30\x05\x86\x03urn");

static mrl_err read_from(mrl_bytes der, struct mrl_csrattrs *out)
{
    return mrl_csrattrs_read(der, out);
}

static void list_and_template_say_the_same(void **state)
{
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    assert_ok(mrl_csrattrs_write(
        &(struct mrl_csrattrs){.has_key = true, .key = MRL_KEY_P256, .challenge_password = true},
        &der));
    assert_bytes_equal(mrl_buf_bytes(&der),
                       MRL_LIT("\x30\x75" OID_CHALLENGE LIST_P256 "\x30\x47" OID_TEMPLATE
                               "\x31\x38\x30\x36\x02\x01\x00"
                               "\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03" /* CN, any */
                               "\xa0\x15\x30\x13" EC_P256                     /* P-256 */
                               "\xa1\x0f\x30\x0d" OID_CHALLENGE "\x31\x00"));
}

static void every_wish_comes_back(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 16; bits++) {
        for (unsigned key = MRL_KEY_P256; key <= MRL_KEY_RSA; key++) {
            const struct mrl_csrattrs want = {.has_key = (bits & 1) != 0,
                                              .key = (enum mrl_key_type)key,
                                              .challenge_password = (bits & 2) != 0,
                                              .cn = bits & 4 ? MRL_LIT("pump-7") : MRL_BYTES_NONE,
                                              .san = bits & 8 ? san : MRL_BYTES_NONE};
            MRL_SCOPED(mrl_buf) der = {0};
            struct mrl_csrattrs got;

            assert_ok(mrl_csrattrs_write(&want, &der));
            assert_ok(read_from(mrl_buf_bytes(&der), &got));
            assert_int_equal(got.has_key, want.has_key);
            if (want.has_key)
                assert_int_equal(got.key, want.key);
            assert_int_equal(got.challenge_password, want.challenge_password);
            assert_bytes_equal(got.cn, want.cn);
            assert_bytes_equal(got.san, want.san);
        }
    }
}

static void an_empty_list_asks_for_nothing(void **state)
{
    struct mrl_csrattrs got;

    (void)state;
    assert_ok(read_from(MRL_LIT("\x30\x00"), &got));
    assert_false(got.has_key || got.challenge_password);
    assert_int_equal(got.cn.len + got.san.len, 0);
}

/* RFC 7030 4.5.2; the OID in its extension request is what RFC 9908 3.2 forbids. */
static void the_example_of_rfc_7030_is_read(void **state)
{
    struct mrl_csrattrs got;

    (void)state;
    assert_ok(read_from(MRL_LIT("\x30\x41" OID_CHALLENGE
                                "\x30\x12\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x31\x07\x06"
                                "\x05\x2b\x81\x04\x00\x22\x30\x16" OID_EXTENSIONS
                                "\x31\x09\x06\x07\x2b\x06\x01\x01\x01\x01\x16"
                                "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"),
                        &got));
    assert_true(got.has_key && got.challenge_password);
    assert_int_equal(got.key, MRL_KEY_P384);
}

/* RFC 9908 4 */
static void a_template_is_all_that_counts(void **state)
{
    struct mrl_csrattrs got;

    (void)state;
    assert_ok(read_from(MRL_LIT("\x30\x44" OID_CHALLENGE LIST_P256 "\x30\x16" OID_TEMPLATE
                                "\x31\x07\x30\x05\x02\x01\x00\xa1\x00"),
                        &got));
    assert_false(got.has_key || got.challenge_password);
}

static void what_is_not_known_is_skipped(void **state)
{
    struct mrl_csrattrs got;

    (void)state;
    assert_ok(read_from(MRL_LIT("\x30\x13\x06\x03\x2a\x03\x04\x30\x0c\x06\x03\x2a\x03\x05\x31\x05"
                                "\x30\x03\x02\x01\x07"),
                        &got));
    assert_false(got.has_key || got.challenge_password);
}

static void a_key_we_do_not_know_is_told(void **state)
{
    struct mrl_csrattrs got;

    (void)state;
    assert_int_equal(read_from(MRL_LIT("\x30\x14\x30\x12\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x31"
                                       "\x07\x06\x05\x2b\x81\x04\x00\x23"), /* P-521 */
                               &got),
                     MRL_ERR_UNSUPPORTED);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
    const struct mrl_csrattrs want = {.has_key = true,
                                      .key = MRL_KEY_P384,
                                      .challenge_password = true,
                                      .cn = MRL_LIT("pump-7"),
                                      .san = san};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_csrattrs got;

    (void)state;
    assert_ok(mrl_csrattrs_write(&want, &der));
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(read_from(mrl_bytes_of(der.data, len), &got), MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&der, MRL_LIT("\0")));
    assert_int_equal(read_from(mrl_buf_bytes(&der), &got), MRL_ERR_MALFORMED);
}

static void thirty_two_elements_and_not_one_more(void **state)
{
    (void)state;
    for (size_t count = MRL_CSRATTRS_MAX; count <= MRL_CSRATTRS_MAX + 1; count++) {
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_der d = mrl_der_on(&der);
        struct mrl_csrattrs got;

        mrl_der_begin(&d, MRL_DER_SEQUENCE);
        for (size_t i = 0; i < count; i++)
            mrl_der_put(&d, MRL_DER_OID, MRL_LIT("\x2a\x03\x04"));
        mrl_der_end(&d);
        assert_ok(mrl_der_finish(&d));
        assert_int_equal(read_from(mrl_buf_bytes(&der), &got),
                         count <= MRL_CSRATTRS_MAX ? MRL_OK : MRL_ERR_LIMIT);
    }
}

static void size_is_limited(void **state)
{
    static uint8_t large[MRL_CSRATTRS_DER_MAX + 1];
    struct mrl_csrattrs got;

    (void)state;
    assert_int_equal(read_from(mrl_bytes_of(large, MRL_CSRATTRS_DER_MAX), &got), MRL_ERR_MALFORMED);
    assert_int_equal(read_from(mrl_bytes_of(large, sizeof(large)), &got), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_and_template_say_the_same),
        cmocka_unit_test(every_wish_comes_back),
        cmocka_unit_test(an_empty_list_asks_for_nothing),
        cmocka_unit_test(the_example_of_rfc_7030_is_read),
        cmocka_unit_test(a_template_is_all_that_counts),
        cmocka_unit_test(what_is_not_known_is_skipped),
        cmocka_unit_test(a_key_we_do_not_know_is_told),
        cmocka_unit_test(what_is_cut_or_longer_is_refused),
        cmocka_unit_test(thirty_two_elements_and_not_one_more),
        cmocka_unit_test(size_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
