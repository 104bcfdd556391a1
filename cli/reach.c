/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reach.h"

#include "cli/text.h"
#include "net/address.h"

mrl_err mrl_cli_reach(mrl_bytes address, mrl_bytes server_name, mrl_bytes *host, uint16_t *port)
{
    static const mrl_bytes everyone[] = {MRL_LIT_INIT("*"), MRL_LIT_INIT("0.0.0.0"),
                                         MRL_LIT_INIT("::"), MRL_LIT_INIT("")};

    MRL_TRY(mrl_address_split(address, host, port, NULL));
    for (size_t i = 0; i < MRL_COUNT(everyone); i++)
        if (mrl_bytes_eq(*host, everyone[i]))
            *host = server_name;
    return MRL_OK;
}

mrl_err mrl_cli_put_word_bytes(struct mrl_buf *line, mrl_bytes word)
{
    if (line->len > 0)
        MRL_TRY(mrl_buf_append(line, MRL_LIT(" ")));
    return mrl_text_shell_word(word, line);
}

mrl_err mrl_cli_put_word(struct mrl_buf *line, const char *word)
{
    return mrl_cli_put_word_bytes(line, mrl_str(word));
}
