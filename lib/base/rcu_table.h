/* SPDX-License-Identifier: Apache-2.0 */
/* liburcu's hash table as Merlon makes and grows it. Layer: base; who includes this links
 * liburcu-memb and liburcu-cds.
 *
 * Its own growing (CDS_LFHT_AUTO_RESIZE) is not used. By the longest chain an insertion meets it
 * ends at about n * sqrt(n) buckets for n nodes, gigabytes for a million, and whoever walks or
 * destroys the table walks all of them. With CDS_LFHT_ACCOUNTING too it stops growing for good when
 * the worker ends a resize before the thread that asked for it has noted that it asked. */
#ifndef MRL_BASE_RCU_TABLE_H
#define MRL_BASE_RCU_TABLE_H

#include <stddef.h>

#include "base/rcu.h"

#include <urcu/rculfhash.h>

/* Any thread. buckets is a power of two. NULL: no memory. */
static inline struct cds_lfht *mrl_rcu_table_new(size_t buckets)
{
    return cds_lfht_new_flavor(buckets, buckets, /*max_nr_buckets=*/0, /*flags=*/0,
                               &urcu_memb_flavor, /*attr=*/NULL);
}

/* A bucket for each node at least: *buckets is what the table has, of which only the one thread
 * that calls this knows. It is registered and not reading; readers and writers go on meanwhile. */
static inline void mrl_rcu_table_grow(struct cds_lfht *table, size_t *buckets, size_t nodes)
{
    size_t wanted = *buckets;

    while (wanted < nodes)
        wanted *= 2;
    if (wanted == *buckets)
        return;
    cds_lfht_resize(table, wanted);
    *buckets = wanted;
}

#endif
