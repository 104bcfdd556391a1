/* SPDX-License-Identifier: Apache-2.0 */
/* Where entries go: a file or a syslog receiver. Layer: server/export, internal. Thread: that of
 * the follower which owns the sink; blocks, at most for the timeout of the configuration. */
#ifndef MRL_EXPORT_SINK_H
#define MRL_EXPORT_SINK_H

#include "export/export.h"

struct mrl_sink;
/* interrupt_fd: readable when waits are to end (MRL_ERR_AGAIN). Both are borrowed until free. */
struct mrl_sink *mrl_sink_file_new(const struct mrl_export_config *c, int interrupt_fd);
struct mrl_sink *mrl_sink_syslog_new(const struct mrl_export_config *c, int interrupt_fd);

struct mrl_sink {
    const struct mrl_export_config *config;
    int interrupt_fd;
    /* How long sent entries may wait for their confirmation, and how many may. 0: none. */
    uint64_t confirm_ms;
    uint64_t confirm_entries;
    /* Appends entry seq to out in the sink's format. */
    mrl_err (*format)(const struct mrl_sink *s, uint64_t seq, mrl_bytes json, struct mrl_buf *out);
    /* The whole of data, opening what is not open. After a failure nothing since the last confirm
     * counts as delivered, and the sink is closed. */
    mrl_err (*send)(struct mrl_sink *s, mrl_bytes data, struct mrl_why *why);
    /* MRL_OK: all that was sent is safe at the other side. */
    mrl_err (*confirm)(struct mrl_sink *s, struct mrl_why *why);
    void (*close)(struct mrl_sink *s);
    void (*free)(struct mrl_sink *s); /* closes */
};

#endif
