/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/attest_check.h"

#include <string.h>

#include "tests/unit/crypto/tpm2_vectors.h"
#include "tests/unit/unit.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

static const uint8_t nonce[] = {0x00, 0xff, 0x55, 0xaa}; /* what tpm2_certify always sends */

static struct mrl_cert_list roots;
static int64_t now;

static int read_roots(void **state)
{
    MRL_AUTO(mrl_cert) ek = NULL;
    struct mrl_cert *root = NULL;

    (void)state;
    assert_ok(mrl_cert_from_der(VECTOR(localca_root), &root));
    assert_ok(mrl_cert_list_add(&roots, root));
    assert_ok(mrl_cert_from_der(VECTOR(real_ek_rsa_cert), &ek));
    now = mrl_cert_facts(ek)->not_before + 60;
    return 0;
}

static int free_roots(void **state)
{
    (void)state;
    mrl_cert_list_done(&roots);
    return 0;
}

static struct mrl_attest_claim good_claim(void)
{
    return (struct mrl_attest_claim){.ek_certificate = VECTOR(real_ek_rsa_cert),
                                     .ek_chain = {VECTOR(localca)},
                                     .ek_chain_count = 1,
                                     .ek_public = VECTOR(real_ek_rsa),
                                     .ak_public = VECTOR(ak_pub)};
}

static void refused(const struct mrl_attest_claim *claim, mrl_err expected, const char *reason)
{
    struct mrl_attest_tpm t = {0};
    struct mrl_why why = {""};

    assert_int_equal(mrl_attest_check_tpm(claim, &roots, now, &t, &why), expected);
    if (strstr(why.text, reason) == NULL)
        fail_msg("\"%s\" does not say %s", why.text, reason);
}

static void a_tpm_of_a_known_maker_is_good(void **state)
{
    struct mrl_attest_claim claim = good_claim();
    struct mrl_attest_tpm t;

    (void)state;
    assert_ok(mrl_attest_check_tpm(&claim, &roots, now, &t, NULL));
    assert_bytes_equal(mrl_tpm2_name_bytes(&t.ak_name), VECTOR(ak_name));
    assert_string_equal(t.names.model, "swtpm");
    mrl_attest_tpm_done(&t);
}

static void what_is_wrong_with_a_claim_is_said(void **state)
{
    struct mrl_attest_claim claim = good_claim();

    (void)state;
    claim.ek_chain_count = 0;
    refused(&claim, MRL_ERR_DENIED, "foreign-ca");
    claim = good_claim();
    claim.ek_public = VECTOR(rsa_public);
    refused(&claim, MRL_ERR_DENIED, "for another key than the EK");
    claim.ek_public = VECTOR(ak_pub);
    refused(&claim, MRL_ERR_DENIED, "the EK is not fixedTPM");
    claim = good_claim();
    claim.ak_public = VECTOR(key_pub);
    refused(&claim, MRL_ERR_DENIED, "the AK is not fixedTPM");
    claim.ak_public = VECTOR(real_ek_rsa);
    refused(&claim, MRL_ERR_DENIED, "the AK is not fixedTPM");
    claim.ak_public = MRL_LIT("x");
    refused(&claim, MRL_ERR_MALFORMED, "ak_public is not a TPM2B_PUBLIC");
    claim = good_claim();
    claim.ek_certificate = MRL_LIT("x");
    refused(&claim, MRL_ERR_MALFORMED, "ek_certificate");
    claim = good_claim();
    claim.ek_chain[0] = MRL_LIT("x");
    refused(&claim, MRL_ERR_MALFORMED, "ek_chain");
    claim = good_claim();
    claim.ek_public = MRL_BYTES_NONE;
    refused(&claim, MRL_ERR_MALFORMED, "ek_public");
}

/* Each of the bits that say where a key is from, taken away. */
static void every_attribute_of_an_ak_counts(void **state)
{
    static const uint32_t needed[] = {MRL_TPM2_FIXED_TPM, MRL_TPM2_FIXED_PARENT,
                                      MRL_TPM2_SENSITIVE_DATA_ORIGIN, MRL_TPM2_RESTRICTED,
                                      MRL_TPM2_SIGN};
    uint8_t area[sizeof(ak_pub)];
    struct mrl_attest_claim claim = good_claim();

    (void)state;
    claim.ak_public = VECTOR(area);
    for (size_t i = 0; i < MRL_COUNT(needed); i++) {
        memcpy(area, ak_pub, sizeof(area));
        area[7] ^= (uint8_t)(needed[i] >> 16); /* after size, type and nameAlg */
        area[9] ^= (uint8_t)needed[i];
        refused(&claim, MRL_ERR_DENIED, "the AK is not fixedTPM");
    }
}

