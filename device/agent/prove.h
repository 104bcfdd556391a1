/* SPDX-License-Identifier: Apache-2.0 */
/* First enrolment with a proof that the key is in the TPM (docs/operate/hardware-proof.md). Layer:
 * device. Thread: one; blocks. */
#ifndef MRL_AGENT_PROVE_H
#define MRL_AGENT_PROVE_H

#include "device/agent/est.h"

enum { MRL_PROVE_CHAIN_MAX = 8 };

struct mrl_prove { /* everything is borrowed */
    const char *tcti;
    mrl_bytes device;
    mrl_bytes token;
    const struct mrl_cert_list *chain; /* CA certificates of the maker to send along */
};
/* Over the open connection of c, which has to last until the end. Gives *out, not judged yet.
 * Errors as mrl_est_enrol; MRL_ERR_IO also: the TPM. */
mrl_err mrl_prove_enrol(struct mrl_http_client *c, const struct mrl_prove *p,
                        const struct mrl_key *key, struct mrl_cert **out, struct mrl_est_told *told,
                        struct mrl_why *why);

#endif
