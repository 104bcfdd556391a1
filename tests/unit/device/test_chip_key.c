/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/chip_key.h"

#include <string.h>

#include "base/hex.h"
#include "crypto/der.h"
#include "tests/unit/unit.h"

static const struct mrl_chip_key sample = {MRL_LIT_INIT("the public half"),
                                           MRL_LIT_INIT("the private half")};

static void a_key_survives_among_other_blocks(void **state)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_chip_key back;

    (void)state;
    assert_ok(mrl_buf_append(&pem, MRL_LIT("-----BEGIN X-----\nAAAA\n-----END X-----\n")));
    assert_false(mrl_chip_key_is_in(mrl_buf_bytes(&pem)));
    assert_ok(mrl_chip_key_write(&sample, &pem));
    assert_ok(mrl_buf_append(&pem, MRL_LIT("-----BEGIN X-----\nAAAA\n-----END X-----\n")));
    assert_true(mrl_chip_key_is_in(mrl_buf_bytes(&pem)));
    assert_ok(mrl_chip_key_read(mrl_buf_bytes(&pem), &der, &back));
    assert_bytes_equal(back.public_area, sample.public_area);
    assert_bytes_equal(back.private_area, sample.private_area);
}

static void cut_texts_are_refused(void **state)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    struct mrl_chip_key back;

    (void)state;
    assert_ok(mrl_chip_key_write(&sample, &pem));
    for (size_t len = 0; len < pem.len; len++) {
        MRL_SCOPED(mrl_buf) der = {0};

        assert_int_not_equal(mrl_chip_key_read(mrl_bytes_of(pem.data, len), &der, &back), MRL_OK);
    }
}

/* Its DER with one place changed. */
static mrl_err changed(size_t at, uint8_t to)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) again = {0};
    struct mrl_chip_key back;

    assert_ok(mrl_chip_key_write(&sample, &pem));
    assert_ok(mrl_chip_key_read(mrl_buf_bytes(&pem), &der, &back));
    der.data[at] = to;
    mrl_buf_clear(&pem);
    assert_ok(mrl_buf_append(&pem, MRL_LIT("-----BEGIN TSS2 PRIVATE KEY-----\n")));
    assert_ok(mrl_base64_write(mrl_buf_bytes(&der), 64, &pem));
    assert_ok(mrl_buf_append(&pem, MRL_LIT("-----END TSS2 PRIVATE KEY-----\n")));
    return mrl_chip_key_read(mrl_buf_bytes(&pem), &again, &back);
}

static void keys_of_another_kind_are_refused(void **state)
{
    (void)state;
    assert_int_equal(changed(9, 0x04), MRL_ERR_UNSUPPORTED);  /* importable */
    assert_int_equal(changed(10, 0xa1), MRL_ERR_UNSUPPORTED); /* a policy */
    assert_int_equal(changed(14, 0x00), MRL_ERR_UNSUPPORTED); /* with a password */
    assert_int_equal(changed(20, 0x0b), MRL_ERR_UNSUPPORTED); /* under the endorsement hierarchy */
}

static void the_halves_are_limited(void **state)
{
    static uint8_t large[MRL_CHIP_KEY_PART_MAX + 1];
    struct mrl_chip_key key = {mrl_bytes_of(large, sizeof(large) - 1), sample.private_area};
    MRL_SCOPED(mrl_buf) pem = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_chip_key back;

    (void)state;
    assert_ok(mrl_chip_key_write(&key, &pem));
    assert_ok(mrl_chip_key_read(mrl_buf_bytes(&pem), &der, &back));
    key.public_area = mrl_bytes_of(large, sizeof(large));
    mrl_buf_clear(&pem);
    assert_ok(mrl_chip_key_write(&key, &pem));
    assert_int_equal(mrl_chip_key_read(mrl_buf_bytes(&pem), &der, &back), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_survives_among_other_blocks),
        cmocka_unit_test(cut_texts_are_refused),
        cmocka_unit_test(keys_of_another_kind_are_refused),
        cmocka_unit_test(the_halves_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
