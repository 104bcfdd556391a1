/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tlog/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_checkpoint(mrl_bytes text)
{
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    struct mrl_checkpoint c;
    mrl_bytes again;

    /* A text with extension lines or an origin that is no name is read and never written. */
    if (mrl_checkpoint_read(text, &c) == MRL_OK &&
        mrl_checkpoint_text(&c, memory, &again) == MRL_OK && !mrl_bytes_starts(text, again))
        abort();
}

static void check_key(mrl_bytes text)
{
    MRL_SCOPED(mrl_note_key) k = {0};
    char again[MRL_NOTE_VKEY_MAX];

    if (mrl_note_key_parse(text, &k, NULL) == MRL_OK &&
        (mrl_note_key_format(&k, again) != MRL_OK ||
         !mrl_bytes_eq_nocase(text, mrl_str(again)))) /* hex digits in either case */
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mrl_note note;
    mrl_bytes input = mrl_bytes_of(data, size);
    struct mrl_why why;

    if (mrl_note_read(input, &note, &why) == MRL_OK) {
        if (!mrl_bytes_starts(input, note.text) || note.count == 0)
            abort();
        check_checkpoint(note.text);
    }
    check_checkpoint(input);
    check_key(input);
    return 0;
}
