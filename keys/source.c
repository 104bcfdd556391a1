/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/source.h"

#include <string.h>

#define TEXT(field) offsetof(struct mrl_unlock_source, field)
enum { NO_TEXT = 0, FD_MOST = INT16_MAX };

/* Which kinds an option is for, as bits. */
enum { PASSPHRASE = 1, CREDENTIAL = 2, TPM = 4, PKCS11 = 8 };

static const struct rule {
    const char *name;
    const char *new_name; /* the same for the source that rekey makes */
    int kinds;
    size_t text; /* where it goes; NO_TEXT: a function of its own */
} rules[] = {
    {"--passphrase-fd", "--new-passphrase-fd", PASSPHRASE, NO_TEXT},
    {"--passphrase-file", "--new-passphrase-file", PASSPHRASE, TEXT(passphrase_file)},
    {"--credential", "--new-credential", CREDENTIAL, TEXT(credential)},
    {"--pin-file", "--new-pin-file", TPM | PKCS11, TEXT(pin_file)},
    {"--pin-credential", "--new-pin-credential", TPM | PKCS11, TEXT(pin_credential)},
    {"--tpm-tcti", "--new-tpm-tcti", TPM, TEXT(tpm_tcti)},
    {"--tpm-pcrs", "--new-tpm-pcrs", TPM, TEXT(tpm_pcrs)},
    {"--pkcs11-module", "--new-pkcs11-module", PKCS11, TEXT(pkcs11_module)},
    {"--pkcs11-token", "--new-pkcs11-token", PKCS11, TEXT(pkcs11_token)},
    {"--pkcs11-key", "--new-pkcs11-key", PKCS11, TEXT(pkcs11_key)},
    {"--pkcs11-env", "--new-pkcs11-env", PKCS11, NO_TEXT},
};
_Static_assert(MRL_COUNT(rules) == MRL_SOURCE_OPTIONS, "the header counts them");

static const char **text_at(struct mrl_unlock_source *s, const struct rule *r)
{
    return (const char **)((char *)s + r->text);
}

static const char *text_of(const struct mrl_unlock_source *s, const struct rule *r)
{
    return *(const char *const *)((const char *)s + r->text);
}

const char *mrl_source_option(size_t at, bool of_new)
{
    return (of_new ? rules[at].new_name : rules[at].name) + 2; /* after the dashes */
}

static mrl_err take_fd(struct mrl_unlock_source *s, const char *value, struct mrl_why *why)
{
    uint64_t number;

    if (!mrl_bytes_to_u64(mrl_str(value), FD_MOST, &number))
        return mrl_fail(why, MRL_ERR_INVALID, "--passphrase-fd takes a number up to %d", FD_MOST);
    s->passphrase_fd = (int)number;
    s->fd_given = true;
    return MRL_OK;
}

static mrl_err take_env(struct mrl_unlock_source *s, const char *value, struct mrl_why *why)
{
    const char *equals = strchr(value, '=');

    if (equals == NULL || equals == value)
        return mrl_fail(why, MRL_ERR_INVALID, "--pkcs11-env takes NAME=VALUE");
    if (s->pkcs11_env_count == MRL_SOURCE_ENV)
        return mrl_fail(why, MRL_ERR_INVALID, "--pkcs11-env can be given %d times at most",
                        MRL_SOURCE_ENV);
    s->pkcs11_env[s->pkcs11_env_count++] = value;
    return MRL_OK;
}

mrl_err mrl_source_take(struct mrl_unlock_source *s, size_t at, const char *value,
                        struct mrl_why *why)
{
    const struct rule *r = &rules[at];

    if (strlen(value) > MRL_SOURCE_TEXT_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s takes at most %d bytes", r->name,
                        MRL_SOURCE_TEXT_MAX);
    if (r->kinds == PASSPHRASE && r->text == NO_TEXT)
        return take_fd(s, value, why);
    if (r->text == NO_TEXT)
        return take_env(s, value, why);
    *text_at(s, r) = value;
    return MRL_OK;
}

static bool is_given(const struct mrl_unlock_source *s, const struct rule *r)
{
    if (r->text != NO_TEXT)
        return text_of(s, r) != NULL;
    return r->kinds == PASSPHRASE ? s->fd_given : s->pkcs11_env_count > 0;
}

