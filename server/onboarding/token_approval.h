/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens whose devices an operator approves one by one. Layer: onboarding. Threads as marked. */
#ifndef MRL_ONBOARDING_TOKEN_APPROVAL_H
#define MRL_ONBOARDING_TOKEN_APPROVAL_H

#include "onboarding/enrol.h"

/* [service] A device with a good token of this kind: MRL_OK: it is approved. MRL_ERR_AGAIN: it
 * waits; its request is written, and a group's device is made (expected). MRL_ERR_DENIED: refused.
 * MRL_ERR_LIMIT: as many wait as the token has uses left. Else as mrl_approval_ask_tx and
 * mrl_device_expect_tx. actor is the device. */
mrl_err mrl_token_approval_ask(struct mrl_onboarding *o, const struct mrl_actor *actor,
                               const struct mrl_token_match *token, struct mrl_why *why);
/* [writer] In the job that uses the token: the approval is used up with it. MRL_ERR_AGAIN: it is
 * not there any more. */
mrl_err mrl_token_approval_use_tx(struct mrl_tx *tx, mrl_bytes device,
                                  const struct mrl_token_match *token);

#endif
