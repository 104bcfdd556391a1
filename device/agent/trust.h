/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the device trusts, as the server's bundle changes. Layer: device. Thread: one.
 *
 * A root that is not among ours is taken only with a link certificate (NewWithOld, RFC 4210 4.4) by
 * one that is; roots that are no longer in the bundle go. So nobody who only holds the server's own
 * key, or that of an issuing CA, can give a device another root. */
#ifndef MRL_AGENT_TRUST_H
#define MRL_AGENT_TRUST_H

#include "device/agent/home.h"

/* Of roots, and of what is below: what is kept must be readable at the next start. */
enum { MRL_TRUST_BYTES_MAX = 128 << 10 };
/* Takes bundle apart into h->roots and h->ca, in place of what is there. MRL_ERR_CRYPTO: no root of
 * ours is in it, nor one with a link from ours, or no issuing CA; MRL_ERR_LIMIT; h is then as
 * before. */
mrl_err mrl_trust_take(struct mrl_home *h, const struct mrl_cert_list *bundle, struct mrl_why *why);
/* Both files, and the version after them. */
mrl_err mrl_trust_save(const struct mrl_home *h, struct mrl_why *why);

#endif
