/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/backup_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_cli_manifest m = {.created_ms = -1};
    struct mrl_why why = {""};
    mrl_err err = mrl_cli_manifest_read(mrl_bytes_of(data, size), &m, &why);

    if ((err == MRL_OK) != (m.created_ms >= 0) || (err != MRL_OK) != (why.text[0] != '\0'))
        abort();
    if (err == MRL_OK && (m.audit_size < 0 || m.database_size < 0))
        abort();
    return 0;
}
