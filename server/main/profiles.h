/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says about enrolment profiles. Layer: main. Thread: main, before the
 * workers run. */
#ifndef MRL_MAIN_PROFILES_H
#define MRL_MAIN_PROFILES_H

#include "issuing/profile.h"
#include "main/config.h"

/* out borrows from c. MRL_ERR_INVALID: as mrl_profiles_check, or a kind of key that does not exist.
 */
mrl_err mrl_profiles_of_config(const struct mrl_config *c, struct mrl_profiles *out,
                               struct mrl_why *why);

#endif
