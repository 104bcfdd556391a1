/* SPDX-License-Identifier: Apache-2.0 */
/* What a device sends, as it reaches a terminal: always valid text without control characters, and
 * escaping it twice changes nothing. */
#include <locale.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_visible(mrl_bytes text)
{
    check(mrl_utf8_valid(text));
    for (size_t i = 0; i < text.len; i++) {
        bool c1 = text.data[i] == 0xc2 && text.data[i + 1] < 0xa0; /* valid: there is a next one */

        check(text.data[i] >= 0x20 && text.data[i] != 0x7f && !c1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) once = {0};
    MRL_SCOPED(mrl_buf) twice = {0};
    MRL_SCOPED(mrl_buf) compact = {0};
    mrl_bytes cut;

    check(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
    check(mrl_text_escape(mrl_bytes_of(data, size), &once) == MRL_OK);
    check_visible(mrl_buf_bytes(&once));
    check(mrl_text_escape(mrl_buf_bytes(&once), &twice) == MRL_OK);
    check(mrl_bytes_eq(mrl_buf_bytes(&once), mrl_buf_bytes(&twice)));
    cut = mrl_text_cut(mrl_buf_bytes(&once), size % 80);
    check(mrl_utf8_valid(cut) && mrl_text_width(cut) <= size % 80);
    check(mrl_text_compact_json(mrl_bytes_of(data, size), &compact) == MRL_OK);
    check(compact.len <= size);
    return 0;
}
