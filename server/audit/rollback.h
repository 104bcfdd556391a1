/* SPDX-License-Identifier: Apache-2.0 */
/* A log that is shorter than it was: found at start, before anything is written. Layer:
 * server/audit. Thread: any (calls block).
 *
 * A file beside the database holds the newest checkpoint that was published or cosigned; whoever
 * puts an older database in place must know of it, and whoever changes both is found by the
 * witnesses. */
#ifndef MRL_AUDIT_ROLLBACK_H
#define MRL_AUDIT_ROLLBACK_H

#include "audit/checkpoint.h"

/* Written whole or not at all, mode 0600. */
mrl_err mrl_audit_remember(const char *file, mrl_bytes note, struct mrl_why *why);
/* MRL_ERR_CORRUPT: the log lacks entries of its newest checkpoint, or the checkpoint in file is
 * beyond the log or its checkpoints, or of another one; why has the sizes and the remedy. A missing
 * file is no finding.
 */
mrl_err mrl_audit_check_start(struct mrl_audit *a, const char *file, struct mrl_why *why);
/* The operator knows of it: checkpoints beyond the end are dropped, e is appended with the sizes in
 * its details ("had", "has"), the file is moved aside (".superseded"). Nothing when
 * mrl_audit_check_start finds nothing. */
mrl_err mrl_audit_accept_rollback(struct mrl_audit *a, const char *file,
                                  const struct mrl_audit_event *e, struct mrl_why *why);

#endif
