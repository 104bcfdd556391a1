/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ocsp.h"

#include <openssl/ocsp.h>

#include "tests/unit/crypto/fixtures.h"

static struct hierarchy hierarchy;
static struct mrl_cert *device, *delegate;
static struct mrl_key *delegate_key;

static int start(void **state)
{
    MRL_AUTO(mrl_key) key = NULL;

    (void)state;
    hierarchy_new(&hierarchy, MRL_KEY_P256);
    key = make_key(MRL_KEY_P256);
    device = issue(make_profile(MRL_CERT_DEVICE, "pump-7"), key, issuing_of(&hierarchy),
                   hierarchy.issuing_key);
    delegate_key = make_key(MRL_KEY_P256);
    delegate = issue(make_profile(MRL_CERT_OCSP, "ocsp"), delegate_key, issuing_of(&hierarchy),
                     hierarchy.issuing_key);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mrl_cert_free(device);
    mrl_cert_free(delegate);
    mrl_key_free(delegate_key);
    hierarchy_done(&hierarchy);
    return 0;
}

static OCSP_CERTID *id_of(const EVP_MD *digest)
{
    return OCSP_cert_to_id(digest, mrl_cert_native(device),
                           mrl_cert_native(issuing_of(&hierarchy)));
}

/* As a stranger's OpenSSL makes it. */
static void make_request(const EVP_MD *digest, unsigned count, bool nonce, struct mrl_buf *out)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    uint8_t *der = NULL;
    int len;

    for (unsigned i = 0; i < count; i++)
        assert_non_null(OCSP_request_add0_id(request, id_of(digest)));
    if (nonce)
        assert_int_equal(OCSP_request_add1_nonce(request, NULL, 16), 1);
    len = i2d_OCSP_REQUEST(request, &der);
    assert_true(len > 0);
    assert_ok(mrl_buf_append(out, mrl_bytes_of(der, (size_t)len)));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
}

static void a_request_names_the_issuer_by_either_hash(void **state)
{
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256()};
    struct mrl_ocsp_issuer ours, root;

    (void)state;
    assert_ok(mrl_ocsp_issuer_of(issuing_of(&hierarchy), &ours));
    assert_ok(mrl_ocsp_issuer_of(root_of(&hierarchy), &root));
    for (unsigned i = 0; i < 4; i++) {
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_ocsp_request q;

        make_request(digests[i / 2], 1, /*nonce=*/i % 2 == 1, &der);
        assert_ok(mrl_ocsp_read_request(mrl_buf_bytes(&der), &q));
        assert_int_equal(q.hash, i / 2);
        assert_bytes_equal(q.serial, mrl_cert_facts(device)->serial);
        assert_true(mrl_ocsp_issuer_is(&ours, &q));
        assert_false(mrl_ocsp_issuer_is(&root, &q));
    }
}

static void more_than_one_certificate_and_other_hashes_are_refused(void **state)
{
    MRL_SCOPED(mrl_buf) two = {0};
    MRL_SCOPED(mrl_buf) sha512 = {0};
    MRL_SCOPED(mrl_buf) none = {0};
    struct mrl_ocsp_request q;

    (void)state;
    make_request(EVP_sha1(), 2, /*nonce=*/false, &two);
    assert_int_equal(mrl_ocsp_read_request(mrl_buf_bytes(&two), &q), MRL_ERR_LIMIT);
    make_request(EVP_sha512(), 1, /*nonce=*/false, &sha512);
    assert_int_equal(mrl_ocsp_read_request(mrl_buf_bytes(&sha512), &q), MRL_ERR_UNSUPPORTED);
    make_request(EVP_sha1(), 0, /*nonce=*/false, &none);
    assert_int_equal(mrl_ocsp_read_request(mrl_buf_bytes(&none), &q), MRL_ERR_MALFORMED);
}

static void cut_and_lengthened_requests_are_malformed(void **state)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_ocsp_request q = {.hash = MRL_OCSP_HASHES};

    (void)state;
    make_request(EVP_sha1(), 1, /*nonce=*/true, &der);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(mrl_ocsp_read_request(mrl_bytes_of(der.data, len), &q), MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&der, MRL_LIT("\0")));
    assert_int_equal(mrl_ocsp_read_request(mrl_buf_bytes(&der), &q), MRL_ERR_MALFORMED);
    assert_int_equal(q.hash, MRL_OCSP_HASHES);
}

static mrl_err read_request_of(size_t len, size_t serial_len, size_t *size)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_der d = mrl_der_on(&der);
    uint8_t filler[MRL_OCSP_REQUEST_MAX + 1] = {1};
    struct mrl_ocsp_request q;

    for (unsigned i = 0; i < 5; i++) /* request, tbs, list, one, CertID */
        mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT("\x2b\x0e\x03\x02\x1a"));
    mrl_der_end(&d);
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(filler, 20));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(filler, 20));
    mrl_der_unsigned(&d, mrl_bytes_of(filler, serial_len));
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    if (len > 0)
        mrl_der_put(&d, MRL_DER_CONTEXT_CONSTRUCTED(2), mrl_bytes_of(filler, len));
    mrl_der_end(&d);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    *size = der.len;
    return mrl_ocsp_read_request(mrl_buf_bytes(&der), &q);
}

