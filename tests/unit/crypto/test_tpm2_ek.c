/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_ek.h"

#include <string.h>

#include "tests/unit/crypto/fixtures.h"
#include "tests/unit/crypto/tpm2_vectors.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

static struct mrl_cert *cert_of(mrl_bytes der)
{
    struct mrl_cert *c = NULL;

    assert_ok(mrl_cert_from_der(der, &c));
    return c;
}

static void it_names_the_maker(void **state)
{
    MRL_AUTO(mrl_cert) rsa = cert_of(VECTOR(real_ek_rsa_cert));
    MRL_AUTO(mrl_cert) ecc = cert_of(VECTOR(real_ek_p384_cert));
    struct mrl_tpm2_ek ek;

    (void)state;
    assert_ok(mrl_tpm2_ek_read(rsa, &ek, NULL));
    assert_string_equal(ek.maker, "id:00001014");
    assert_string_equal(ek.model, "swtpm");
    assert_string_equal(ek.version, "id:20191023");
    assert_ok(mrl_tpm2_ek_read(ecc, &ek, NULL));
    assert_string_equal(ek.model, "swtpm");
}

static void other_certificates_are_refused(void **state)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_cert) ca = cert_of(VECTOR(localca));
    struct mrl_cert *device;
    struct mrl_tpm2_ek ek;
    struct mrl_why why;
    struct hierarchy h;

    (void)state;
    hierarchy_new(&h, MRL_KEY_P256);
    device = issue(make_profile(MRL_CERT_DEVICE, "d"), key, issuing_of(&h), h.issuing_key);
    assert_int_equal(mrl_tpm2_ek_read(device, &ek, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "2.23.133.8.1"));
    assert_int_equal(mrl_tpm2_ek_read(ca, &ek, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "CA"));
    mrl_cert_free(device);
    hierarchy_done(&h);
}

static void the_chain_leads_to_the_makers_root(void **state)
{
    struct mrl_cert_list between = {0}, roots = {0};
    MRL_AUTO(mrl_cert) ek = cert_of(VECTOR(real_ek_rsa_cert));
    const int64_t now = mrl_cert_facts(ek)->not_before + 60;
    enum mrl_chain_reason reason;

    (void)state;
    assert_ok(mrl_cert_list_add(&between, cert_of(VECTOR(localca))));
    assert_ok(mrl_cert_list_add(&roots, cert_of(VECTOR(localca_root))));
    assert_ok(mrl_cert_verify_chain(ek, &between, &roots, MRL_PURPOSE_ANY, now, &reason));
    assert_int_equal(mrl_cert_verify_chain(ek, &between, &roots, MRL_PURPOSE_CLIENT, now, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(mrl_cert_verify_chain(ek, NULL, &roots, MRL_PURPOSE_ANY, now, &reason),
                     MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
    mrl_cert_list_done(&between);
    mrl_cert_list_done(&roots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_names_the_maker),
        cmocka_unit_test(other_certificates_are_refused),
        cmocka_unit_test(the_chain_leads_to_the_makers_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
