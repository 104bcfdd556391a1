/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key_list.h"

#include "base/hex.h"
#include "crypto/csr.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "tests/unit/unit.h"

#define SHORT "0123456789abcdefABCD"
#define LONG SHORT SHORT SHORT "0123"

static void names_are_read_line_by_line(void **state)
{
    struct mrl_key_list l = {.text =
                                 MRL_LIT("# a list\n\n" SHORT "\r\n  " LONG " # why\n\t\n" LONG)};
    mrl_bytes name;

    (void)state;
    assert_ok(mrl_key_list_next(&l, &name, NULL));
    assert_bytes_equal(name, MRL_LIT(SHORT));
    assert_int_equal(l.line, 3);
    assert_ok(mrl_key_list_next(&l, &name, NULL));
    assert_bytes_equal(name, MRL_LIT(LONG));
    assert_int_equal(l.line, 4);
    assert_ok(mrl_key_list_next(&l, &name, NULL));
    assert_int_equal(l.line, 6);
    assert_int_equal(mrl_key_list_next(&l, &name, NULL), MRL_ERR_NOT_FOUND);
}

static void what_is_no_name_is_told_with_its_line(void **state)
{
    static const char *const wrong[] = {
        "\n" SHORT "0", "\n" LONG "0", "\n" LONG " " LONG, "\nxyz", "\n0123456789abcdefABCg",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        struct mrl_key_list l = {.text = mrl_str(wrong[i])};
        struct mrl_why why = {""};
        mrl_bytes name;

        assert_int_equal(mrl_key_list_next(&l, &name, &why), MRL_ERR_MALFORMED);
        assert_memory_equal(why.text, "line 2: ", 8);
    }
}

static void expect_name(mrl_bytes pem, const char *hex)
{
    MRL_SCOPED(mrl_buf) name = {0};

    assert_ok(mrl_key_name_of_pem(pem, &name));
    assert_bytes_equal(mrl_buf_bytes(&name), mrl_str(hex));
}

static void pem_of(const char *label, mrl_bytes der, struct mrl_buf *out)
{
    assert_ok(mrl_buf_printf(out, "-----BEGIN %s-----\n", label));
    assert_ok(mrl_base64_write(der, 64, out));
    assert_ok(mrl_buf_printf(out, "-----END %s-----\n", label));
}

static void every_form_of_a_key_gives_the_same_name(void **state)
{
    const struct mrl_csr_request request = {.cn = MRL_LIT("pump-7")};
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_secret) private = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) public = {0};
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) csr_pem = {0};
    uint8_t hash[MRL_SHA256_SIZE];
    char hex[MRL_KEY_NAME + 1];

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    assert_ok(mrl_sha256(mrl_buf_bytes(&spki), hash));
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), hex);
    pem_of("PUBLIC KEY", mrl_buf_bytes(&spki), &public);
    expect_name(mrl_buf_bytes(&public), hex);
    assert_ok(mrl_key_to_pem(key, MRL_BYTES_NONE, &private));
    expect_name(mrl_secret_bytes(private), hex);
    assert_ok(mrl_csr_write(&request, key, &csr));
    pem_of("CERTIFICATE REQUEST", mrl_buf_bytes(&csr), &csr_pem);
    expect_name(mrl_buf_bytes(&csr_pem), hex);
}

static void what_holds_no_key_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "hello",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
    };
    MRL_SCOPED(mrl_buf) name = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++)
        assert_int_equal(mrl_key_name_of_pem(mrl_str(wrong[i]), &name), MRL_ERR_MALFORMED);
    assert_int_equal(name.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_line_by_line),
        cmocka_unit_test(what_is_no_name_is_told_with_its_line),
        cmocka_unit_test(every_form_of_a_key_gives_the_same_name),
        cmocka_unit_test(what_holds_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
