/* SPDX-License-Identifier: Apache-2.0 */
/* Retention of the audit log by the configuration: entries older than `[audit] keep` go, epoch by
 * epoch, none that an export has not confirmed. Layer: main. Thread: any, except where named. */
#ifndef MRL_MAIN_RETENTION_H
#define MRL_MAIN_RETENTION_H

#include "export/export.h"
#include "net/service.h"
#include "store/store.h"

struct mrl_retention;

enum { MRL_RETENTION_EVERY_MS = 3600 * 1000 };

/* All borrowed for as long as it lives; exports may be NULL. keep_s 0: nothing ever goes. */
struct mrl_retention *mrl_retention_new(struct mrl_store *store, struct mrl_exports *exports,
                                        struct mrl_service *service, uint64_t keep_s);
/* After the service was freed. NULL is fine. */
void mrl_retention_free(struct mrl_retention *r);
/* From one thread, as often as wanted: looks at once, then every MRL_RETENTION_EVERY_MS.
 * now_ms: monotonic. */
void mrl_retention_tick(struct mrl_retention *r, uint64_t now_ms);

#endif
