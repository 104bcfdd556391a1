/* SPDX-License-Identifier: Apache-2.0 */
/* A store that came out of a backup lacks what happened since: the first start with it needs an
 * operator's reason. Layer: main. Thread: main. */
#ifndef MRL_MAIN_RESTORED_H
#define MRL_MAIN_RESTORED_H

#include "main/paths.h"
#include "main/server_state.h"

enum { MRL_RESTORED_MARK_MAX = 4096 };

/* The mark that `merlon backup restore` left beside the database: JSON with "created" (ms) and
 * "audit_size" of the backup. MRL_ERR_MALFORMED. */
struct mrl_restored {
    int64_t created_ms;
    int64_t audit_size;
};
mrl_err mrl_restored_read(mrl_bytes text, struct mrl_restored *out, struct mrl_why *why);

/* MRL_ERR_STATE: there is a mark, and nobody accepted the rollback. Else the entry is written, and
 * then the mark is gone. Nothing without a mark. */
mrl_err mrl_restored_check(struct mrl_server *s, const struct mrl_paths *paths,
                           struct mrl_why *why);

#endif
