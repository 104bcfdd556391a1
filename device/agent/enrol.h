/* SPDX-License-Identifier: Apache-2.0 */
/* First enrolment. Layer: device. Thread: one; blocks. */
#ifndef MRL_AGENT_ENROL_H
#define MRL_AGENT_ENROL_H

#include "device/agent/home.h"

struct mrl_enrol_options { /* NULL: not given */
    const char *server;
    const char *device;
    const char *token_file;  /* "-": standard input */
    const char *root_sha256; /* exactly one of these two */
    const char *root_file;
    const char *name;          /* in the server's certificate; else the host of server */
    const char *mqtt;          /* else port 8883 of that host */
    const char *profile;       /* label of EST */
    const char *tpm;           /* the key is made in this TPM, and that is proven */
    const char *ek_chain_file; /* CA certificates of its maker, for a server that lacks them */
    const char *dir;
};
/* MRL_ERR_EXISTS: dir has an identity that is still good. Can be repeated after any failure. */
mrl_err mrl_agent_enrol(const struct mrl_enrol_options *o, const struct mrl_disk *disk,
                        struct mrl_why *why);

#endif
