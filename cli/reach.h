/* SPDX-License-Identifier: Apache-2.0 */
/* How others reach the server, for lines that are meant to be pasted. Layer: cli. */
#ifndef MRL_CLI_REACH_H
#define MRL_CLI_REACH_H

#include "base/buf.h"

/* Host and port to use for a listening address ("*:8883"): an address for everyone is no host, the
 * server's name is. host is a view into one of both. MRL_ERR_INVALID: not an address. */
mrl_err mrl_cli_reach(mrl_bytes address, mrl_bytes server_name, mrl_bytes *host, uint16_t *port);
/* Appends " word" to a command line, quoted for the shell where needed. */
mrl_err mrl_cli_put_word(struct mrl_buf *line, const char *word);
mrl_err mrl_cli_put_word_bytes(struct mrl_buf *line, mrl_bytes word);

#endif
