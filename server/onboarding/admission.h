/* SPDX-License-Identifier: Apache-2.0 */
/* How many enrolments wait at once, and when whoever is one too many may come back: the queue goes
 * on outside, at the speed it has inside. Layer: onboarding. Thread: any; nothing here blocks. One
 * for all workers. */
#ifndef MRL_ONBOARDING_ADMISSION_H
#define MRL_ONBOARDING_ADMISSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { MRL_ADMISSION_WAIT_MAX_S = 600, MRL_ADMISSION_SOURCE_MAX = 64 };

struct mrl_admission_config {
    size_t waiting;           /* enrolments under way or waiting, above 0 */
    size_t of_source;         /* the same of one source; 0: as many */
    uint64_t (*now_ms)(void); /* NULL: mrl_monotonic_ms */
};

struct mrl_admission;
struct mrl_admission *mrl_admission_new(const struct mrl_admission_config *config);
void mrl_admission_free(struct mrl_admission *a); /* NULL is fine */

enum mrl_admission_verdict {
    MRL_ADMITTED,
    MRL_ADMISSION_FULL,        /* for everybody */
    MRL_ADMISSION_SOURCE_FULL, /* for this source */
};
/* MRL_ADMITTED: exactly one mrl_admission_leave follows, with the same source (at most
 * MRL_ADMISSION_SOURCE_MAX bytes count). Otherwise *wait_s is when to come again, at least 1. */
enum mrl_admission_verdict mrl_admission_enter(struct mrl_admission *a, mrl_bytes source,
                                               unsigned *wait_s);
void mrl_admission_leave(struct mrl_admission *a, mrl_bytes source);
/* When to come again for one that was let in, but could not be served. */
unsigned mrl_admission_later(struct mrl_admission *a);
size_t mrl_admission_waiting(struct mrl_admission *a);

#endif
