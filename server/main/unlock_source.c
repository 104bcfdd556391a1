/* SPDX-License-Identifier: Apache-2.0 */
#include "main/unlock_source.h"

/* Texts of the configuration have a NUL behind them. */
static const char *text(mrl_bytes configured)
{
    return configured.len == 0 ? NULL : (const char *)configured.data;
}

static void take_pin(const struct mrl_config *c, struct mrl_unlock_source *s)
{
    s->pin_file = text(c->keys.pin_file);
    s->pin_credential = text(c->keys.pin_credential);
}

static void take_pkcs11(const struct mrl_config *c, struct mrl_unlock_source *s)
{
    take_pin(c, s);
    s->pkcs11_module = text(c->keys.pkcs11_module);
    s->pkcs11_token = text(c->keys.pkcs11_token);
    s->pkcs11_key = text(c->keys.pkcs11_key);
    for (size_t i = 0; i < c->keys.pkcs11_env.count && i < MRL_SOURCE_ENV; i++)
        s->pkcs11_env[s->pkcs11_env_count++] = text(c->keys.pkcs11_env.at[i]);
}

static void take_options(const struct mrl_config *c, struct mrl_unlock_source *s)
{
    switch (s->kind) {
    case MRL_UNLOCK_PASSPHRASE:
        s->passphrase_file = text(c->keys.passphrase_file);
        break;
    case MRL_UNLOCK_CREDENTIAL:
        s->credential = text(c->keys.credential);
        break;
    case MRL_UNLOCK_TPM:
        take_pin(c, s);
        s->tpm_tcti = text(c->keys.tpm_tcti);
        s->tpm_pcrs = text(c->keys.tpm_pcrs);
        break;
    case MRL_UNLOCK_PKCS11:
        take_pkcs11(c, s);
        break;
    case MRL_UNLOCK_FILE:
    case MRL_UNLOCK_NONE:
        break;
    }
}

static mrl_err check_path(const char *path, const char *key, struct mrl_why *why)
{
    if (path != NULL && path[0] != '/')
        return mrl_fail(why, MRL_ERR_INVALID, "%s in [keys] must be an absolute path", key);
    return MRL_OK;
}

mrl_err mrl_unlock_source_of(const struct mrl_config *config, struct mrl_unlock_source *out,
                             struct mrl_why *why)
{
    struct mrl_unlock_source s = {0};

    MRL_TRY(mrl_unlock_kind_read(mrl_config_unlocks[config->keys.unlock], &s.kind));
    take_options(config, &s);
    MRL_TRY(check_path(s.passphrase_file, "passphrase_file", why));
    MRL_TRY(check_path(s.pin_file, "pin_file", why));
    MRL_TRY(check_path(s.pkcs11_module, "pkcs11_module", why));
    MRL_TRY(mrl_source_check(&s, "", why));
    *out = s;
    return MRL_OK;
}
