/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a reader of the log believes: its key, witnesses, and checkpoints kept elsewhere.
 * Layer: cli. */
#ifndef MRL_CLI_AUDIT_TRUST_H
#define MRL_CLI_AUDIT_TRUST_H

#include "base/json.h"
#include "cli/arguments.h"
#include "tlog/checkpoint.h"

/* A checkpoint that was kept elsewhere. */
struct mrl_audit_kept {
    const char *path; /* borrowed */
    struct mrl_checkpoint at;
};
struct mrl_audit_trust { /* closed with mrl_audit_trust_done, also after an error */
    struct mrl_note_key key;
    bool pinned; /* else the server told it */
    struct mrl_note_key *witnesses;
    size_t witness_count;
    struct mrl_audit_kept *kept; /* by size */
    size_t kept_count;
};
void mrl_audit_trust_done(struct mrl_audit_trust *t);

/* From the options --log-key and, when witnesses, --witness: each a verifier key or a file with
 * one. MRL_EXIT_USAGE: not such a key; or offline without the log's. */
mrl_exit mrl_audit_trust_read(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                              bool offline, bool witnesses, struct mrl_audit_trust *out);
/* Reads a checkpoint kept in a file. may_be_missing: no file is no error. */
mrl_exit mrl_audit_trust_keep(struct mrl_cli *cli, struct mrl_audit_trust *t, const char *path,
                              bool may_be_missing);

/* Checks the signature of the log and the cosignatures of all witnesses. where names the note in a
 * sentence. out->origin is a view of note. MRL_EXIT_UNVERIFIED. */
mrl_exit mrl_audit_trust_open(struct mrl_cli *cli, const struct mrl_audit_trust *t, mrl_bytes note,
                              const char *where, struct mrl_checkpoint *out);
/* Only those: *all false when a cosignature is not there (yet). */
mrl_exit mrl_audit_trust_cosigned(struct mrl_cli *cli, const struct mrl_audit_trust *t,
                                  mrl_bytes note, bool *all);
/* Adds what it rests on to a result: "key", "key_from", "witnesses", "kept". */
mrl_err mrl_audit_trust_describe(const struct mrl_audit_trust *t, json_t *result);

#endif
