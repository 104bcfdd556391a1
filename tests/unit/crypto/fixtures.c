/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/crypto/fixtures.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

struct mrl_key *make_key(enum mrl_key_type type)
{
    struct mrl_key *k = NULL;

    assert_ok(mrl_key_generate(type, &k, NULL));
    return k;
}

struct mrl_cert_profile make_profile(enum mrl_cert_kind kind, const char *cn)
{
    struct mrl_cert_profile p = {.kind = kind,
                                 .cn = mrl_str(cn),
                                 .not_before = FIXTURE_NOW - DAY,
                                 .not_after = FIXTURE_NOW + DAY};

    mrl_serial_random(p.serial);
    return p;
}

struct mrl_cert *issue(struct mrl_cert_profile profile, const struct mrl_key *subject_key,
                       const struct mrl_cert *issuer, const struct mrl_key *issuer_key)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert *c = NULL;

    assert_ok(mrl_key_to_spki(subject_key, &spki));
    profile.spki = mrl_buf_bytes(&spki);
    assert_ok(mrl_cert_build(&profile, issuer, issuer_key, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &c));
    return c;
}

void hierarchy_new(struct hierarchy *h, enum mrl_key_type type)
{
    struct mrl_cert_profile root = make_profile(MRL_CERT_ROOT_CA, "Test Root");
    struct mrl_cert_profile issuing = make_profile(MRL_CERT_ISSUING_CA, "Test Issuing");

    *h = (struct hierarchy){make_key(type), make_key(type)};
    root.not_before = issuing.not_before = FIXTURE_NOW - 100 * DAY;
    root.not_after = issuing.not_after = FIXTURE_NOW + 1000 * DAY;
    assert_ok(mrl_cert_list_add(&h->roots, issue(root, h->root_key, NULL, h->root_key)));
    assert_ok(mrl_cert_list_add(&h->intermediates,
                                issue(issuing, h->issuing_key, root_of(h), h->root_key)));
}

void hierarchy_done(struct hierarchy *h)
{
    mrl_key_free(h->root_key);
    mrl_key_free(h->issuing_key);
    mrl_cert_list_done(&h->roots);
    mrl_cert_list_done(&h->intermediates);
}

void foreign_csr(EVP_PKEY *pkey, const char *digest, struct mrl_buf *out)
{
    X509_REQ *req = X509_REQ_new();
    EVP_MD *md = digest == NULL ? NULL : EVP_MD_fetch(NULL, digest, NULL);
    uint8_t *to;
    int len;

    assert_non_null(pkey);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
                                                (const uint8_t *)"stranger", -1, -1, 0),
                     1);
    assert_int_equal(X509_REQ_set_pubkey(req, pkey), 1);
    assert_true(X509_REQ_sign(req, pkey, md) > 0);
    len = i2d_X509_REQ(req, NULL);
    assert_ok(mrl_buf_reserve(out, (size_t)len, &to));
    assert_int_equal(i2d_X509_REQ(req, &to), len);
    mrl_buf_added(out, (size_t)len);
    X509_REQ_free(req);
    EVP_MD_free(md);
    EVP_PKEY_free(pkey);
}

EVP_PKEY *foreign_rsa(unsigned bits, unsigned exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *pkey = NULL;

    assert_int_equal(BN_set_word(e, exponent), 1);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
    BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

void flipped(mrl_bytes from, size_t at, struct mrl_buf *out)
{
    mrl_buf_clear(out);
    assert_ok(mrl_buf_append(out, from));
    assert_true(at < out->len);
    out->data[at] ^= 1;
}
