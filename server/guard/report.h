/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard says about what it does: names, log, audit entries. Layer: guard, internal.
 * Thread: any; never under a lock. */
#ifndef MRL_GUARD_REPORT_H
#define MRL_GUARD_REPORT_H

#include "guard/guard.h"

/* "source:192.0.2.7" */
void mrl_guard_key_text(const struct mrl_guard_key *key, char to[static MRL_GUARD_TEXT]);
/* A block began at now. source: the address as text. audit may be NULL. */
void mrl_guard_report_block(struct mrl_audit *audit, const struct mrl_guard_key *key,
                            const struct mrl_guard_entry *e, mrl_bytes source, uint64_t now_ns);
/* So many connections were refused for coming too fast. */
void mrl_guard_report_fast(struct mrl_audit *audit, const struct mrl_guard_key *key,
                           uint32_t refused, mrl_bytes source);

#endif