static void a_request_and_a_serial_have_limits(void **state)
{
    size_t len = 3900, size;

    (void)state;
    assert_ok(read_request_of(0, 20, &size));
    assert_int_equal(read_request_of(0, 21, &size), MRL_ERR_MALFORMED); /* RFC 5280 4.1.2.2 */
    while (read_request_of(len, 1, &size) == MRL_OK)
        len++;
    assert_int_equal(read_request_of(len, 1, &size), MRL_ERR_LIMIT);
    assert_int_equal(size, MRL_OCSP_REQUEST_MAX + 1);
}

static void make_response(enum mrl_ocsp_hash hash, int64_t revoked, struct mrl_buf *out)
{
    struct mrl_ocsp_issuer issuer;
    MRL_SCOPED(mrl_buf) data = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    struct mrl_ocsp_answer a = {.issuer = &issuer,
                                .hash = hash,
                                .serial = mrl_cert_facts(device)->serial,
                                .revoked = revoked,
                                .reason =
                                    revoked == 0 ? MRL_CRL_UNSPECIFIED : MRL_CRL_KEY_COMPROMISE,
                                .this_update = FIXTURE_NOW,
                                .next_update = FIXTURE_NOW + DAY,
                                .responder = mrl_cert_facts(delegate)->ski};

    assert_ok(mrl_ocsp_issuer_of(issuing_of(&hierarchy), &issuer));
    assert_ok(mrl_ocsp_answer_data(&a, &data));
    assert_ok(mrl_key_sign(delegate_key, mrl_buf_bytes(&data), &signature));
    assert_ok(mrl_ocsp_response(mrl_buf_bytes(&data), mrl_key_algorithm(delegate_key),
                                mrl_buf_bytes(&signature), mrl_cert_facts(delegate)->der, out));
}

/* OpenSSL checks the signature and that the CA lets this delegate sign. */
static void check_response(const struct mrl_buf *der, const EVP_MD *digest, int wanted)
{
    const uint8_t *at = der->data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der->len);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    X509_STORE *store = X509_STORE_new();
    OCSP_CERTID *id = id_of(digest);
    ASN1_GENERALIZEDTIME *revoked, *from, *until;
    STACK_OF(X509) *chain = sk_X509_new_null();
    int status = -1, reason = -1;

    assert_non_null(basic);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)FIXTURE_NOW);
    X509_STORE_add_cert(store, mrl_cert_native(root_of(&hierarchy)));
    sk_X509_push(chain, mrl_cert_native(issuing_of(&hierarchy)));
    assert_int_equal(OCSP_basic_verify(basic, chain, store, 0), 1);
    assert_int_equal(OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until),
                     1);
    assert_int_equal(status, wanted);
    assert_int_equal(reason,
                     wanted == V_OCSP_CERTSTATUS_REVOKED ? OCSP_REVOKED_STATUS_KEYCOMPROMISE : -1);
    assert_non_null(until);
    sk_X509_free(chain);
    OCSP_CERTID_free(id);
    X509_STORE_free(store);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

static void openssl_takes_what_the_delegate_signed(void **state)
{
    (void)state;
    for (unsigned hash = 0; hash < MRL_OCSP_HASHES; hash++) {
        const EVP_MD *digest = hash == MRL_OCSP_SHA1 ? EVP_sha1() : EVP_sha256();
        MRL_SCOPED(mrl_buf) good = {0};
        MRL_SCOPED(mrl_buf) revoked = {0};

        make_response((enum mrl_ocsp_hash)hash, 0, &good);
        check_response(&good, digest, V_OCSP_CERTSTATUS_GOOD);
        make_response((enum mrl_ocsp_hash)hash, FIXTURE_NOW - 5, &revoked);
        check_response(&revoked, digest, V_OCSP_CERTSTATUS_REVOKED);
    }
}

static void an_error_is_a_status_and_nothing_else(void **state)
{
    static const enum mrl_ocsp_status all[] = {MRL_OCSP_MALFORMED, MRL_OCSP_INTERNAL_ERROR,
                                               MRL_OCSP_TRY_LATER, MRL_OCSP_UNAUTHORIZED};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(all); i++) {
        uint8_t der[MRL_OCSP_ERROR_SIZE];
        const uint8_t *at = der;
        OCSP_RESPONSE *response;

        mrl_ocsp_error(all[i], der);
        response = d2i_OCSP_RESPONSE(NULL, &at, sizeof(der));
        assert_non_null(response);
        assert_int_equal(OCSP_response_status(response), all[i]);
        OCSP_RESPONSE_free(response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_the_issuer_by_either_hash),
        cmocka_unit_test(more_than_one_certificate_and_other_hashes_are_refused),
        cmocka_unit_test(cut_and_lengthened_requests_are_malformed),
        cmocka_unit_test(a_request_and_a_serial_have_limits),
        cmocka_unit_test(openssl_takes_what_the_delegate_signed),
        cmocka_unit_test(an_error_is_a_status_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
