/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads for jobs that block: disk, key process, DNS. Layer: net. Thread: submit from any.
 * A job ends by posting its answer to a mailbox. The threads are registered with liburcu (memb
 * flavour), so a job may read what is published by RCU. */
#ifndef MRL_NET_SERVICE_H
#define MRL_NET_SERVICE_H

#include <stddef.h>

#include "base/err.h"
#include "base/list.h"

struct mrl_service;

/* Embedded in what the job needs. run takes the job and is called once. */
struct mrl_job {
    struct mrl_list node;
    void (*run)(struct mrl_job *j);
};

enum { MRL_SERVICE_THREADS_MAX = 64 };

/* threads in 1..MRL_SERVICE_THREADS_MAX, queue_limit above 0 (else MRL_ERR_INVALID): how many jobs
 * may wait. name (at most 15 bytes are shown) names the threads. MRL_ERR_IO: no more threads. */
mrl_err mrl_service_new(const char *name, unsigned threads, size_t queue_limit,
                        struct mrl_service **out);
/* Takes no more jobs, runs all that wait, joins. Not from a job. NULL is fine. */
void mrl_service_free(struct mrl_service *s);
MRL_AUTO_DEFINE(mrl_service);

/* First in, first out. MRL_OK: the job is taken. MRL_ERR_BUSY: queue full, MRL_ERR_STATE: being
 * freed; the job is still the caller's. */
mrl_err mrl_service_submit(struct mrl_service *s, struct mrl_job *job);

#endif
