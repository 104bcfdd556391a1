/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/web_identity.h"

#include <stdio.h>

#include "base/secret.h"

enum { FILE_LARGEST = 64 << 10 };

static mrl_err read_file(mrl_bytes path, struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = mrl_secret_new(FILE_LARGEST + 1);
    FILE *file = fopen((const char *)path.data, "rbe"); /* the configuration's texts have a NUL */
    size_t len;

    if (file == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: cannot open it: %m", MRL_FMT(path));
    (void)setvbuf(file, NULL, _IONBF, 0); /* no copy of a key in a buffer of stdio */
    len = fread(mrl_secret_data(all), 1, FILE_LARGEST + 1, file);
    (void)fclose(file); /* only read */
    if (len == 0 || len > FILE_LARGEST)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s is empty or longer than %d bytes",
                        MRL_FMT(path), FILE_LARGEST);
    *out = mrl_secret_copy(mrl_bytes_sub(mrl_secret_bytes(all), 0, len));
    return MRL_OK;
}

static mrl_err load_key(mrl_bytes path, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) pem = NULL;

    MRL_TRY(read_file(path, &pem, why));
    if (mrl_key_from_pem(mrl_secret_bytes(pem), MRL_BYTES_NONE, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s is no private key, or an encrypted one",
                        MRL_FMT(path));
    return MRL_OK;
}

static mrl_err load_chain(mrl_bytes path, struct mrl_cert_list *out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) pem = NULL;

    MRL_TRY(read_file(path, &pem, why));
    if (mrl_cert_list_add_pem(out, mrl_secret_bytes(pem)) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s holds no certificate", MRL_FMT(path));
    return MRL_OK;
}

mrl_err mrl_witness_web_identity(const struct mrl_witness_config *config,
                                 struct mrl_tls_context **out, struct mrl_why *why)
{
    static const mrl_bytes alpn = MRL_LIT_INIT("http/1.1");
    const struct mrl_tls_server_config tls = {
        .client_certificate = MRL_CLIENT_CERT_NONE, .alpn = &alpn, .alpn_count = 1};
    MRL_AUTO(mrl_tls_context) context = NULL;
    MRL_SCOPED(mrl_cert_list) chain = {0};
    MRL_AUTO(mrl_key) key = NULL;

    if (config->witness.certificate.len == 0 || config->witness.key.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "[witness] listen: HTTPS needs certificate and key; plain HTTP is spoken "
                        "on a UNIX socket only (listen = \"unix:/path\")");
    MRL_TRY(load_chain(config->witness.certificate, &chain, why));
    MRL_TRY(load_key(config->witness.key, &key, why));
    MRL_TRY(mrl_tls_server_new(&tls, &context, why));
    MRL_TRY(mrl_tls_context_set_identity(context, &chain, key, why));
    *out = MRL_TAKE(context);
    return MRL_OK;
}