static struct mrl_attest_answer good_answer(void)
{
    return (struct mrl_attest_answer){
        .key_public = VECTOR(key_pub), .attest = VECTOR(ak_attest), .signature = VECTOR(ak_sig)};
}

static mrl_err check_key(const struct mrl_attest_claim *claim,
                         const struct mrl_attest_answer *answer, mrl_bytes with, bool other_request,
                         struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_tpm2_public p;
    struct mrl_attest_tpm t;
    mrl_err err;

    assert_ok(mrl_attest_check_tpm(claim, &roots, now, &t, NULL));
    assert_ok(mrl_tpm2_public_read(other_request ? VECTOR(akr_pub) : VECTOR(key_pub), &p));
    assert_ok(mrl_tpm2_public_key(&p, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    err = mrl_attest_check_key(&t, answer, with, mrl_buf_bytes(&spki), why);
    mrl_attest_tpm_done(&t);
    return err;
}

static void a_certified_key_is_good(void **state)
{
    struct mrl_attest_claim claim = good_claim();
    struct mrl_attest_answer answer = good_answer();

    (void)state;
    assert_ok(check_key(&claim, &answer, VECTOR(nonce), false, NULL));
    claim.ak_public = VECTOR(akr_pub);
    answer.attest = VECTOR(akr_attest);
    answer.signature = VECTOR(akr_sig);
    assert_ok(check_key(&claim, &answer, VECTOR(nonce), false, NULL));
}

static void key_refused(const struct mrl_attest_answer *answer, mrl_bytes with, bool other_request,
                        mrl_err expected, const char *reason)
{
    const struct mrl_attest_claim claim = good_claim();
    struct mrl_why why = {""};

    assert_int_equal(check_key(&claim, answer, with, other_request, &why), expected);
    if (strstr(why.text, reason) == NULL)
        fail_msg("\"%s\" does not say %s", why.text, reason);
}

static void what_is_wrong_with_an_answer_is_said(void **state)
{
    struct mrl_attest_answer answer = good_answer();

    (void)state;
    key_refused(&answer, MRL_LIT("other"), false, MRL_ERR_DENIED, "qualifyingData");
    key_refused(&answer, VECTOR(nonce), true, MRL_ERR_DENIED, "the request is for another key");
    answer.attest = VECTOR(akr_attest);
    key_refused(&answer, VECTOR(nonce), false, MRL_ERR_DENIED, "not signed by the AK");
    answer = good_answer();
    answer.attest = MRL_LIT("x");
    key_refused(&answer, VECTOR(nonce), false, MRL_ERR_MALFORMED, "TPMS_ATTEST");
    answer = good_answer();
    answer.signature = MRL_LIT("x");
    key_refused(&answer, VECTOR(nonce), false, MRL_ERR_MALFORMED, "TPMT_SIGNATURE");
    answer = good_answer();
    answer.key_public = VECTOR(ak_pub); /* an AK signs attestations, no handshakes */
    key_refused(&answer, VECTOR(nonce), false, MRL_ERR_DENIED, "the key is not fixedTPM");
}

/* Signed by the AK, but under another EK than the one of the claim: its qualified Name says so. */
static void the_ak_is_one_under_this_ek(void **state)
{
    struct mrl_attest_claim claim = good_claim();
    const struct mrl_attest_answer answer = good_answer();
    struct mrl_why why = {""};

    (void)state;
    claim.ek_certificate = VECTOR(real_ek_p384_cert);
    claim.ek_public = VECTOR(real_ek_p384);
    assert_int_equal(check_key(&claim, &answer, VECTOR(nonce), false, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "neither a child of the EK"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tpm_of_a_known_maker_is_good),
        cmocka_unit_test(what_is_wrong_with_a_claim_is_said),
        cmocka_unit_test(every_attribute_of_an_ak_counts),
        cmocka_unit_test(a_certified_key_is_good),
        cmocka_unit_test(what_is_wrong_with_an_answer_is_said),
        cmocka_unit_test(the_ak_is_one_under_this_ek),
    };
    return cmocka_run_group_tests(tests, read_roots, free_roots);
}
