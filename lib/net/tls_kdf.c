/* SPDX-License-Identifier: Apache-2.0 */
/* TLS13-KDF of OpenSSL 3.0 and 3.1 looks its digest up by name and makes three contexts for each of
 * some twenty secrets and keys of a handshake: a tenth of a resumption. Here its derive function
 * does HKDF-Expand-Label with contexts that are there; whatever else it is asked goes to the
 * original. */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/expand_label.h"
#include "net/tls_internal.h"

enum { ALGORITHMS_MAX = 32, FUNCTIONS_MAX = 16 };

/* Constant once taken. */
static OSSL_ALGORITHM algorithms[ALGORITHMS_MAX + 1];
static OSSL_DISPATCH functions[FUNCTIONS_MAX + 1];
static OSSL_FUNC_kdf_derive_fn *original;

static _Thread_local mrl_tls_kdf_listener listener;
static _Thread_local void *listener_context;

struct expansion {
    enum mrl_label_hash hash;
    mrl_bytes secret, label, context;
};

static bool octets(const OSSL_PARAM params[], const char *name, mrl_bytes *out)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING)
        return false;
    *out = mrl_bytes_of(p->data, p->data_size);
    return true;
}

static bool find_hash(const OSSL_PARAM params[], enum mrl_label_hash *out)
{
    const char *name;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);

    if (p == NULL || OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return false;
    *out = strcmp(name, "SHA2-384") == 0 ? MRL_LABEL_SHA384 : MRL_LABEL_SHA256;
    return *out == MRL_LABEL_SHA384 || strcmp(name, "SHA2-256") == 0;
}

/* The one shape of call that a handshake makes. */
static bool is_expansion(const OSSL_PARAM params[], size_t len, struct expansion *out)
{
    const OSSL_PARAM *mode = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
    struct expansion e = {0};
    mrl_bytes prefix;
    int kind;

    if (mode == NULL || OSSL_PARAM_get_int(mode, &kind) != 1 ||
        kind != EVP_KDF_HKDF_MODE_EXPAND_ONLY || !find_hash(params, &e.hash) ||
        !octets(params, OSSL_KDF_PARAM_KEY, &e.secret) ||
        !octets(params, OSSL_KDF_PARAM_PREFIX, &prefix) ||
        !octets(params, OSSL_KDF_PARAM_LABEL, &e.label))
        return false;
    (void)octets(params, OSSL_KDF_PARAM_DATA, &e.context); /* or there is none */
    *out = e;
    return mrl_bytes_eq(prefix, MRL_LIT("tls13 ")) && e.label.len <= MRL_LABEL_MAX &&
           e.context.len <= MRL_LABEL_HASH_MAX && len <= mrl_label_hash_size(e.hash);
}

static int derive(void *context, unsigned char *to, size_t len, const OSSL_PARAM params[])
{
    struct expansion e;

    if (params == NULL || !is_expansion(params, len, &e))
        return original(context, to, len, params);
    if (mrl_expand_label(e.hash, e.secret, e.label, e.context, to, len) != MRL_OK)
        return 0;
    if (listener != NULL)
        listener(listener_context, e.label, mrl_bytes_of(to, len));
    return 1;
}

static bool take_functions(const OSSL_DISPATCH *all)
{
    for (size_t i = 0; all[i].function_id != 0; i++) {
        if (i == FUNCTIONS_MAX)
            return false;
        functions[i] = all[i];
        if (all[i].function_id != OSSL_FUNC_KDF_DERIVE)
            continue;
        original = OSSL_FUNC_kdf_derive(&all[i]);
        functions[i].function = (void (*)(void))derive;
    }
    return original != NULL;
}

bool mrl_tls_kdf_take(const OSSL_ALGORITHM *all)
{
    for (size_t i = 0; all != NULL && all[i].algorithm_names != NULL; i++) {
        if (i == ALGORITHMS_MAX)
            return false;
        algorithms[i] = all[i];
        if (strcmp(all[i].algorithm_names, OSSL_KDF_NAME_TLS1_3_KDF) != 0)
            continue;
        if (!take_functions(all[i].implementation))
            return false;
        algorithms[i].implementation = functions;
    }
    return original != NULL;
}

const OSSL_ALGORITHM *mrl_tls_kdf_table(void)
{
    return algorithms;
}

void mrl_tls_kdf_listen(mrl_tls_kdf_listener to, void *context)
{
    listener = to;
    listener_context = context;
}
