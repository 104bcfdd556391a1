/* SPDX-License-Identifier: Apache-2.0 */
/* Is the wall clock to be believed? A jump is not followed (base/clock.h): the time is what it was
 * before plus what has passed since, so that nothing ends, is pruned or is renewed because of it;
 * meanwhile nothing is issued. A start with a clock that cannot be is refused
 * (docs/operate/clock.md). Layer: main.
 */
#ifndef MRL_MAIN_CLOCK_WATCH_H
#define MRL_MAIN_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "store/store.h"

enum {
    MRL_CLOCK_JUMP_S = 3600,       /* less is somebody setting it right */
    MRL_CLOCK_AWAY_S = 30 * 86400, /* most that a daemon may have been off */
    MRL_CLOCK_REMEMBER_MS = 60000, /* how often the time is written down */
};

extern const struct mrl_migration_list mrl_clock_migrations;

/* Compares the clock with the last moment the store knows. MRL_ERR_STATE with why: it is before
 * that, or so long after it that the clock is more likely wrong. A store that knows none takes any.
 */
mrl_err mrl_clock_check_start(struct mrl_store *s, int64_t wall_ms, struct mrl_why *why);

enum mrl_clock_verdict { MRL_CLOCK_GOOD, MRL_CLOCK_DOUBTED };
struct mrl_clock_watch {
    int64_t wall_ms;    /* a moment when the clock was right ... */
    uint64_t passed_ms; /* ... and how long this machine ran then */
    enum mrl_clock_verdict verdict;
};
/* Pure. What the clock says now, and how long the machine has run: false: the verdict did not
 * change. *off_ms is how far the clock is from what it should be. */
bool mrl_clock_judge(struct mrl_clock_watch *w, int64_t wall_ms, uint64_t passed_ms,
                     int64_t *off_ms);

/* Main thread: at the start, once it was checked or accepted, and then each second. */
void mrl_clock_start(struct mrl_clock_watch *w, struct mrl_store *s);
void mrl_clock_tick(struct mrl_clock_watch *w, struct mrl_store *s, struct mrl_audit *audit);

#endif
