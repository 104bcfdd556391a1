/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody outside is told when the store fails. Layer: onboarding, pure. */
#ifndef MRL_ONBOARDING_OUTAGE_H
#define MRL_ONBOARDING_OUTAGE_H

#include "base/err.h"

/* The store's own sentence names files of ours: it is for the log, and is replaced here. Other
 * errors keep theirs. */
void mrl_outage_tell(mrl_err err, struct mrl_why *why);

#endif
