/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes too often, and is kept out for a while. Layer: guard. Thread: any; nothing here blocks.
 * One guard for all workers, so that a limit is a limit of the daemon. */
#ifndef MRL_GUARD_GUARD_H
#define MRL_GUARD_GUARD_H

#include "audit/audit.h"
#include "guard/table.h"
#include "net/network.h"

enum mrl_guard_kind {
    MRL_GUARD_SOURCE,    /* one address, or what a site has of IPv6 */
    MRL_GUARD_NETWORK,   /* the network around it */
    MRL_GUARD_ENROLMENT, /* a source, at the door for enrolments */
    MRL_GUARD_DEVICE,
    MRL_GUARD_APPLICATION,
    MRL_GUARD_KIND_COUNT_
};
const char *mrl_guard_kind_name(enum mrl_guard_kind kind); /* "source"; never NULL */

enum mrl_guard_reason {
    MRL_GUARD_FAILURES, /* handshakes without a certificate of ours */
    MRL_GUARD_TOKENS,   /* wrong tokens */
    MRL_GUARD_FLAPPING, /* a device that connects over and over */
    MRL_GUARD_FLOODING, /* a device that sends faster than it may and does not stop */
    MRL_GUARD_REASON_COUNT_
};
const char *mrl_guard_reason_name(enum mrl_guard_reason reason);

struct mrl_guard_config {
    /* All numbers a minute; 0: any. */
    uint64_t source_connects;
    uint64_t source_failures;
    uint64_t network_connects;
    uint64_t network_failures;
    uint64_t token_failures; /* of a source */
    unsigned source_ipv4_bits, source_ipv6_bits;
    unsigned network_ipv4_bits, network_ipv6_bits;
    uint64_t block_ms;     /* the first time */
    uint64_t block_max_ms; /* it doubles up to this */
    size_t sources;        /* remembered at most; likewise principals */
    size_t principals;
    const struct mrl_network *exempt; /* borrowed: no limit on a source holds for these */
    size_t exempt_count;
    struct mrl_audit *audit;  /* borrowed; may be NULL */
    uint64_t (*now_ms)(void); /* NULL: mrl_monotonic_ms */
};

struct mrl_guard;
struct mrl_guard *mrl_guard_new(const struct mrl_guard_config *config);
void mrl_guard_free(struct mrl_guard *g); /* NULL is fine */

enum mrl_guard_verdict {
    MRL_GUARD_PASS,
    MRL_GUARD_TOO_FAST, /* this one is too many; the next may pass */
    MRL_GUARD_BLOCKED,  /* kept out until its time is over */
};

/* A connection was accepted, nothing was spent on it yet: may it stay? Counts it. A peer without an
 * address (UNIX socket) always may; where a peer is asked about, no guard (NULL) lets it. */
enum mrl_guard_verdict mrl_guard_admit(struct mrl_guard *g, const struct mrl_peer *peer);
/* It has shown to be one of ours: it does not count. Once for each admitted connection. */
void mrl_guard_proven(struct mrl_guard *g, const struct mrl_peer *peer);
/* Its handshake failed, and nobody knows who it is. */
void mrl_guard_failed(struct mrl_guard *g, const struct mrl_peer *peer);

/* 0: this source may try an enrolment token; else the time until it may, above 0. */
uint64_t mrl_guard_enrol_wait_ms(struct mrl_guard *g, const struct mrl_peer *peer);
void mrl_guard_token_refused(struct mrl_guard *g, const struct mrl_peer *peer);

/* A device or application that is known. source: where it is, as text, for the report. */
struct mrl_guard_principal {
    enum mrl_guard_kind kind; /* DEVICE or APPLICATION */
    mrl_bytes id;
    mrl_bytes source;
};
/* It connects: may it? Counts it against per_minute (0: any number). One more than that is flapping
 * and blocks it; while it is blocked nothing is counted. */
enum mrl_guard_verdict mrl_guard_connect(struct mrl_guard *g, const struct mrl_guard_principal *who,
                                         uint64_t per_minute);
/* Blocks it, for reason FLOODING. */
void mrl_guard_flooded(struct mrl_guard *g, const struct mrl_guard_principal *who);

enum { MRL_GUARD_TEXT = 96 };
struct mrl_guard_block {
    char text[MRL_GUARD_TEXT]; /* "device:pump-7", "source:192.0.2.7" */
    enum mrl_guard_reason reason;
    uint64_t left_ms;
    unsigned strikes; /* how often without a rest between them */
};
typedef void mrl_guard_visit(void *context, const struct mrl_guard_block *block);
/* In the order of texts after `after` (empty: from the start), at most limit. */
void mrl_guard_list(struct mrl_guard *g, mrl_bytes after, size_t limit, mrl_guard_visit *visit,
                    void *context);
/* text as in the list. MRL_ERR_INVALID: no such text; MRL_ERR_NOT_FOUND: it is not blocked. */
mrl_err mrl_guard_check_blocked(struct mrl_guard *g, mrl_bytes text, struct mrl_why *why);
/* The same, and lets it in again: its strikes and failures are forgotten. */
mrl_err mrl_guard_lift(struct mrl_guard *g, mrl_bytes text, struct mrl_why *why);

/* Blocks since the start, by reason. */
uint64_t mrl_guard_blocks(const struct mrl_guard *g, enum mrl_guard_reason reason);

#endif
