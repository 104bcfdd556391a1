/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink that reveals gets of an entry. Layer: server/export, internal. Thread: any. */
#ifndef MRL_EXPORT_REVEAL_H
#define MRL_EXPORT_REVEAL_H

#include "audit/row.h"
#include "base/buf.h"

/* Appends the text of row with what opens it as its last member: {...,"opened":{"actor.id":"ann"}}.
 * Without that member it is the text the log proves, byte by byte. A row of which nothing is open,
 * and one whose text is no object, stay as they are. Errors of out only. */
mrl_err mrl_export_reveal(const struct mrl_audit_row *row, struct mrl_buf *out);

#endif
