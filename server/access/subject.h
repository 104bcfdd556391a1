/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks. Layer: access. Thread: any. */
#ifndef MRL_ACCESS_SUBJECT_H
#define MRL_ACCESS_SUBJECT_H

#include "base/bytes.h"

/* Stored: a value never changes its meaning. */
enum mrl_principal_kind {
    MRL_PRINCIPAL_DEVICE = 1,
    MRL_PRINCIPAL_APPLICATION = 2,
    MRL_PRINCIPAL_OPERATOR = 3,
    MRL_PRINCIPAL_CLAIM =
        4, /* one certificate that many devices share, good for provisioning only */
};
const char *mrl_principal_kind_name(enum mrl_principal_kind k); /* "device"; never NULL */

/* Views; group and attributes (access/attributes.h) are empty when there are none. */
struct mrl_subject {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes group;
    mrl_bytes attributes;
    bool hardware_held; /* of a session: its key is proven to be in a TPM */
};

#endif
