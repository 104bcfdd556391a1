/* SPDX-License-Identifier: Apache-2.0 */
/* The request an agent sends (RFC 2986 4). */
#include "base/utf8.h"
#include "crypto/algorithm.h"
#include "crypto/csr.h"
#include "crypto/oid.h"

static void begin_attribute(struct mrl_der *d, mrl_bytes oid)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    mrl_der_begin(d, MRL_DER_SET);
}

static mrl_err end_attribute(struct mrl_der *d)
{
    mrl_der_end(d);
    mrl_der_end(d);
    return mrl_der_finish(d);
}

static mrl_err write_challenge(mrl_bytes challenge, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    MRL_ENSURE(challenge.len <= MRL_CHALLENGE_PASSWORD_MAX && mrl_utf8_valid(challenge),
               MRL_ERR_INVALID);
    if (challenge.len == 0)
        return MRL_OK;
    begin_attribute(&d, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD));
    mrl_der_put(&d, MRL_DER_UTF8, challenge);
    return end_attribute(&d);
}

static mrl_err write_uris(struct mrl_names uris, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    if (uris.count == 0)
        return MRL_OK;
    begin_attribute(&d, MRL_LIT(MRL_OID_EXTENSION_REQUEST));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_SUBJECT_ALT_NAME));
    mrl_der_begin(&d, MRL_DER_OCTET_STRING);
    mrl_san_write(&d, uris, (struct mrl_names){0}, (struct mrl_names){0});
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    return end_attribute(&d);
}

/* X.690 11.6: the elements of a SET OF ascend by their encoding. */
static void put_attributes(struct mrl_der *d, mrl_bytes a, mrl_bytes b)
{
    bool swap = mrl_bytes_cmp(a, b) > 0;

    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_raw(d, swap ? b : a);
    mrl_der_raw(d, swap ? a : b);
    mrl_der_end(d);
}

static mrl_err write_info(const struct mrl_csr_request *request, const struct mrl_key *key,
                          struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) challenge = {0};
    MRL_SCOPED(mrl_buf) uris = {0};
    struct mrl_der d = mrl_der_on(out);

    MRL_TRY(mrl_key_to_spki(key, &spki));
    MRL_TRY(write_challenge(request->challenge, &challenge));
    MRL_TRY(write_uris(request->uris, &uris));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_small(&d, 0); /* v1 */
    mrl_name_write(&d, request->cn);
    mrl_der_raw(&d, mrl_buf_bytes(&spki));
    put_attributes(&d, mrl_buf_bytes(&challenge), mrl_buf_bytes(&uris));
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

mrl_err mrl_csr_write(const struct mrl_csr_request *request, const struct mrl_key *key,
                      struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) info = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    MRL_SCOPED(mrl_buf) csr = {.limit = MRL_CSR_DER_MAX};
    struct mrl_der d = mrl_der_on(&csr);

    MRL_TRY(write_info(request, key, &info));
    MRL_TRY(mrl_key_sign(key, mrl_buf_bytes(&info), &signature));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, mrl_buf_bytes(&info));
    mrl_sign_alg_write(&d, mrl_key_algorithm(key));
    mrl_der_bits(&d, mrl_buf_bytes(&signature));
    mrl_der_end(&d);
    MRL_TRY(mrl_der_finish(&d));
    return mrl_buf_append(out, mrl_buf_bytes(&csr));
}