static int bit_of(enum mrl_unlock_kind kind)
{
    switch (kind) {
    case MRL_UNLOCK_PASSPHRASE:
        return PASSPHRASE;
    case MRL_UNLOCK_CREDENTIAL:
        return CREDENTIAL;
    case MRL_UNLOCK_TPM:
        return TPM;
    case MRL_UNLOCK_PKCS11:
        return PKCS11;
    case MRL_UNLOCK_FILE:
    case MRL_UNLOCK_NONE:
        break;
    }
    return 0;
}

/* The kind whose own options are there; a PIN alone says nothing. */
static enum mrl_unlock_kind told_by_the_rest(const struct mrl_unlock_source *s)
{
    if (s->fd_given || s->passphrase_file != NULL)
        return MRL_UNLOCK_PASSPHRASE;
    if (s->credential != NULL)
        return MRL_UNLOCK_CREDENTIAL;
    if (s->pkcs11_module != NULL)
        return MRL_UNLOCK_PKCS11;
    return s->tpm_tcti != NULL ? MRL_UNLOCK_TPM : MRL_UNLOCK_FILE;
}

static mrl_err check_fit(const struct mrl_unlock_source *s, const char *prefix, struct mrl_why *why)
{
    for (size_t i = 0; i < MRL_COUNT(rules); i++)
        if (is_given(s, &rules[i]) && (rules[i].kinds & bit_of(s->kind)) == 0)
            return mrl_fail(why, MRL_ERR_INVALID, "--%s%s does not go with the unlock key kind %s",
                            prefix, rules[i].name + 2, mrl_unlock_kind_name(s->kind));
    return MRL_OK;
}

static mrl_err need(bool given, const char *prefix, const char *what, struct mrl_why *why)
{
    return given ? MRL_OK : mrl_fail(why, MRL_ERR_INVALID, "--%s%s is missing", prefix, what);
}

static mrl_err check_pkcs11(const struct mrl_unlock_source *s, const char *prefix,
                            struct mrl_why *why)
{
    MRL_TRY(need(s->pkcs11_module != NULL, prefix, "pkcs11-module", why));
    if (s->pkcs11_module[0] != '/')
        return mrl_fail(why, MRL_ERR_INVALID, "--%spkcs11-module takes an absolute path", prefix);
    MRL_TRY(need(s->pkcs11_token != NULL, prefix, "pkcs11-token", why));
    MRL_TRY(need(s->pkcs11_key != NULL, prefix, "pkcs11-key", why));
    return need(s->pin_file != NULL || s->pin_credential != NULL, prefix,
                "pin-file or pin-credential", why);
}

static mrl_err check_complete(const struct mrl_unlock_source *s, const char *prefix,
                              struct mrl_why *why)
{
    if (s->fd_given && s->passphrase_file != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "more than one source for the passphrase is given");
    if (s->pin_file != NULL && s->pin_credential != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "more than one source for the PIN is given");
    if (s->kind == MRL_UNLOCK_PASSPHRASE)
        return need(s->fd_given || s->passphrase_file != NULL, prefix,
                    "passphrase-fd or passphrase-file", why);
    if (s->kind == MRL_UNLOCK_CREDENTIAL)
        return need(s->credential != NULL, prefix, "credential", why);
    return s->kind == MRL_UNLOCK_PKCS11 ? check_pkcs11(s, prefix, why) : MRL_OK;
}

mrl_err mrl_source_check(struct mrl_unlock_source *s, const char *prefix, struct mrl_why *why)
{
    if (s->kind == MRL_UNLOCK_NONE)
        s->kind = told_by_the_rest(s);
    MRL_TRY(check_fit(s, prefix, why));
    return check_complete(s, prefix, why);
}

static void add(const char **argv, size_t *argc, const char *name, const char *value)
{
    argv[(*argc)++] = name;
    argv[(*argc)++] = value;
}

void mrl_source_arguments(const struct mrl_unlock_source *s, const char **argv, size_t *argc)
{
    if (s->kind != MRL_UNLOCK_NONE)
        add(argv, argc, "--unlock", mrl_unlock_kind_name(s->kind));
    for (size_t i = 0; i < MRL_COUNT(rules); i++)
        if (rules[i].text != NO_TEXT && text_of(s, &rules[i]) != NULL)
            add(argv, argc, rules[i].name, text_of(s, &rules[i]));
    for (size_t i = 0; i < s->pkcs11_env_count; i++)
        add(argv, argc, "--pkcs11-env", s->pkcs11_env[i]);
}
