/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/note.h"

#include <stdio.h>

#include "access/name.h"

enum { ROW_MAX = MRL_NAME_MAX + 8 };

static struct mrl_seal_place place_of(const struct mrl_note_of *of, char row[static ROW_MAX])
{
    if (of->kind == MRL_PRINCIPAL_DEVICE)
        return (struct mrl_seal_place){"devices", "note", of->id};
    (void)snprintf(row, ROW_MAX, "%d/%.*s", (int)of->kind, MRL_FMT(of->id));
    return (struct mrl_seal_place){"accounts", "note", mrl_str(row)};
}

mrl_err mrl_note_seal(struct mrl_sealer *s, const struct mrl_note_of *of, mrl_bytes note,
                      struct mrl_buf *memory, struct mrl_value *out)
{
    char row[ROW_MAX];
    const struct mrl_seal_place at = place_of(of, row);

    *out = MRL_NULL;
    if (note.len == 0)
        return MRL_OK;
    mrl_buf_clear(memory);
    MRL_TRY(mrl_seal(s, &at, note, memory));
    *out = MRL_BLOB(mrl_buf_bytes(memory));
    return MRL_OK;
}

mrl_err mrl_note_open(struct mrl_sealer *s, const struct mrl_note_of *of, mrl_bytes stored,
                      struct mrl_buf *memory, struct mrl_why *why)
{
    char row[ROW_MAX];
    const struct mrl_seal_place at = place_of(of, row);

    mrl_buf_clear(memory);
    return stored.len == 0 ? MRL_OK : mrl_unseal(s, &at, stored, memory, why);
}
