/* SPDX-License-Identifier: Apache-2.0 */
/* A backup opened: decrypted, unpacked, checked against its manifest. Layer: cli. */
#ifndef MRL_CLI_BACKUP_READ_H
#define MRL_CLI_BACKUP_READ_H

#include "base/secret.h"
#include "cli/cli.h"
#include "crypto/hash.h"

enum { MRL_CLI_MANIFEST_MAX = 65536 };

struct mrl_cli_manifest {
    char version[64];
    int64_t created_ms;
    int64_t audit_size;
    int64_t database_size;
    uint8_t database_sha256[MRL_SHA256_SIZE];
};
/* MRL_ERR_MALFORMED, or MRL_ERR_UNSUPPORTED: of a later format. */
mrl_err mrl_cli_manifest_read(mrl_bytes text, struct mrl_cli_manifest *out, struct mrl_why *why);

/* Reads the whole backup from fd. The database is written to database_fd, or only checked when that
 * is -1. MRL_EXIT_OK only when nothing is missing and every byte is what the manifest says;
 * MRL_EXIT_REFUSED with why. name is for sentences. */
mrl_exit mrl_cli_backup_read(struct mrl_cli *cli, int fd, const char *name,
                             const struct mrl_secret *identity, int database_fd,
                             struct mrl_cli_manifest *out);

#endif
