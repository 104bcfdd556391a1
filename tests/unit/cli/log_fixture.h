/* SPDX-License-Identifier: Apache-2.0 */
/* A published log in a folder of its own, for the tests of cli/audit_*. Every function asserts. */
#ifndef MRL_TESTS_CLI_LOG_FIXTURE_H
#define MRL_TESTS_CLI_LOG_FIXTURE_H

#include "cli/audit_check.h"
#include "tests/unit/tlog/fixture.h"

enum { LOG_SIZE = 300 }; /* a full bundle and a partial one */

struct log_folder {
    char dir[32];
    struct mrl_cli cli;
    struct mrl_audit_source source; /* of dir */
    struct fixture_signer signer;
    char vkey[MRL_NOTE_VKEY_MAX];
    struct mrl_checkpoint at; /* of LOG_SIZE entries */
    struct mrl_buf note;
};
/* Entry i (from 1) is "entry <i>". */
void log_folder_init(struct log_folder *f);
void log_folder_done(struct log_folder *f);
/* Files of the folder. */
void log_folder_path(const struct log_folder *f, const char *below, char to[static 128]);
void log_folder_write(const struct log_folder *f, const char *below, mrl_bytes data);
void log_folder_remove(const struct log_folder *f, const char *below);
/* Flips a bit of the byte at this offset. */
void log_folder_flip(const struct log_folder *f, const char *below, size_t at);
/* The checkpoint of the first size entries. */
void log_folder_checkpoint(const struct log_folder *f, uint64_t size, struct mrl_checkpoint *out,
                           struct mrl_buf *note);

#endif
