/* SPDX-License-Identifier: Apache-2.0 */
/* `merlond init`: the state folder with a new CA in it. Layer: main. */
#ifndef MRL_MAIN_INIT_H
#define MRL_MAIN_INIT_H

#include "main/config.h"

/* Never replaces a key: a state folder that has a CA already is MRL_ERR_EXISTS. */
mrl_err mrl_init(const struct mrl_config *config, struct mrl_why *why);

#endif
