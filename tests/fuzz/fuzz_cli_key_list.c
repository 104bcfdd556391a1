/* SPDX-License-Identifier: Apache-2.0 */
/* A file as a list of keys and as PEM: names have the two lengths, lines count upwards. */
#include <stdlib.h>

#include "cli/key_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_key_list l = {.text = mrl_bytes_of(data, size)};
    MRL_SCOPED(mrl_buf) named = {0};
    unsigned long line = 0;
    mrl_bytes name;

    while (mrl_key_list_next(&l, &name, NULL) == MRL_OK) {
        if ((name.len != MRL_KEY_NAME && name.len != MRL_KEY_NAME_SHORT) || l.line <= line)
            abort();
        line = l.line;
    }
    if (mrl_key_name_of_pem(l.text, &named) == MRL_OK && named.len != MRL_KEY_NAME)
        abort();
    return 0;
}
