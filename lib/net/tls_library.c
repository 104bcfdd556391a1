/* SPDX-License-Identifier: Apache-2.0 */
/* In OpenSSL 3.0 and 3.1, 89 % of reading a certificate is spent walking some 40 decoders for its
 * public key, at every handshake. Here is a provider that is the default provider with all but the
 * decoders for SubjectPublicKeyInfo of EC, Ed25519 and RSA keys left out, and TLS13-KDF in short
 * (net/tls_kdf.c). All other queries are answered with the default provider's tables, and these run
 * on a context of a real default provider. From 3.2 on decoding is fast and the default provider is
 * used as it is. */
#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "net/tls_internal.h"

enum { DECODERS_MAX = 16 };

/* Constant once made. The tables are the same for every instance of the default provider. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_PROVIDER *tables;
static OSSL_ALGORITHM decoders[DECODERS_MAX + 1];

static bool wanted(const OSSL_ALGORITHM *a)
{
    static const mrl_bytes keys[] = {MRL_LIT_INIT("EC"), MRL_LIT_INIT("ED25519"),
                                     MRL_LIT_INIT("RSA")};
    static const char form[] = "structure=SubjectPublicKeyInfo";
    mrl_bytes name, aliases;

    if (a->property_definition == NULL || strstr(a->property_definition, form) == NULL ||
        strstr(a->property_definition, "input=der") == NULL)
        return false;
    (void)mrl_bytes_split(mrl_str(a->algorithm_names), ':', &name, &aliases); /* or no alias */
    for (size_t i = 0; i < MRL_COUNT(keys); i++)
        if (mrl_bytes_eq_nocase(name, keys[i]))
            return true;
    return false;
}

static void pick(void)
{
    const OSSL_ALGORITHM *all;
    size_t count = 0;
    int no_cache;

    tables = OSSL_PROVIDER_load(NULL, "default");
    if (tables == NULL)
        return;
    all = OSSL_PROVIDER_query_operation(tables, OSSL_OP_DECODER, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL && count < DECODERS_MAX; all++)
        if (wanted(all))
            decoders[count++] = *all;
    /* Not the OpenSSL we know: go without. */
    if (count == 0 ||
        !mrl_tls_kdf_take(OSSL_PROVIDER_query_operation(tables, OSSL_OP_KDF, &no_cache)))
        tables = NULL;
}

static const OSSL_ALGORITHM *thin_query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    if (operation == OSSL_OP_DECODER)
        return decoders;
    if (operation == OSSL_OP_KDF)
        return mrl_tls_kdf_table();
    return OSSL_PROVIDER_query_operation(tables, operation, no_cache);
}

static int thin_capabilities(void *context, const char *capability, OSSL_CALLBACK *each, void *arg)
{
    (void)context;
    return OSSL_PROVIDER_get_capabilities(tables, capability, each, arg);
}

/* OSSL_PROVIDER_load gives its init function nothing of ours: the provider whose context is to be
 * used passes through here, within mrl_tls_library_init. */
static _Thread_local const OSSL_PROVIDER *being_loaded;

static int thin_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                     const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))thin_query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))thin_capabilities},
        {0, NULL},
    };

    (void)handle;
    (void)in;
    if (being_loaded == NULL)
        return 0;
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(being_loaded);
    return 1;
}

bool mrl_tls_library_is_before_3_2(void)
{
    return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
}

static bool load_thin(struct mrl_tls_library *l)
{
    l->inner = OSSL_LIB_CTX_new();
    l->real = l->inner == NULL ? NULL : OSSL_PROVIDER_load(l->inner, "default");
    if (l->real == NULL || !OSSL_PROVIDER_add_builtin(l->context, "merlon-thin", thin_init))
        return false;
    being_loaded = l->real;
    l->thin = OSSL_PROVIDER_load(l->context, "merlon-thin");
    being_loaded = NULL;
    return l->thin != NULL;
}

mrl_err mrl_tls_library_init(struct mrl_tls_library *l)
{
    *l = (struct mrl_tls_library){.context = OSSL_LIB_CTX_new()};
    MRL_ENSURE(l->context != NULL, MRL_ERR_CRYPTO);
    if (!mrl_tls_library_is_before_3_2())
        return MRL_OK;
    (void)pthread_once(&once, pick);
    if (tables == NULL || load_thin(l))
        return MRL_OK;
    mrl_tls_library_done(l);
    return MRL_ERR_CRYPTO;
}

void mrl_tls_library_done(struct mrl_tls_library *l)
{
    if (l->thin != NULL)
        (void)OSSL_PROVIDER_unload(l->thin);
    OSSL_LIB_CTX_free(l->context);
    if (l->real != NULL)
        (void)OSSL_PROVIDER_unload(l->real);
    OSSL_LIB_CTX_free(l->inner);
    *l = (struct mrl_tls_library){0};
}
