/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads in DER and PEM, asks everything, and lets the certificate vouch for itself. */
static void ask(const struct mrl_cert *c)
{
    struct mrl_cert_list roots = {0}; /* borrows c: never freed as a list */
    struct mrl_cert *certs[] = {(struct mrl_cert *)(uintptr_t)c};
    MRL_AUTO(mrl_key) key = NULL;
    enum mrl_chain_reason reason;
    struct mrl_san san;
    enum mrl_san_kind kind;
    mrl_bytes value;
    mrl_err err;

    (void)mrl_cert_key(c, &key); /* any verdict is right */
    if (mrl_san_start(mrl_cert_facts(c)->san, &san) == MRL_OK) {
        while (mrl_san_next(&san, &kind, &value))
            continue;
    }
    roots.certs = certs;
    roots.count = 1;
    err = mrl_cert_verify_chain(c, NULL, &roots, MRL_PURPOSE_CLIENT, 1800000000, &reason);
    if ((err == MRL_OK) != (reason == MRL_CHAIN_OK))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_AUTO(mrl_cert) der = NULL;
    struct mrl_cert_list list = {0};

    if (mrl_cert_from_der(mrl_bytes_of(data, size), &der) == MRL_OK) {
        if (!mrl_bytes_eq(mrl_cert_facts(der)->der, mrl_bytes_of(data, size)))
            abort();
        ask(der);
    }
    if (mrl_cert_list_add_pem(&list, mrl_bytes_of(data, size)) == MRL_OK && list.count == 0)
        abort();
    for (size_t i = 0; i < list.count; i++)
        ask(list.certs[i]);
    mrl_cert_list_done(&list);
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
