/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/extension.h"

#include "crypto/oid.h"
#include "tests/unit/unit.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int critical = 0; critical < 2; critical++) {
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_der d = mrl_der_on(&der);
        struct mrl_reader r;
        mrl_bytes oid, value;

        mrl_extension_begin(&d, MRL_LIT(MRL_OID_CRL_NUMBER), critical);
        mrl_der_small(&d, 7);
        mrl_extension_end(&d);
        assert_ok(mrl_der_finish(&d));
        r = (struct mrl_reader){mrl_buf_bytes(&der), 0};
        assert_ok(mrl_extension_read(&r, &oid, &value));
        assert_ok(mrl_reader_end(&r));
        assert_bytes_equal(oid, MRL_LIT(MRL_OID_CRL_NUMBER));
        assert_bytes_equal(value, MRL_LIT("\x02\x01\x07"));
        assert_int_equal(mrl_bytes_find(mrl_buf_bytes(&der), 0xff, 0) < der.len, critical);
    }
}

static void what_is_no_extension_is_refused(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_BYTES_NONE,
        MRL_LIT_INIT("\x31\x07\x06\x03\x55\x1d\x14\x04\x00"),                 /* a SET */
        MRL_LIT_INIT("\x30\x02\x04\x00"),                                     /* no OID */
        MRL_LIT_INIT("\x30\x05\x06\x03\x55\x1d\x14"),                         /* no value */
        MRL_LIT_INIT("\x30\x0b\x06\x03\x55\x1d\x14\x01\x02\xff\xff\x04\x00"), /* long BOOLEAN */
        MRL_LIT_INIT("\x30\x09\x06\x03\x55\x1d\x14\x01\x00\x04\x00"),         /* empty BOOLEAN */
        MRL_LIT_INIT("\x30\x09\x06\x03\x55\x1d\x14\x04\x00\x05\x00"),         /* more behind it */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_reader r = {bad[i], 0};
        mrl_bytes oid = MRL_BYTES_NONE, value = MRL_BYTES_NONE;

        assert_int_not_equal(mrl_extension_read(&r, &oid, &value), MRL_OK);
        assert_int_equal(oid.len + value.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_extension_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
