/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of struct mrl_access. Layer: access, internal. */
#ifndef MRL_ACCESS_ACCESS_H
#define MRL_ACCESS_ACCESS_H

#include "access/model.h"

struct mrl_access {
    struct mrl_store *store; /* borrowed */
    struct mrl_model model;  /* writer thread */
    mrl_access_changed *changed;
    void *context;
};

#endif
