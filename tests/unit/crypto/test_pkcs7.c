/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs7.h"

#include "tests/unit/crypto/fixtures.h"

static void certificates_survive_in_order(void **state)
{
    struct hierarchy h;
    struct mrl_cert_list back = {0};
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    hierarchy_new(&h, MRL_KEY_P256);
    mrl_bytes certs[] = {mrl_cert_facts(issuing_of(&h))->der, mrl_cert_facts(root_of(&h))->der};
    assert_ok(mrl_pkcs7_write(certs, 2, &der));
    assert_ok(mrl_pkcs7_read(mrl_buf_bytes(&der), &back));
    assert_int_equal(back.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_bytes_equal(mrl_cert_facts(back.certs[i])->der, certs[i]);
    mrl_cert_list_done(&back);
    hierarchy_done(&h);
}

static void cut_longer_and_changed_messages_are_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_cert) c = issue(make_profile(MRL_CERT_ROOT_CA, "R"), k, NULL, k);
    struct mrl_cert_list none = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) bad = {0};
    size_t frame;

    (void)state;
    assert_ok(mrl_pkcs7_write(&mrl_cert_facts(c)->der, 1, &der));
    frame = der.len - 2 - mrl_cert_facts(c)->der.len;
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(mrl_pkcs7_read(mrl_bytes_of(der.data, len), &none), MRL_ERR_MALFORMED);
    for (size_t at = 0; at < frame; at++) { /* all before the certificate: no bit is free */
        flipped(mrl_buf_bytes(&der), at, &bad);
        assert_int_equal(mrl_pkcs7_read(mrl_buf_bytes(&bad), &none), MRL_ERR_MALFORMED);
    }
    assert_ok(mrl_buf_append(&der, MRL_LIT("\0")));
    assert_int_equal(mrl_pkcs7_read(mrl_buf_bytes(&der), &none), MRL_ERR_MALFORMED);
    assert_int_equal(none.count, 0);
}

static void count_and_size_are_limited(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_cert) c = issue(make_profile(MRL_CERT_ROOT_CA, "R"), k, NULL, k);
    mrl_bytes certs[MRL_PKCS7_CERTS_MAX + 1];
    static uint8_t large[MRL_PKCS7_DER_MAX + 1];
    struct mrl_cert_list list = {0};
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(certs); i++)
        certs[i] = mrl_cert_facts(c)->der;
    assert_int_equal(mrl_pkcs7_write(certs, 0, &der), MRL_ERR_INVALID);
    assert_int_equal(mrl_pkcs7_write(certs, MRL_COUNT(certs), &der), MRL_ERR_LIMIT);
    assert_ok(mrl_pkcs7_write(certs, MRL_PKCS7_CERTS_MAX, &der));
    assert_ok(mrl_pkcs7_read(mrl_buf_bytes(&der), &list));
    assert_int_equal(list.count, MRL_PKCS7_CERTS_MAX);
    assert_int_equal(mrl_pkcs7_read(mrl_bytes_of(large, MRL_PKCS7_DER_MAX), &list),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_pkcs7_read(mrl_bytes_of(large, sizeof(large)), &list), MRL_ERR_LIMIT);
    mrl_cert_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_survive_in_order),
        cmocka_unit_test(cut_longer_and_changed_messages_are_refused),
        cmocka_unit_test(count_and_size_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
