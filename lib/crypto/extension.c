/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/extension.h"

mrl_err mrl_extension_read(struct mrl_reader *r, mrl_bytes *oid, mrl_bytes *value)
{
    struct mrl_reader inside;
    mrl_bytes critical, id, content;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_OID, &id));
    if (mrl_der_next_is(&inside, MRL_DER_BOOLEAN)) {
        MRL_TRY(mrl_der_read(&inside, MRL_DER_BOOLEAN, &critical));
        MRL_ENSURE(critical.len == 1, MRL_ERR_MALFORMED);
    }
    MRL_TRY(mrl_der_read(&inside, MRL_DER_OCTET_STRING, &content));
    MRL_TRY(mrl_reader_end(&inside));
    *oid = id;
    *value = content;
    return MRL_OK;
}

void mrl_extension_begin(struct mrl_der *d, mrl_bytes oid, bool critical)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    if (critical)
        mrl_der_true(d);
    mrl_der_begin(d, MRL_DER_OCTET_STRING);
}

void mrl_extension_end(struct mrl_der *d)
{
    mrl_der_end(d);
    mrl_der_end(d);
}
