/* SPDX-License-Identifier: Apache-2.0 */
#include "access/built_in.h"

const struct mrl_built_in_role mrl_built_in_roles[MRL_BUILT_IN_COUNT] = {
    [MRL_DEVICE_DEFAULT] = {"device-default",
                            "Every device: its own topics, nothing else.",
                            {{MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE,
                              MRL_LIT_INIT("devices/${id}/#")}},
                            1},
    [MRL_DEVICE_QUARANTINED_ROLE] = {"device-quarantined",
                                     "A quarantined device: in place of all its other roles.",
                                     {{MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE,
                                       MRL_LIT_INIT("devices/${id}/quarantine/#")}},
                                     1},
    [MRL_OPERATOR_DEFAULT] = {"operator-default",
                              "Every operator: the state of the server.",
                              {{MRL_ALLOW_SUBSCRIBE, MRL_LIT_INIT("$SYS/#")}},
                              1},
};

const struct mrl_built_in_role *mrl_built_in_find(mrl_bytes name)
{
    for (size_t i = 0; i < MRL_BUILT_IN_COUNT; i++)
        if (mrl_bytes_eq(name, mrl_str(mrl_built_in_roles[i].name)))
            return &mrl_built_in_roles[i];
    return NULL;
}
