/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

enum {
    EVERY_NS = 10000000, /* 10 ms */
    STEP_NS = 50000,     /* a shorter wait is not worth its own wake-up */
    BUSY_PERCENT = 25,
    EASY_PERCENT = 21,   /* below the mean: less gathering would do */
    IDLE_PERCENT = 12,   /* gathering saves two thirds at best: no to and fro */
    SMOOTHED = 8,        /* judgements in a mean: one sees two or three turns */
    CLOSER = 32,         /* that part of the distance: the mean follows */
    CROWD_PERCENT = 300, /* ready connections in a hundred turns; 100: each is served at once */
    TIGHT_PERCENT = 57,  /* of a processor: few at a turn are too many single turns */
    FEW_PERCENT = 150,
    CROWDED_LEAST = 50, /* so many judgements more than others: what passes is a hiccup, of senders
                           that begin together or of the machine */
    STEADY_MOST = 100,  /* judgements, a second: would it still be crowded at once? */
    LOOKS = 3,          /* judgements without gathering that tell */
};

bool mrl_pace_is_due(const struct mrl_pace *p, uint64_t now_ns)
{
    return now_ns - p->judged_ns >= EVERY_NS;
}

void mrl_pace_count(struct mrl_pace *p, unsigned ready)
{
    p->turns++;
    p->ready += ready;
}

static void move_apart(struct mrl_pace *p)
{
    p->apart_ns = p->apart_ns * 2 + STEP_NS;
    if (p->apart_ns > p->most_ns)
        p->apart_ns = p->most_ns;
}

/* Whoever is served the moment it is ready gains nothing by waiting. Where each turn finds several,
 * they queue already, and a little longer makes them cheaper. One load can settle either way, in
 * many turns with a few or in a third of them with many: what the many turns take tells then. */
static bool is_crowded(const struct mrl_pace *p, uint64_t percent)
{
    uint64_t least = percent > TIGHT_PERCENT ? FEW_PERCENT : CROWD_PERCENT;

    return percent > BUSY_PERCENT && p->ready * 100 > p->turns * least;
}

static void consider(struct mrl_pace *p, bool crowded)
{
    if (crowded)
        p->crowded++;
    else if (p->crowded > 0)
        p->crowded--;
    if (crowded && p->looks > 0) {
        p->apart_ns = p->before_ns;
        p->looks = 0;
    } else if (p->crowded >= CROWDED_LEAST) {
        p->used_sum = BUSY_PERCENT * SMOOTHED;
        move_apart(p);
    }
    if (p->looks > 0)
        p->looks--;
}

static void look_again(struct mrl_pace *p)
{
    p->crowded = 0;
    p->before_ns = p->apart_ns;
    p->apart_ns = 0;
    p->looks = LOOKS;
    p->steady = 0;
}

/* No further apart than it takes to stay below a quarter of a processor: that is how long messages
 * wait. */
static void adapt(struct mrl_pace *p, uint64_t percent)
{
    p->used_sum += percent - p->used_sum / SMOOTHED;
    if (percent < IDLE_PERCENT)
        p->apart_ns = p->apart_ns > STEP_NS ? p->apart_ns / 2 : 0;
    else if (p->used_sum > BUSY_PERCENT * SMOOTHED)
        move_apart(p);
    else if (p->used_sum < EASY_PERCENT * SMOOTHED)
        p->apart_ns -= p->apart_ns / CLOSER;
    if (++p->steady >= STEADY_MOST)
        look_again(p);
}

void mrl_pace_judge(struct mrl_pace *p, uint64_t now_ns, uint64_t cpu_ns)
{
    uint64_t percent = (cpu_ns - p->cpu_ns) * 100 / (now_ns - p->judged_ns);

    if (p->apart_ns == 0)
        consider(p, is_crowded(p, percent));
    else
        adapt(p, percent);
    p->judged_ns = now_ns;
    p->cpu_ns = cpu_ns;
    p->turns = p->ready = 0;
}

uint64_t mrl_pace_wait(const struct mrl_pace *p, uint64_t worked_ns)
{
    return worked_ns + STEP_NS <= p->apart_ns ? p->apart_ns - worked_ns : 0;
}
