/* SPDX-License-Identifier: Apache-2.0 */
/* Personal fields of an entry: commitments, and what opens them (docs/decisions/0003). Layer: cli.
 */
#ifndef MRL_CLI_AUDIT_OPENED_H
#define MRL_CLI_AUDIT_OPENED_H

#include "base/json.h"

/* Checks what is opened ({"source":{"salt":"<hex>","value":"192.0.2.7:50112"}, ...}, names as
 * "actor.id") against the commitments in entry. MRL_ERR_CORRUPT with why: one does not hold. */
mrl_err mrl_audit_opened_check(const json_t *entry, const json_t *opened, struct mrl_why *why);
/* Puts the opened values into their places in entry: as above, or without salts ({"source":"..."}).
 */
mrl_err mrl_audit_opened_merge(json_t *entry, const json_t *opened);

#endif
