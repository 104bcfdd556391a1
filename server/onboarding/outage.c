/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/outage.h"

void mrl_outage_tell(mrl_err err, struct mrl_why *why)
{
    if (err == MRL_ERR_NO_SPACE)
        mrl_why_set(why, "the storage of the server is full, try again later");
    else if (err == MRL_ERR_IO || err == MRL_ERR_CORRUPT)
        mrl_why_set(why, "the storage of the server fails, try again later");
}
