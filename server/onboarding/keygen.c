/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/keygen.h"

#include "crypto/csr.h"
#include "crypto/key_package.h"
#include "devices/credential.h"
#include "onboarding/terms.h"

void mrl_made_done(struct mrl_made *m)
{
    mrl_buf_done(&m->certificate);
    mrl_buf_done(&m->key);
}

/* ---- to whom ---- */

struct present {
    mrl_bytes id; /* asked for */
    struct mrl_key *key;
};

static void take_present(void *context, const struct mrl_credential_info *credential, mrl_bytes der)
{
    struct present *p = context;
    MRL_AUTO(mrl_cert) cert = NULL;

    (void)credential;
    if (mrl_cert_from_der(der, &cert) == MRL_OK && mrl_bytes_eq(mrl_cert_facts(cert)->ski, p->id))
        (void)mrl_cert_key(cert, &p->key); /* NULL: not found */
}

/* The key of the request, when it has this identifier and whoever sent it holds it. */
static struct mrl_key *key_of_request(const struct mrl_csr *csr, mrl_bytes id)
{
    uint8_t own[MRL_KEY_ID_SIZE];
    struct mrl_key *key = NULL;
    enum mrl_csr_reason reason;

    if (mrl_spki_key_id(mrl_csr_facts(csr)->spki, own) != MRL_OK ||
        !mrl_bytes_eq(mrl_bytes_of(own, sizeof(own)), id) ||
        mrl_csr_check(csr, &key, &reason) != MRL_OK)
        return NULL;
    return key;
}

static mrl_err find_recipient(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                              const struct mrl_csr *csr, struct mrl_key **out, struct mrl_why *why)
{
    struct present p = {.id = mrl_csr_facts(csr)->recipient};

    if (mrl_csr_facts(csr)->shared_key_asked) /* RFC 7030 4.4.1.1 */
        return mrl_fail(why, MRL_ERR_INVALID,
                        "DecryptKeyIdentifier: there is no secret shared with this device");
    if (p.id.len == 0)
        return MRL_OK;
    if (e->present != NULL)
        (void)mrl_credential_show(o->registry, e->present, take_present, &p, NULL);
    if (p.key == NULL)
        p.key = key_of_request(csr, p.id);
    if (p.key == NULL) /* RFC 7030 4.4.1.2 */
        return mrl_fail(why, MRL_ERR_INVALID,
                        "AsymmetricDecryptKeyIdentifier: neither the key of the certificate nor "
                        "that of the request");
    *out = p.key;
    return MRL_OK;
}

/* ---- the key ---- */

static mrl_err encrypt_key(struct mrl_onboarding *o, mrl_bytes pkcs8,
                           const struct mrl_recipient *to, struct mrl_made *out,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_server_identity) us = {0};
    struct mrl_key_maker maker = {.chain = &us.chain};

    out->encrypted = true;
    MRL_TRY(mrl_issuing_present_identity(o->issuing, &us));
    maker.key = us.key;
    return mrl_key_package_write(pkcs8, &maker, to, &out->key, why);
}

static mrl_err write_key(struct mrl_onboarding *o, const struct mrl_key *key,
                         const struct mrl_recipient *to, struct mrl_made *out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_key_to_pkcs8(key, &pkcs8));
    if (to->key != NULL)
        return encrypt_key(o, mrl_secret_bytes(pkcs8), to, out, why);
    return mrl_buf_append(&out->key, mrl_secret_bytes(pkcs8));
}

static mrl_err make_key(const struct mrl_profile *p, struct mrl_key **key, struct mrl_buf *spki,
                        struct mrl_why *why)
{
    enum mrl_key_type type;

    MRL_ENSURE(mrl_profile_made_key(p, &type), MRL_ERR_STATE);
    MRL_TRY(mrl_key_generate(type, key, why));
    return mrl_key_to_spki(*key, spki);
}

static enum mrl_enrol_refusal certify(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                      mrl_enrol_function *enrol, const struct mrl_recipient *to,
                                      struct mrl_made *out, struct mrl_why *why)
{
    struct mrl_enrolment made = *e;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};

    /* The answer first: what cannot be answered must not use up the token. */
    if (make_key(mrl_terms_profile(o, e), &key, &spki, why) != MRL_OK ||
        write_key(o, key, to, out, why) != MRL_OK)
        return MRL_ENROL_UNAVAILABLE;
    made.made_spki = mrl_buf_bytes(&spki);
    return enrol(o, &made, &out->certificate, why);
}

static enum mrl_enrol_refusal bad_request(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                          const struct mrl_why *why)
{
    mrl_enrol_note_refused(o, e, why->text);
    return MRL_ENROL_BAD_REQUEST;
}

enum mrl_enrol_refusal mrl_keygen(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                  mrl_enrol_function *enrol, struct mrl_made *out,
                                  struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) recipient = NULL;
    struct mrl_recipient to = {0};
    enum mrl_csr_reason reason;

    out->key.secret = true;
    if (mrl_csr_from_body(e->request, &csr, &reason) != MRL_OK)
        return enrol(o, e, &out->certificate, why); /* which says what is wrong with it */
    if (find_recipient(o, e, csr, &recipient, why) != MRL_OK)
        return bad_request(o, e, why);
    to = (struct mrl_recipient){recipient, mrl_csr_facts(csr)->recipient,
                                mrl_csr_facts(csr)->capabilities};
    if (recipient != NULL && mrl_enveloped_check(&to, why) != MRL_OK)
        return bad_request(o, e, why);
    return certify(o, e, enrol, &to, out, why);
}
