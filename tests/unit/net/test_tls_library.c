/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/decoder.h>
#include <openssl/provider.h>

#include "net/tls_internal.h"
#include "tests/unit/unit.h"

static void count(OSSL_DECODER *decoder, void *context)
{
    (void)decoder;
    (*(unsigned *)context)++;
}

static void few_decoders_remain_where_decoding_is_slow(void **state)
{
    struct mrl_tls_library l;
    unsigned decoders = 0;
    bool slow = OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;

    (void)state;
    assert_ok(mrl_tls_library_init(&l));
    assert_int_equal(l.thin != NULL, slow);
    OSSL_DECODER_do_all_provided(l.context, count, &decoders);
    assert_true(slow ? decoders == 3 : decoders > 3);
    mrl_tls_library_done(&l);
}

static void everything_else_is_still_there(void **state)
{
    struct mrl_tls_library l;
    EVP_PKEY *key;
    EVP_MD *md;

    (void)state;
    assert_ok(mrl_tls_library_init(&l));
    md = EVP_MD_fetch(l.context, "SHA256", NULL);
    key = EVP_PKEY_Q_keygen(l.context, NULL, "X25519");
    assert_non_null(md);
    assert_non_null(key);
    EVP_MD_free(md);
    EVP_PKEY_free(key);
    mrl_tls_library_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_decoders_remain_where_decoding_is_slow),
        cmocka_unit_test(everything_else_is_still_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
