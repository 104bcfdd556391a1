/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, as the caller says it, and its canonical text. Layer: server/audit. Thread: any.
 *
 * Redaction comes before hashing: no secret (key, token text, payload, pass phrase) is ever put
 * into an event, also not as its hash; things are named by id or fingerprint. Personal fields (the
 * source address, the id of an operator who acts or is acted on) stand in the text as commitments,
 * opening.h. */
#ifndef MRL_AUDIT_EVENT_H
#define MRL_AUDIT_EVENT_H

#include "audit/actions.h"
#include "audit/opening.h"
#include "crypto/hash.h"

enum mrl_audit_actor_kind {
    MRL_ACTOR_UNKNOWN, /* did not prove who it is; id may hold what it claimed */
    MRL_ACTOR_DEVICE,
    MRL_ACTOR_APPLICATION,
    MRL_ACTOR_OPERATOR,
    MRL_ACTOR_SYSTEM, /* Merlon itself */
    MRL_ACTOR_CLAIM,  /* one of the devices that hold a claim certificate */
    MRL_ACTOR_COUNT_
};
enum mrl_audit_outcome {
    MRL_AUDIT_OK,
    MRL_AUDIT_DENIED,
    MRL_AUDIT_FAILED,
    MRL_AUDIT_OUTCOME_COUNT_
};

/* Longer values are cut and the entry says "truncated":true. */
enum {
    MRL_AUDIT_ID_MAX = 256,
    MRL_AUDIT_NODE_MAX = 255,
    MRL_AUDIT_SOURCE_MAX = 128,
    MRL_AUDIT_TARGET_MAX = 1024,
    MRL_AUDIT_REASON_MAX = 512,
    MRL_AUDIT_DETAILS_MAX = 16,     /* fields */
    MRL_AUDIT_DETAIL_NAME_MAX = 64, /* bytes of a name */
    MRL_AUDIT_DETAIL_MAX = 8192,    /* bytes of one text */
    MRL_AUDIT_ENTRY_MAX = 65535,    /* bytes of the canonical text, c2sp.org/tlog-tiles */
};

struct mrl_audit_detail {
    const char *name; /* a constant of [a-z0-9_], each once */
    mrl_bytes text;   /* used when is_number is false */
    int64_t number;
    bool is_number;
};
#define MRL_AUDIT_TEXT(name, bytes) ((struct mrl_audit_detail){(name), (bytes), 0, false})
#define MRL_AUDIT_INT(name, n) ((struct mrl_audit_detail){(name), {0}, (int64_t)(n), true})

/* SHA-256 of the canonical form of a record, digest.h. */
struct mrl_audit_digest {
    bool known; /* false: there is no such record, or it says nothing about the event */
    uint8_t bytes[MRL_SHA256_SIZE];
};

/* Everything is borrowed for the call that takes the event. Empty values are left out. Bytes may be
 * anything a peer sent: what is not UTF-8 is replaced (U+FFFD), control bytes are escaped. */
struct mrl_audit_event {
    enum mrl_audit_action action;
    enum mrl_audit_outcome outcome;
    struct {
        enum mrl_audit_actor_kind kind;
        mrl_bytes id;
        /* "certificate:<fingerprint>", "psk:<identity>", "token:<id>", "unix:uid=0" */
        mrl_bytes auth;
    } actor;
    mrl_bytes source; /* address as text: "192.0.2.7:50112", "[2001:db8::1]:50112", "unix" */
    mrl_bytes target;
    mrl_bytes reason;
    mrl_bytes request; /* request id, joins with the log */
    uint64_t repeated; /* 0: one event; else the entry stands for so many more */
    int64_t time_ms;   /* 0: now */
    struct mrl_audit_digest before, after; /* of what changed */
    const struct mrl_audit_detail *details;
    size_t details_count;
};

/* "device", "ok". Never NULL for a value of the enum. */
const char *mrl_audit_actor_kind_name(enum mrl_audit_actor_kind kind);
const char *mrl_audit_outcome_name(enum mrl_audit_outcome outcome);

enum { MRL_AUDIT_PRIVATE_MAX = 3 * (2 * MRL_AUDIT_ID_MAX + MRL_AUDIT_SOURCE_MAX) };
/* The openings of an entry with the memory they point into. */
struct mrl_audit_private {
    struct mrl_audit_openings openings;
    size_t used;
    uint8_t memory[MRL_AUDIT_PRIVATE_MAX];
};

/* Appends the canonical text of entry seq (RFC 8785: sorted keys, no blanks, one spelling of each
 * string; integers beyond 2^53 as strings), at most MRL_AUDIT_ENTRY_MAX bytes:
 *   {"action":"device.enrolled","actor":{"auth":"token:t1","id":"d1","kind":"device"},
 *    "after":"<hex>","details":{"profile":"device"},"node":"iot1","outcome":"ok","seq":7,
 *    "source":"sha256:<hex>","target":"d1","time":1795472078123,"v":2} (without the blanks)
 * node: the name of this server. *private: what opens the commitments, with fresh salts. */
mrl_err mrl_audit_write_json(const struct mrl_audit_event *e, uint64_t seq, mrl_bytes node,
                             struct mrl_audit_private *private, struct mrl_buf *out);

#endif
