/* SPDX-License-Identifier: Apache-2.0 */
/* A publication as bytes, for the store. Layer: messages. Thread: any.
 * What is not in it: when it expires (a column of its own) and which session published it. */
#ifndef MRL_MESSAGES_ENVELOPE_H
#define MRL_MESSAGES_ENVELOPE_H

#include "base/buf.h"
#include "messages/publication.h"

/* Appends to out. MRL_ERR_LIMIT: a part is longer than MQTT allows. */
mrl_err mrl_envelope_write(const struct mrl_publication *p, struct mrl_buf *out);
/* Views into bytes. MRL_ERR_MALFORMED; MRL_ERR_UNSUPPORTED: of a newer program. */
mrl_err mrl_envelope_read(mrl_bytes bytes, struct mrl_publication *out);

#endif
