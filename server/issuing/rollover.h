/* SPDX-License-Identifier: Apache-2.0 */
/* Who would break if CAs were retired. Layer: issuing. Thread: [service] functions block, for
 * seconds with a million devices.
 *
 * A device breaks when every certificate of it that is still good is of an issuing CA that goes, or
 * when a root goes and the trust bundle it last told of has no root that stays (or it never told).
 * Devices without a good certificate are broken already and do not count. */
#ifndef MRL_ISSUING_ROLLOVER_H
#define MRL_ISSUING_ROLLOVER_H

#include "crypto/cert.h"
#include "issuing/generations.h"

/* What goes and what stays. Certificates are borrowed. */
struct mrl_rollover {
    const struct mrl_cert *going[MRL_KEYS_GENERATIONS_MAX]; /* issuing CAs */
    size_t going_count;
    bool root_goes;
    uint8_t roots[MRL_KEYS_GENERATIONS_MAX]; /* numbers of those that stay */
    size_t root_count;
};

enum mrl_break {
    MRL_BREAK_NONE,
    MRL_BREAK_CERTIFICATE, /* has to renew first */
    MRL_BREAK_TRUST,       /* has an old bundle: has to fetch it first */
    MRL_BREAK_SILENT,      /* never said which bundle it has */
    MRL_BREAK_COUNT_
};
const char *mrl_break_name(enum mrl_break b); /* "certificate"; stable */

struct mrl_rollover_report {
    uint64_t devices;                     /* with a good certificate */
    uint64_t by_reason[MRL_BREAK_COUNT_]; /* MRL_BREAK_NONE: those that do not break */
};
/* false: enough; the rest is only counted. */
typedef bool mrl_rollover_visit(void *context, mrl_bytes device, enum mrl_break why);

/* [service] Counts all devices, and shows those that break, by id, from the one behind after on. */
mrl_err mrl_rollover_check(struct mrl_store *s, const struct mrl_rollover *plan, mrl_bytes after,
                           mrl_rollover_visit *visit, void *context,
                           struct mrl_rollover_report *out);

#endif
