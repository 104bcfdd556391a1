/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_ek.h"

#include <openssl/x509v3.h>

#include "base/utf8.h"
#include "crypto/openssl.h"

/* TCG EK Credential Profile A: 2.23.133.8.1; 2.23.133.2.1, .2 and .3 */
#define OID_EK_CERTIFICATE "\x67\x81\x05\x08\x01"
#define OID_MAKER "\x67\x81\x05\x02\x01"
#define OID_MODEL "\x67\x81\x05\x02\x02"
#define OID_VERSION "\x67\x81\x05\x02\x03"

static void owned_EXTENDED_KEY_USAGE_(EXTENDED_KEY_USAGE **p)
{
    EXTENDED_KEY_USAGE_free(*p);
}

static bool is_for_ek(const struct mrl_cert *c)
{
    OWNED(EXTENDED_KEY_USAGE)
    usages = X509_get_ext_d2i(mrl_cert_native(c), NID_ext_key_usage, NULL, NULL);
    const mrl_bytes wanted = MRL_LIT(OID_EK_CERTIFICATE);

    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(usages, i);

        if (mrl_bytes_eq(mrl_bytes_of(OBJ_get0_data(o), OBJ_length(o)), wanted))
            return true;
    }
    return false;
}

static void keep(mrl_bytes value, char to[static MRL_TPM2_EK_TEXT_MAX + 1])
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7f)
            return;
    if (mrl_utf8_valid(value))
        (void)mrl_bytes_to_cstr(value, to, MRL_TPM2_EK_TEXT_MAX + 1); /* "" when it is longer */
}

static mrl_err read_attribute(struct mrl_reader *set, struct mrl_tpm2_ek *out)
{
    struct mrl_reader r;
    mrl_bytes oid, value;

    MRL_TRY(mrl_der_enter(set, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_der_read(&r, MRL_DER_OID, &oid));
    MRL_TRY(mrl_der_read_any(&r, NULL, &value, NULL));
    MRL_TRY(mrl_reader_end(&r));
    if (mrl_bytes_eq(oid, MRL_LIT(OID_MAKER)))
        keep(value, out->maker);
    else if (mrl_bytes_eq(oid, MRL_LIT(OID_MODEL)))
        keep(value, out->model);
    else if (mrl_bytes_eq(oid, MRL_LIT(OID_VERSION)))
        keep(value, out->version);
    return MRL_OK;
}

/* directoryName [4]: a Name; makers put the three into one RDN or into three. */
static mrl_err read_directory_name(mrl_bytes element, struct mrl_tpm2_ek *out)
{
    struct mrl_reader r = {element, 0}, tagged, name, set;

    if (!mrl_der_next_is(&r, MRL_DER_CONTEXT_CONSTRUCTED(4)))
        return MRL_OK;
    MRL_TRY(mrl_der_enter(&r, MRL_DER_CONTEXT_CONSTRUCTED(4), &tagged));
    MRL_TRY(mrl_der_enter(&tagged, MRL_DER_SEQUENCE, &name));
    while (mrl_reader_left(&name) > 0) {
        MRL_TRY(mrl_der_enter(&name, MRL_DER_SET, &set));
        while (mrl_reader_left(&set) > 0)
            MRL_TRY(read_attribute(&set, out));
    }
    return MRL_OK;
}

static mrl_err read_names(mrl_bytes san, struct mrl_tpm2_ek *out)
{
    enum mrl_san_kind kind;
    struct mrl_san names;
    mrl_bytes value;

    MRL_TRY(mrl_san_start(san, &names));
    while (mrl_san_next(&names, &kind, &value))
        if (kind == MRL_SAN_OTHER)
            MRL_TRY(read_directory_name(value, out));
    return MRL_OK;
}

mrl_err mrl_tpm2_ek_read(const struct mrl_cert *c, struct mrl_tpm2_ek *out, struct mrl_why *why)
{
    struct mrl_tpm2_ek ek = {0};

    MRL_OPENSSL_SCOPE();
    if (mrl_cert_facts(c)->is_ca)
        return mrl_fail(why, MRL_ERR_INVALID, "the EK certificate is that of a CA");
    if (!is_for_ek(c)) /* EK Credential Profile 3.2.16 */
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the certificate is not for an endorsement key: extendedKeyUsage lacks "
                        "2.23.133.8.1");
    if (read_names(mrl_cert_facts(c)->san, &ek) != MRL_OK || ek.maker[0] == '\0' ||
        ek.model[0] == '\0' || ek.version[0] == '\0') /* EK Credential Profile 3.2.9 */
        return mrl_fail(why, MRL_ERR_INVALID,
                        "subjectAltName of the EK certificate does not name maker, model and "
                        "version of a TPM");
    *out = ek;
    return MRL_OK;
}
