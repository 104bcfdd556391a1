/* SPDX-License-Identifier: Apache-2.0 */
/* Who the clients are: a P-256 key and a certificate each, minted in memory from a test CA, got
 * over EST, or read back from a file. Layer: sim. Thread: the one that starts the program. */
#ifndef MRL_SIM_IDENTITY_H
#define MRL_SIM_IDENTITY_H

#include "base/buf.h"
#include "crypto/cert.h"
#include "crypto/key.h"

enum { MRL_SIM_NAME_MAX = 32 };

struct mrl_sim_identity {
    char name[MRL_SIM_NAME_MAX];
    struct mrl_key *key;
    struct mrl_cert *cert;
};

struct mrl_sim_identities {
    struct mrl_sim_identity *each;
    size_t count;
};

/* Names PREFIX-000000 and so on. The test CA signs in this process: a real one would not let it. */
mrl_err mrl_sim_mint(const char *prefix, size_t count, const struct mrl_cert *ca,
                     const struct mrl_key *ca_key, struct mrl_sim_identities *out,
                     struct mrl_why *why);
struct mrl_sim_est {
    const char *server; /* host:port */
    const char *token;  /* of a group, good for all of them */
    const struct mrl_cert_list *roots;
};
/* Enrols them one after the other over several connections at once. */
mrl_err mrl_sim_enrol(const char *prefix, size_t count, const struct mrl_sim_est *est,
                      struct mrl_sim_identities *out, struct mrl_why *why);
/* One file with the keys and certificates of all, PEM, for the owner alone. */
mrl_err mrl_sim_identities_save(const struct mrl_sim_identities *all, const char *path,
                                struct mrl_why *why);
/* At most `most` of them. MRL_ERR_NOT_FOUND: fewer are in the file. */
mrl_err mrl_sim_identities_load(const char *path, size_t most, struct mrl_sim_identities *out,
                                struct mrl_why *why);
void mrl_sim_identities_done(struct mrl_sim_identities *all);

/* A whole file. MRL_ERR_NOT_FOUND, MRL_ERR_LIMIT (1 GiB). */
mrl_err mrl_sim_read_file(const char *path, struct mrl_buf *out, struct mrl_why *why);

#endif
