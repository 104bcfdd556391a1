/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of devices and accounts: free text of people, sealed in the store. Layer: devices,
 * internal. Thread: any; sealing only inside the write job that stores the note. */
#ifndef MRL_DEVICES_NOTE_H
#define MRL_DEVICES_NOTE_H

#include "access/access.h"
#include "base/buf.h"
#include "store/seal.h"
#include "store/value.h"

/* Whose note it is. */
struct mrl_note_of {
    enum mrl_principal_kind kind;
    mrl_bytes id;
};

/* What to store: NULL for an empty note, else an envelope in memory. */
mrl_err mrl_note_seal(struct mrl_sealer *s, const struct mrl_note_of *of, mrl_bytes note,
                      struct mrl_buf *memory, struct mrl_value *out);
/* What was stored (no bytes: no note), the text in memory, which is cleared first. MRL_ERR_CORRUPT:
 * why names table and row. */
mrl_err mrl_note_open(struct mrl_sealer *s, const struct mrl_note_of *of, mrl_bytes stored,
                      struct mrl_buf *memory, struct mrl_why *why);

#endif
