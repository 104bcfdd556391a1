/* SPDX-License-Identifier: Apache-2.0 */
/* All tables of the daemon's store. Layer: main. Thread: any. */
#ifndef MRL_MAIN_SCHEMA_H
#define MRL_MAIN_SCHEMA_H

#include "store/store.h"

enum { MRL_SCHEMA_LISTS = 23 };

/* The migrations of every duty, in the order in which they build on another. */
void mrl_schema(struct mrl_migration_list out[static MRL_SCHEMA_LISTS]);

#endif
