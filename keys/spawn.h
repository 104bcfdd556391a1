/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the key process. Layer: keys. Thread: the only one; call before any other is created. */
#ifndef MRL_KEYS_SPAWN_H
#define MRL_KEYS_SPAWN_H

#include "keys/client.h"
#include "keys/source.h"

/* All borrowed for the call. NULL, 0 where not said otherwise: the key process' own default. */
struct mrl_keys_options {
    const char *program;             /* path of merlon-keys, required */
    const char *dir;                 /* keystore folder, required */
    const char *user;                /* account to drop to when started by root */
    struct mrl_unlock_source source; /* descriptors are not passed on */
    /* Longest certificate life by enum mrl_keys_kind, in seconds. */
    uint64_t max_lifetime_s[MRL_KEYS_KIND_END_];
    uint32_t issue_rate;        /* certificates per second */
    uint32_t issue_burst;       /* certificates at once */
    const char *revocation_url; /* where revocation is told: keys/text.h */
    unsigned start_timeout_ms;  /* until the first INFO is answered; 0: 10 s (scrypt takes its time)
                                 */
    unsigned call_timeout_ms;   /* of each later call; 0: 5 s */
};

/* Returns when the key process has opened its keystore, closed its sandbox and answered INFO.
 * Otherwise nothing is left running, and why says what to do; the process' own log line on stderr
 * has the reason when it refused to start (MRL_ERR_CLOSED). */
mrl_err mrl_keys_spawn(const struct mrl_keys_options *o, struct mrl_keys_client **out,
                       struct mrl_why *why);

#endif
