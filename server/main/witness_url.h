/* SPDX-License-Identifier: Apache-2.0 */
/* Where a witness is, as the configuration says it. Layer: main. Thread: any. */
#ifndef MRL_MAIN_WITNESS_URL_H
#define MRL_MAIN_WITNESS_URL_H

#include "base/bytes.h"
#include "base/err.h"

enum { MRL_WITNESS_TARGET = 256, MRL_WITNESS_SERVER = 272 };

struct mrl_witness_url {
    bool tls;
    char server[MRL_WITNESS_SERVER]; /* for net/http_client.h: "host:port", "unix:/path" */
    char target[MRL_WITNESS_TARGET]; /* "/prefix/add-checkpoint" */
};
/* "https://host[:port][/prefix]" (port 443) or "unix:/path". MRL_ERR_INVALID with a sentence. */
mrl_err mrl_witness_url_parse(mrl_bytes url, struct mrl_witness_url *out, struct mrl_why *why);

#endif
