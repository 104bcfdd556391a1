/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of merlon-witness. Layer: witness. Thread: any, read-only once loaded. */
#ifndef MRL_WITNESS_CONFIG_H
#define MRL_WITNESS_CONFIG_H

#include "base/config.h"

enum { MRL_WITNESS_LOGS_MAX = 256 };

struct mrl_witness_config {
    struct {
        mrl_bytes listen;
        mrl_bytes name;
        mrl_bytes state;
        mrl_bytes certificate;
        mrl_bytes key;
        int64_t rate;
        int log_level; /* enum mrl_log_level */
    } witness;
    struct mrl_witness_log_config {
        mrl_bytes vkey;
    } logs[MRL_WITNESS_LOGS_MAX];
    size_t log_count;
};

extern const struct mrl_config_schema mrl_witness_schema;

#endif
