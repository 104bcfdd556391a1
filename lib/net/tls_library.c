/* SPDX-License-Identifier: Apache-2.0 */
/* In OpenSSL 3.0 and 3.1, most of reading a certificate is spent walking some 40 decoders for its
 * public key, and then every algorithm of any kind that was ever asked for, at every handshake.
 * Here is a provider that is the default provider with only what TLS uses here, TLS13-KDF in short
 * (net/tls_kdf.c), and keys on P-256 read directly (net/tls_spki.c). All of it runs on a context of
 * a real default provider. From 3.2 on decoding is fast and the default provider is used as it is.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "net/tls_internal.h"

enum { KEPT_MAX = 16 };

/* What is left of one kind of algorithm. */
struct thinned {
    int operation;
    const char *names;         /* kept, ':' around each: the first name of an algorithm counts */
    const char *properties[2]; /* all of them in its properties */
    OSSL_ALGORITHM kept[KEPT_MAX + 1];
};

/* Constant once made. The tables are the same for every instance of the default provider. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_PROVIDER *tables;
static struct thinned thinned[] = {
    {OSSL_OP_DECODER, ":EC:ED25519:RSA:", {"structure=SubjectPublicKeyInfo", "input=der"}, {{0}}},
    {OSSL_OP_KEYMGMT, ":EC:ED25519:RSA:RSA-PSS:X25519:HMAC:", {"", ""}, {{0}}},
    {OSSL_OP_CIPHER, ":AES-256-GCM:AES-128-GCM:ChaCha20-Poly1305:", {"", ""}, {{0}}},
    {OSSL_OP_DIGEST, ":SHA1:SHA2-256:SHA2-384:SHA2-512:MD5-SHA1:", {"", ""}, {{0}}},
    {OSSL_OP_KEYEXCH, ":X25519:ECDH:", {"", ""}, {{0}}},
    {OSSL_OP_SIGNATURE, ":ECDSA:ED25519:RSA:HMAC:", {"", ""}, {{0}}},
    {OSSL_OP_MAC, ":HMAC:", {"", ""}, {{0}}},
    {OSSL_OP_RAND, ":CTR-DRBG:SEED-SRC:", {"", ""}, {{0}}},
};

static bool is_kept(const struct thinned *t, const OSSL_ALGORITHM *a)
{
    const char *properties = a->property_definition != NULL ? a->property_definition : "";
    mrl_bytes name, aliases;
    char marked[64];

    (void)mrl_bytes_split(mrl_str(a->algorithm_names), ':', &name, &aliases); /* or no alias */
    (void)snprintf(marked, sizeof(marked), ":%.*s:", MRL_FMT(name)); /* a longer one is not ours */
    return strcasestr(t->names, marked) != NULL && strstr(properties, t->properties[0]) != NULL &&
           strstr(properties, t->properties[1]) != NULL;
}

/* false: nothing is left. */
static bool thin(struct thinned *t)
{
    size_t count = 0;
    int no_cache;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(tables, t->operation, &no_cache);

    for (; all != NULL && all->algorithm_names != NULL && count < KEPT_MAX; all++)
        if (is_kept(t, all))
            t->kept[count++] = *all;
    return count > 0;
}

static OSSL_ALGORITHM *kept_of(int operation)
{
    for (size_t i = 0; i < MRL_COUNT(thinned); i++)
        if (thinned[i].operation == operation)
            return thinned[i].kept;
    return NULL;
}

static void pick(void)
{
    bool good;
    int no_cache;

    tables = OSSL_PROVIDER_load(NULL, "default");
    if (tables == NULL)
        return;
    good = mrl_tls_kdf_take(OSSL_PROVIDER_query_operation(tables, OSSL_OP_KDF, &no_cache));
    for (size_t i = 0; i < MRL_COUNT(thinned); i++)
        good &= thin(&thinned[i]);
    good = good && mrl_tls_spki_take(kept_of(OSSL_OP_DECODER), kept_of(OSSL_OP_KEYMGMT),
                                     OSSL_PROVIDER_get0_provider_ctx(tables));
    if (!good) /* not the OpenSSL we know: go without */
        tables = NULL;
}

static const OSSL_ALGORITHM *thin_query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    if (kept_of(operation) != NULL)
        return kept_of(operation);
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
    mrl_tls_spki_core(in);
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
