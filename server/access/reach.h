/* SPDX-License-Identifier: Apache-2.0 */
/* Two filters of rules compared without anybody's names: what the one reaches of the other. Layer:
 * access. Thread: any. */
#ifndef MRL_ACCESS_REACH_H
#define MRL_ACCESS_REACH_H

#include "access/level.h"

struct mrl_filter {
    const struct mrl_level *levels;
    size_t count;
};

/* Whoever asks: does `wide` match all that `narrow` matches for the same holder? */
bool mrl_filter_covers(const struct mrl_filter *wide, const struct mrl_filter *narrow);
/* Is there a topic that both match, each for some holder? */
bool mrl_filters_overlap(const struct mrl_filter *a, const struct mrl_filter *b);

#endif
