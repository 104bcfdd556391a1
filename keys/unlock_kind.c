/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_kind.h"

#include <string.h>

static const struct kind {
    enum mrl_unlock_kind kind;
    const char *name;
    const char *file;
    bool hardware;
} kinds[] = {
    {MRL_UNLOCK_FILE, "file", MRL_UNLOCK_FILE_NAME, false},
    {MRL_UNLOCK_PASSPHRASE, "passphrase", NULL, false},
    {MRL_UNLOCK_CREDENTIAL, "credential", NULL, false},
    {MRL_UNLOCK_TPM, "tpm", MRL_UNLOCK_TPM_NAME, true},
    {MRL_UNLOCK_PKCS11, "pkcs11", MRL_UNLOCK_PKCS11_NAME, true},
};

static const struct kind *find(unsigned kind)
{
    for (size_t i = 0; i < MRL_COUNT(kinds); i++)
        if (kinds[i].kind == kind)
            return &kinds[i];
    return NULL;
}

bool mrl_unlock_kind_valid(uint8_t kind)
{
    return find(kind) != NULL;
}

const char *mrl_unlock_kind_name(enum mrl_unlock_kind kind)
{
    const struct kind *k = find(kind);

    return k == NULL ? "none" : k->name;
}

mrl_err mrl_unlock_kind_read(const char *name, enum mrl_unlock_kind *out)
{
    for (size_t i = 0; i < MRL_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *out = kinds[i].kind;
            return MRL_OK;
        }
    }
    return MRL_ERR_INVALID;
}

const char *mrl_unlock_file(enum mrl_unlock_kind kind)
{
    const struct kind *k = find(kind);

    return k == NULL ? NULL : k->file;
}

bool mrl_unlock_is_hardware(enum mrl_unlock_kind kind)
{
    const struct kind *k = find(kind);

    return k != NULL && k->hardware;
}
