/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of struct mrl_access. Layer: access, internal. */
#ifndef MRL_ACCESS_ACCESS_H
#define MRL_ACCESS_ACCESS_H

#include "access/model.h"
#include "access/quota_model.h"

struct mrl_access {
    struct mrl_store *store; /* borrowed */
    struct mrl_model model;  /* writer thread; likewise quotas */
    struct mrl_quota_model quotas;
    mrl_access_changed *changed;
    void *context;
};

#endif
