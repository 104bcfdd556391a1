/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/pkcs7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written again, and reads as the same certificates. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_cert_list list = {0}, again = {0};
    mrl_bytes certs[MRL_PKCS7_CERTS_MAX];
    MRL_SCOPED(mrl_buf) der = {0};
    mrl_err err = mrl_pkcs7_read(mrl_bytes_of(data, size), &list);

    if ((err == MRL_OK) != (list.count > 0) || list.count > MRL_PKCS7_CERTS_MAX)
        abort();
    for (size_t i = 0; i < list.count; i++)
        certs[i] = mrl_cert_facts(list.certs[i])->der;
    if (err == MRL_OK &&
        (mrl_pkcs7_write(certs, list.count, &der) != MRL_OK ||
         mrl_pkcs7_read(mrl_buf_bytes(&der), &again) != MRL_OK || again.count != list.count))
        abort();
    mrl_cert_list_done(&list);
    mrl_cert_list_done(&again);
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
