/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "base/clock.h"

enum { EVERY_MS = 200 };

void mrl_cli_progress(struct mrl_cli_progress *p, uint64_t done)
{
    int64_t now_ms = mrl_wall_ms();

    if (p->cli->progress == NULL || now_ms - p->drawn_ms < EVERY_MS)
        return;
    p->drawn_ms = now_ms;
    (void)fprintf(p->cli->progress, "\r%llu of %llu %s\x1b[K", (unsigned long long)done,
                  (unsigned long long)p->total, p->what);
    (void)fflush(p->cli->progress); /* only decoration */
}

void mrl_cli_progress_end(struct mrl_cli_progress *p)
{
    if (p->drawn_ms == 0)
        return;
    p->drawn_ms = 0;
    (void)fprintf(p->cli->progress, "\r\x1b[K");
    (void)fflush(p->cli->progress); /* only decoration */
}
