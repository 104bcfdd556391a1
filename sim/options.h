/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of merlon-sim. Layer: sim. */
#ifndef MRL_SIM_OPTIONS_H
#define MRL_SIM_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

enum { MRL_SIM_SERVERS_MAX = 4 };

struct mrl_sim_options {
    const char *scenario; /* the first word */
    const char *broker;
    const char *ca;         /* roots of the server, PEM */
    const char *mint;       /* key of the CA that also certifies the clients */
    const char *identities; /* or a file with keys and certificates */
    const char *est, *token;
    const char *prefix; /* of topics */
    const char *name;   /* prefix of client names */
    unsigned publishers, subscribers;
    unsigned processes;
    unsigned sources;
    unsigned qos;
    unsigned version;
    unsigned payload;
    unsigned window;
    unsigned topics;
    unsigned rounds;
    double rate;
    double warm_s, seconds;
    pid_t servers[MRL_SIM_SERVERS_MAX];
    unsigned server_count;
    bool retain;
    bool json;
    bool help;
};

/* MRL_ERR_INVALID with a sentence. Strings are borrowed from argv. */
mrl_err mrl_sim_options_read(int argc, char **argv, struct mrl_sim_options *out,
                             struct mrl_why *why);
extern const char mrl_sim_usage[];

#endif
