/* SPDX-License-Identifier: Apache-2.0 */
/* TLS13-KDF of OpenSSL 3.0 and 3.1 looks its digest up by name and makes three contexts for each of
 * some twenty secrets and keys of a handshake: a tenth of a resumption. Here its derive function
 * does the key schedule with contexts that are there; whatever else it is asked goes to the
 * original. */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/expand_label.h"
#include "net/tls_internal.h"

enum { ALGORITHMS_MAX = 8, FUNCTIONS_MAX = 16 };

/* Constant once taken. */
static OSSL_ALGORITHM algorithms[ALGORITHMS_MAX + 1];
static OSSL_DISPATCH functions[FUNCTIONS_MAX + 1];
static OSSL_FUNC_kdf_derive_fn *original;

static _Thread_local mrl_tls_kdf_listener listener;
static _Thread_local void *listener_context;

struct step {
    int mode;
    enum mrl_label_hash hash;
    mrl_bytes key, salt, label, context;
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

/* What a handshake asks for always has a label. */
static bool read_step(const OSSL_PARAM params[], struct step *out)
{
    const OSSL_PARAM *mode = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
    struct step s = {0};
    mrl_bytes prefix;

    if (mode == NULL || OSSL_PARAM_get_int(mode, &s.mode) != 1 || !find_hash(params, &s.hash) ||
        !octets(params, OSSL_KDF_PARAM_PREFIX, &prefix) ||
        !octets(params, OSSL_KDF_PARAM_LABEL, &s.label))
        return false;
    (void)octets(params, OSSL_KDF_PARAM_KEY, &s.key); /* or there is none; the others too */
    (void)octets(params, OSSL_KDF_PARAM_SALT, &s.salt);
    (void)octets(params, OSSL_KDF_PARAM_DATA, &s.context);
    *out = s;
    return mrl_bytes_eq(prefix, MRL_LIT("tls13 ")) && s.label.len <= MRL_LABEL_MAX &&
           s.context.len <= MRL_LABEL_HASH_MAX;
}

static bool is_expansion(const struct step *s, size_t len)
{
    return s->mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && s->key.data != NULL &&
           len <= mrl_label_hash_size(s->hash);
}

static bool is_extraction(const struct step *s, size_t len)
{
    size_t size = mrl_label_hash_size(s->hash);

    return s->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY && len == size && s->context.len == 0 &&
           (s->salt.len == 0 || s->salt.len == size) && (s->key.data == NULL || s->key.len > 0);
}

static int derive(void *context, unsigned char *to, size_t len, const OSSL_PARAM params[])
{
    struct step s;

    if (params == NULL || !read_step(params, &s))
        return original(context, to, len, params);
    if (is_extraction(&s, len))
        return mrl_next_secret(s.hash, s.salt, s.label, s.key, to) == MRL_OK;
    if (!is_expansion(&s, len))
        return original(context, to, len, params);
    if (mrl_expand_label(s.hash, s.key, s.label, s.context, to, len) != MRL_OK)
        return 0;
    if (listener != NULL)
        listener(listener_context, s.label, mrl_bytes_of(to, len));
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

/* What TLS 1.2 and 1.3 and pre-shared keys ask for. */
static bool is_needed(const char *names)
{
    return strcmp(names, OSSL_KDF_NAME_TLS1_3_KDF) == 0 ||
           strcmp(names, OSSL_KDF_NAME_TLS1_PRF) == 0 || strcmp(names, OSSL_KDF_NAME_HKDF) == 0;
}

bool mrl_tls_kdf_take(const OSSL_ALGORITHM *all)
{
    size_t count = 0;

    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_needed(all->algorithm_names))
            continue;
        if (count == ALGORITHMS_MAX)
            return false;
        algorithms[count++] = *all;
        if (strcmp(all->algorithm_names, OSSL_KDF_NAME_TLS1_3_KDF) != 0)
            continue;
        if (!take_functions(all->implementation))
            return false;
        algorithms[count - 1].implementation = functions;
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
